"""Databases that are not UTF-8, and collations that find different texts equal."""
from case import CaseFailed, python_case


def with_encoding(case, encoding):
    case.drop_database()
    case.server.execute("postgres", f"CREATE DATABASE \"{case.database}\" TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'")


@python_case
def latin1_database(case):
    with_encoding(case, "LATIN1")
    case.sql("""SET client_encoding = 'UTF8';
        CREATE TABLE "täble" (id int PRIMARY KEY, "spälte" text, c char(3), a text[]);
        INSERT INTO "täble" VALUES (1, 'äöüß ÿ', 'é', '{ä,"ö b"}');""")
    case.sync()
    case.sql("""INSERT INTO "täble" VALUES (2, 'äöüß ÿ', 'é', '{ä,"ö b"}'); UPDATE "täble" SET "spälte" = '¡changed!' WHERE id = 1;""")
    case.sync()
    if case.query('SELECT "spälte" FROM public."täble" ORDER BY id') != [("¡changed!",), ("äöüß ÿ",)]:
        raise CaseFailed(str(case.query('SELECT * FROM public."täble"')))


@python_case
def bytes_that_are_no_text(case):
    """An SQL_ASCII database takes any bytes. What is no UTF-8 stops its table and is not shown."""
    with_encoding(case, "SQL_ASCII")
    case.sql("CREATE TABLE bad (id int PRIMARY KEY, v text); CREATE TABLE good (id int PRIMARY KEY, v text);"
             "INSERT INTO bad VALUES (1, 'plain'); INSERT INTO good VALUES (1, 'pläin');")
    case.sync()
    case.sql(r"INSERT INTO bad VALUES (2, E'hushhush \xff\xfe'); INSERT INTO good VALUES (2, 'x');")
    case.sync()
    case.expect_state("public.bad", "quarantined", "UTF-8")
    fix = case.states()["public.bad"]["quarantine"]["fix"]
    if "as: text" in fix or "resync" not in fix:
        raise CaseFailed(f"a text column does not take it either: {fix}")
    case.same([("public", "good")])


@python_case
def collation_that_ignores_case(case):
    case.sql("""CREATE COLLATION relaxed (provider = icu, deterministic = false, locale = 'und-u-ks-level2');
        CREATE TABLE t (k text COLLATE relaxed PRIMARY KEY, v int);
        INSERT INTO t VALUES ('abc', 1), ('Äb', 2), ('x', 3);""")
    case.sync()
    case.sql("""UPDATE t SET k = 'ABC' WHERE v = 1; UPDATE t SET v = 20 WHERE k = 'äB'; DELETE FROM t WHERE k = 'X';
        BEGIN; UPDATE t SET k = 'aBc', v = 5 WHERE k = 'abc'; UPDATE t SET v = 6 WHERE k = 'ABC'; COMMIT;""")
