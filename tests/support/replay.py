"""Replays the log that `--mode log` writes, in order, into the rows the source must have."""
import collections

from support.compare import mirror_rows, quoted

IDENTITY = """
SELECT a.attname FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
WHERE i.indrelid = %s::text::regclass AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END"""

OWN_COLUMNS = ("_luge_op", "_luge_epoch", "_luge_lsn", "_luge_ordinal", "_luge_present")


class ReplayFailed(Exception):
    pass


def identity(connection, relation):
    return {row[0] for row in connection.execute(IDENTITY, [relation]).fetchall()}


def replayed(mirror, log, columns, keys):
    """The table's rows after the whole log. `columns` are (name, DuckDB type) of the source's columns, `keys` the names that identify a row."""
    kinds = mirror.execute(f"DESCRIBE {log}").fetchall()
    own = [(row[0], row[1]) for row in kinds if row[0] in OWN_COLUMNS]
    ordered = f"(SELECT * FROM {log} ORDER BY _luge_epoch, _luge_lsn, _luge_ordinal, rowid)"
    facts = mirror_rows(mirror, ordered, own)
    values = mirror_rows(mirror, ordered, columns)
    where = {name: i for i, (name, _) in enumerate(own)}
    place = [i for i, (name, _) in enumerate(columns) if name in keys]
    every = tuple(range(len(columns)))
    rows = {} if place else collections.Counter()

    def key_of(row):
        return tuple(row[i] for i in place)

    removed = None  # (lsn, ordinal, row) of a `d` that belongs to the next `u`
    for fact, row in zip(facts, values):
        op, at, present = fact[where["_luge_op"]], (fact[where["_luge_lsn"]], fact[where["_luge_ordinal"]]), fact[where["_luge_present"]]
        there = every if present is None else tuple(i for i, bit in enumerate(present[:len(columns)]) if bit == "1")
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
    try:
        right = collections.Counter(replayed(mirror, log, columns, identity(connection, f"{quoted(schema)}.{quoted(table)}")))
    except ReplayFailed as failure:
        return [str(failure)]
    left = collections.Counter(source_rows([kind for _, kind in columns]))
    return [f"{log}: {len(list((left - right).elements()))} rows only in the source, {len(list((right - left).elements()))} only in the replayed log"] if left != right else []
