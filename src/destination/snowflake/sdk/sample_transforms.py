"""Transforms for python_transform_emulator_test.cpp, which reads what they leave in the file $LUGE_TEST_FOUND."""
import base64
import ctypes
import datetime
import decimal
import json
import math
import uuid

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

kept = []


def variable(name):
    """Python took its copy of the environment when it started."""
    libc = ctypes.CDLL(None)
    libc.getenv.restype = ctypes.c_char_p
    return libc.getenv(name.encode()).decode()


def leave(found):
    with open(variable("LUGE_TEST_FOUND"), "w") as file:
        json.dump(found, file)


def same(batch):
    return batch


def addresses(batch):
    leave([None if buffer is None else buffer.address for column in batch.columns for buffer in column.buffers()])
    return batch


def keep(batch):
    kept.append(batch)
    return batch


def shout(batch):
    """Other values, and slices with an offset that is not on a byte."""
    wide = pa.RecordBatch.from_arrays([pa.concat_arrays([column.slice(0, 3), column]) for column in batch.columns], schema=batch.schema)
    batch = wide.slice(3)
    columns = [pc.utf8_upper(column) if pa.types.is_string(column.type) else column for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def drops_a_row(batch):
    return batch.slice(1)


def renames(batch):
    return batch.rename_columns(["X" + name for name in batch.schema.names])


def retypes(batch):
    return batch.set_column(0, batch.schema.names[0], batch.column(0).cast(pa.string()))


def forgets(batch):
    pass


def raises(batch):
    raise ValueError(f"value 4711 of {batch.column(0)[0]}")


def prints(batch):
    print("on standard output")
    return batch


# The reference: what the SDK would send of to_pylist's rows -----------------------------------------------------------------------------


def difference(ours, reference, value):
    """Why two JSON values are not the same; None: they are. `value`: Python's, which is what both stand for."""
    if ours == reference and type(ours) is type(reference):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        good = reference is None and ours == {"inf": "inf", "-inf": "-inf", "nan": "NaN"}[str(value)]
        return "the reference loses NaN and infinities" if good else "wrong"
    if isinstance(value, float):
        return "floats are spelt differently" if float(ours) == value else "wrong"
    if isinstance(value, decimal.Decimal):
        return "decimals are spelt differently" if decimal.Decimal(str(ours)) == value else "wrong"
    if isinstance(value, bytes) and len(value) == 16 and isinstance(ours, str) and len(ours) == 36:
        return "the reference sends a uuid as Base64" if uuid.UUID(ours).bytes == value else "wrong"
    if isinstance(value, bytes):
        return "binaries are spelt differently" if base64.b64decode(ours) == value else "wrong"
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return "times are spelt differently" if type(value).fromisoformat(ours.replace(" ", "T")) == value else "wrong"
    if isinstance(value, str):
        return "the reference sends JSON as text" if json.loads(value) == ours else "wrong"
    return "wrong"


def reference(batch):
    """Compares the lines of $LUGE_TEST_LINES, luge's, with the same rows through to_pylist and msgspec, as the SDK encodes them."""
    found = {}
    with open(variable("LUGE_TEST_LINES")) as file:
        lines = [json.loads(line) for line in file]
    rows = batch.to_pylist()
    assert len(lines) == len(rows) > 0
    for line, row in zip(lines, rows):
        sent = json.loads(msgspec.json.encode(row))
        for name, value in row.items():
            kinds = found.setdefault(name, [])
            if value is None:
                kind = None if line.get(name) is None else "wrong"  # luge leaves NULLs out
            else:
                kind = difference(line.get(name), sent[name], value)
            if kind and kind not in kinds:
                kinds.append(kind)
    leave(found)
    return batch
