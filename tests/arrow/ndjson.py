#!/usr/bin/env python3
"""PyArrow and PostgreSQL's own texts judge the lines that Snowflake gets.

    tests/arrow/ndjson.py BUILD_DIRECTORY

The values of real servers (tests/golden/values) become a column; its NDJSON is read by Python's json, and compared with what to_pylist
makes of the same column through the C Data Interface, and for what travels as text with the server's text itself.
The last line is "N passed, N failed".
"""
import base64
import ctypes
import datetime
import json
import math
import pathlib
import struct
import sys

from validate import DAY, ROOT, ArrowPair, Checks, actual, array, golden

EPOCH = datetime.datetime(1970, 1, 1)
MISFIT = object()
AS_POSTGRES_WRITES_IT = ("text", "interval", "time_tz", "uuid", "decimal")


def load(build):
    library = ctypes.CDLL(str(pathlib.Path(build) / "tests" / "arrow" / "libluge_ndjson_probe.so"))
    pointer = ctypes.c_void_p
    library.ndjson_open.argtypes, library.ndjson_open.restype = [ctypes.c_char_p], pointer
    for name in ("ndjson_close", "ndjson_type", "ndjson_encode"):
        getattr(library, name).argtypes = [pointer]
    library.ndjson_type.restype = library.ndjson_encode.restype = ctypes.c_char_p
    library.ndjson_append.argtypes = [pointer, ctypes.c_char_p, ctypes.c_size_t]
    library.ndjson_export.argtypes = [pointer, pointer, pointer]
    return library


def moment(micros):
    try:
        return (EPOCH + datetime.timedelta(microseconds=micros)).isoformat()
    except OverflowError:
        return MISFIT



def from_arrow(kind, value):
    """What the line should hold, from validate.actual()'s value; MISFIT: nothing."""
    if value is None:
        return None
    if kind.startswith("list<"):
        items = [from_arrow(kind[5:-1], item) for item in value]
        return MISFIT if MISFIT in items else items
    if kind == "date":
        stamp = moment(value * DAY)
        return MISFIT if stamp is MISFIT else stamp[:10]
    if kind == "time":
        return MISFIT if value == DAY else moment(value)[11:]
    if kind in ("timestamp", "timestamp_tz"):
        stamp = moment(value)
        return stamp if stamp is MISFIT or kind == "timestamp" else stamp + "+00:00"
    if kind in ("float32", "float64"):
        if value == "NaN":
            return "NaN"
        number = struct.unpack("<f" if kind == "float32" else "<d", value)[0]
        return ("inf" if number > 0 else "-inf") if math.isinf(number) else value
    if kind == "binary":
        return base64.b64encode(value).decode()
    if kind == "json":
        return json.loads(value)
    return value


def from_text(kind, text):
    if kind.startswith("list<"):
        return [None if item is None else from_text(kind[5:-1], item) for item in array(text)]
    return text


def told(kind, value):
    """A value of a line, with floats as their bits."""
    if isinstance(value, list) and kind.startswith("list<"):
        return [told(kind[5:-1], item) for item in value]
    if kind in ("float32", "float64") and isinstance(value, float):
        return struct.pack("<f" if kind == "float32" else "<d", value)
    return value


def check_type(library, check, path, name, schema, values):
    probe = library.ndjson_open(schema.encode())
    kind = library.ndjson_type(probe).decode()
    texts = [text for text, _ in values if library.ndjson_append(probe, text.encode(), len(text.encode()))] + [None]
    library.ndjson_append(probe, None, 0)
    lines = library.ndjson_encode(probe).decode().split("\n")[:-1]
    pair = ArrowPair()
    library.ndjson_export(probe, pair.schema, pair.array)
    library.ndjson_close(probe)
    got = [MISFIT if line.startswith("!") else told(kind, json.loads(line).get("V")) for line in lines]
    column = pair.to_pyarrow().column(0)
    element = kind[5:-1] if kind.startswith("list<") else kind
    if element.startswith(AS_POSTGRES_WRITES_IT):
        wanted = [None if text is None else from_text(kind, text) for text in texts]
    else:
        wanted = [from_arrow(kind, value) for value in actual(column)]
    differing = [i for i in range(min(len(wanted), len(got))) if wanted[i] != got[i] and not (element == "json" and got[i] is MISFIT)]
    check(f"{path.name} {name} ({kind})", len(got) == len(wanted) and not differing,
          f"{len(got)} of {len(wanted)} {[(texts[i], wanted[i], got[i]) for i in differing[:3]]}"[:600])
    return sum(value is MISFIT for value in got)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    library, check, misfits = load(sys.argv[1]), Checks(), 0
    for path in sorted((ROOT / "tests" / "golden" / "values").glob("*.golden")):
        for name, schema, values in golden(path):
            misfits += check_type(library, check, path, name, schema, values)
    check("some values are Snowflake's misfits", misfits > 0)
    print(f"{misfits} misfits")
    print(f"{check.passed} passed, {check.failed} failed")
    sys.exit(1 if check.failed else 0)


if __name__ == "__main__":
    main()
