"""Replays the log that `--mode log` writes, in order, into the rows the source must have; checks on the way that it is one history."""
import collections

from support.compare import mirror_rows, quoted

IDENTITY = """
SELECT a.attname FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
WHERE i.indrelid = %s::text::regclass AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END"""

OWN_COLUMNS = ("_luge_op", "_luge_epoch", "_luge_lsn", "_luge_ordinal", "_luge_xid", "_luge_commit_time", "_luge_present")


class ReplayFailed(Exception):
    pass


def identity(connection, relation):
    return {row[0] for row in connection.execute(IDENTITY, [relation]).fetchall()}


def replayed(mirror, log, columns, attnums, keys):
    """The table's rows after the whole log. `columns` are (name, DuckDB type) of the source's columns, `keys` the names that identify a row.

    What stands before a later copy was told in the shape and under the identity of its time: only its order is looked at.
    """
    kinds = mirror.execute(f"DESCRIBE {log}").fetchall()
    own = [(row[0], row[1]) for row in kinds if row[0] in OWN_COLUMNS]
    ordered = f"(SELECT * FROM {log} ORDER BY _luge_epoch, _luge_lsn, _luge_ordinal, _luge_op)"
    facts = mirror_rows(mirror, ordered, own)
    values = mirror_rows(mirror, ordered, columns)
    where = {name: i for i, (name, _) in enumerate(own)}
    place = [i for i, (name, _) in enumerate(columns) if name in keys]
    every = tuple(range(len(columns)))
    rows = {} if place else collections.Counter()

    def key_of(row):
        return tuple(row[i] for i in place)

    check_order(log, facts, where)
    begin = max((i for i, fact in enumerate(facts) if is_copy(fact, where) and fact[where["_luge_op"]] == "t"), default=0)
    removed = None  # (position, row) of a `d` that belongs to the next `u`
    for fact, row in zip(facts[begin:], values[begin:]):
        op, at, present = fact[where["_luge_op"]], position(fact, where), fact[where["_luge_present"]]
        there = every if present is None else tuple(i for i in every if present[attnums[i] - 1:attnums[i]] != "0")
        before, removed = removed, None
        if op == "t":
            rows.clear()
        elif op == "d":
            old = rows.pop(key_of(row), None) if place else take(rows, row)
            if old is None:
                raise ReplayFailed(f"{log}: a delete at {at} finds no row")
            removed = (at, old)
        elif op == "i":
            if place and key_of(row) in rows:
                raise ReplayFailed(f"{log}: an insert at {at} finds its key taken")
            put(rows, place, key_of, row)
        elif op == "u":
            twin = before is not None and before[0] == at
            old = before[1] if twin else rows.get(key_of(row)) if place else None
            if old is None:
                raise ReplayFailed(f"{log}: an update at {at} finds no row")
            put(rows, place, key_of, tuple(row[i] if i in there else old[i] for i in every))
        else:
            raise ReplayFailed(f"{log}: unknown operation {op}")
    return list(rows.values()) if place else list(rows.elements())


def position(fact, where):
    return tuple(int(fact[where[name]]) for name in ("_luge_epoch", "_luge_lsn", "_luge_ordinal"))


def is_copy(fact, where):
    return fact[where["_luge_commit_time"]] is None


def check_order(log, facts, where):
    """Positions are unique but for the two rows of a changed key, and copied rows stand together, behind a `t` unless the log begins with them."""
    for before, fact in zip([None, *facts], facts):
        op = fact[where["_luge_op"]]
        if before is not None and position(fact, where) == position(before, where) and (before[where["_luge_op"]], op) != ("d", "u"):
            raise ReplayFailed(f"{log}: two rows stand at {position(fact, where)}")
        if is_copy(fact, where) != (fact[where["_luge_xid"]] in (0, "0")):
            raise ReplayFailed(f"{log}: the row at {position(fact, where)} is of a copy, or of a transaction?")
        if not is_copy(fact, where):
            continue
        first = before is None and position(fact, where)[1] == 0
        if not (op == "t" or op == "i" and (first or before is not None and is_copy(before, where))):
            raise ReplayFailed(f"{log}: a copied row at {position(fact, where)} that follows no other")


def take(rows, row):
    if rows[row] == 0:
        return None
    rows[row] -= 1
    return row


def put(rows, place, key_of, row):
    if place:
        rows[key_of(row)] = row
    else:
        rows[row] += 1


def log_differences(connection, mirror, schema, table, wanted, source_rows):
    """Like compare.differences, for a log; `wanted` are the source's columns, `source_rows(kinds)` its rows in canonical form."""
    log = f"{quoted(schema)}.{quoted(table + '__log')}"
    described = {row[0]: row[1] for row in mirror.execute(f"DESCRIBE {log}").fetchall()}
    missing = [column.name for column in wanted if column.name not in described]
    if missing:
        return [f"{log} lacks the columns {missing}"]
    columns = [(column.name, described[column.name]) for column in wanted]
    attnums = [column.attnum for column in wanted]
    try:
        right = collections.Counter(replayed(mirror, log, columns, attnums, identity(connection, f"{quoted(schema)}.{quoted(table)}")))
    except ReplayFailed as failure:
        return [str(failure)]
    left = collections.Counter(source_rows([kind for _, kind in columns]))
    return [f"{log}: {len(list((left - right).elements()))} rows only in the source, {len(list((right - left).elements()))} only in the replayed log"] if left != right else []
