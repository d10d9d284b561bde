#!/usr/bin/env python3
"""PyArrow judges luge's Arrow data.

    tests/arrow/validate.py BUILD_DIRECTORY

1. Random chunks of every kind with random nulls pass RecordBatch.validate(full=True), and come back into luge bit for bit.
2. The values of real servers (tests/golden/values) are built from text and from bytes, pass the same validation, and equal what this
   file makes of PostgreSQL's text with Python's own arithmetic.
The last line is "N passed, N failed".
"""
import ctypes
import json
import math
import pathlib
import re
import struct
import sys
import uuid
from decimal import Decimal, localcontext

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from support import environment  # noqa: E402

environment.enter()

import pyarrow as pa  # noqa: E402
import pyarrow.compute  # noqa: E402,F401

INFINITE_DAYS, INFINITE_MICROS = 2**31 - 1, 2**63 - 1
DAY = 86_400_000_000


class ArrowPair:
    """An ArrowSchema and an ArrowArray, empty: the C structs have nine and ten fields of eight bytes."""

    def __init__(self):
        self.schema_memory, self.array_memory = (ctypes.c_uint64 * 9)(), (ctypes.c_uint64 * 10)()
        self.schema, self.array = ctypes.addressof(self.schema_memory), ctypes.addressof(self.array_memory)

    def to_pyarrow(self):
        return pa.RecordBatch._import_from_c(self.array, self.schema)

    @classmethod
    def of(cls, batch):
        pair = cls()
        batch._export_to_c(pair.array, pair.schema)
        return pair


def load(build):
    library = ctypes.CDLL(str(pathlib.Path(build) / "tests" / "arrow" / "libluge_arrow_probe.so"))
    pointer = ctypes.c_void_p
    library.probe_export_sample.argtypes = library.probe_import_sample.argtypes = [ctypes.c_uint64, ctypes.c_uint32, ctypes.c_uint, pointer, pointer]
    library.probe_open.argtypes, library.probe_open.restype = [ctypes.c_char_p], pointer
    for name in ("probe_close", "probe_type", "probe_reads_bytes", "probe_misfit"):
        getattr(library, name).argtypes = [pointer]
    library.probe_type.restype = library.probe_misfit.restype = ctypes.c_char_p
    library.probe_append.argtypes = [pointer, ctypes.c_char, ctypes.c_char_p, ctypes.c_size_t]
    library.probe_export.argtypes = [pointer, pointer, pointer]
    return library


# PostgreSQL's text in Python's arithmetic ---------------------------------------------------------------------------------------

def julian_day(year, month, day):
    """datetime.c, date2j."""
    year, month = (year + 4800, month + 1) if month > 2 else (year + 4799, month + 13)
    century = year // 100
    return year * 365 - 32167 + year // 4 - century + century // 4 + 7834 * month // 256 + day


def days(text):
    if text.endswith("infinity"):
        return -INFINITE_DAYS if text.startswith("-") else INFINITE_DAYS
    year, month, day = (int(part) for part in text.removesuffix(" BC").split("-"))
    return julian_day(1 - year if text.endswith(" BC") else year, month, day) - julian_day(1970, 1, 1)


def micros_of_day(text):
    hours, minutes, seconds = text.split(":")
    return (int(hours) * 3600 + int(minutes) * 60) * 1_000_000 + int(Decimal(seconds) * 1_000_000)


def seconds_east(zone):
    parts = [int(part) for part in zone[1:].split(":")] + [0, 0]
    return (parts[0] * 3600 + parts[1] * 60 + parts[2]) * (-1 if zone[0] == "-" else 1)


def time_tz(text):
    time, zone = text[:-len(re.search(r"[+-][\d:]+$", text)[0])], re.search(r"[+-][\d:]+$", text)[0]
    return {"time": micros_of_day(time), "offset_seconds": seconds_east(zone)}


def timestamp(text):
    if text.endswith("infinity"):
        return -INFINITE_MICROS if text.startswith("-") else INFINITE_MICROS
    date, time = text.removesuffix(" BC").removesuffix("+00").split(" ")
    return days(date + (" BC" if text.endswith(" BC") else "")) * DAY + micros_of_day(time)


def interval(text):
    months = sum(int(n) * (12 if unit == "year" else 1) for n, unit in re.findall(r"([+-]?\d+) (year|mon)", text))
    day_count = sum(int(n) for n in re.findall(r"([+-]?\d+) day", text))
    clock = re.search(r"([+-]?)(\d+:\d\d:\d\d(?:\.\d+)?)$", text)
    micros = micros_of_day(clock[2]) * (-1 if clock[1] == "-" else 1) if clock else 0
    return (months, day_count, micros * 1000)


def array(text):
    """array_out of one dimension from 1; None stands for NULL."""
    items, at = [], 1
    while text[at] != "}":
        if text[at] == ",":
            at += 1
        if text[at] == '"':
            item, at = "", at + 1
            while text[at] != '"':
                at += text[at] == "\\"
                item, at = item + text[at], at + 1
            items.append(item)
            at += 1
        else:
            end = min(place for place in (text.find(",", at), text.find("}", at)) if place >= 0)
            items.append(None if text[at:end] == "NULL" else text[at:end])
            at = end
    return items


def floating(code):
    def read(text):
        value = float(text)
        return "NaN" if math.isnan(value) else struct.pack(code, value)
    return read


def expected(kind, text):
    if kind.startswith("list<"):
        return [None if item is None else expected(kind[5:-1], item) for item in array(text)]
    readers = {"boolean": lambda t: t == "t", "float32": floating("<f"), "float64": floating("<d"), "text": str, "json": str, "date": days, "time": micros_of_day,
               "time_tz": time_tz, "timestamp": timestamp, "timestamp_tz": timestamp, "interval": interval, "binary": lambda t: bytes.fromhex(t[2:]),
               "uuid": lambda t: uuid.UUID(t).bytes}
    if kind.startswith("decimal"):
        return Decimal(text)
    return readers.get(kind, int)(text)


def actual(values):
    """An Arrow array as what `expected` gives: beyond what Python's own dates hold, so as numbers."""
    kind = values.type
    if pa.types.is_list(kind):
        items = actual(values.flatten())
        lengths = [None if n is None else n for n in pa.compute.list_value_length(values).to_pylist()]
        lists, at = [], 0
        for length in lengths:
            lists.append(None if length is None else items[at:at + length])
            at += length or 0
        return lists
    if pa.types.is_struct(kind):
        fields = {field.name: actual(values.field(i)) for i, field in enumerate(kind)}
        return [{name: column[i] for name, column in fields.items()} if valid else None for i, valid in enumerate(values.is_valid().to_pylist())]
    if pa.types.is_date32(kind):
        return values.view(pa.int32()).to_pylist()
    if pa.types.is_timestamp(kind) or pa.types.is_time64(kind):
        return values.view(pa.int64()).to_pylist()
    if pa.types.is_floating(kind):
        code = "<f" if pa.types.is_float32(kind) else "<d"
        return [None if v is None else "NaN" if math.isnan(v) else struct.pack(code, v) for v in values.to_pylist()]
    if kind == pa.month_day_nano_interval():
        return [None if v is None else tuple(v) for v in values.to_pylist()]
    return values.to_pylist()


# The checks -------------------------------------------------------------------------------------------------------------------

class Checks:
    def __init__(self):
        self.passed = self.failed = 0

    def __call__(self, what, good, detail=""):
        self.passed += bool(good)
        self.failed += not good
        if not good:
            print(f"FAILED {what} {detail}")


def validated(batch):
    try:
        batch.validate(full=True)
        return ""
    except pa.ArrowInvalid as error:
        return str(error)


def check_samples(library, check):
    for seed in range(1, 41):
        rows, nulls = [0, 1, 7, 8, 9, 64, 100, 1000][seed % 8], [0, 10, 50, 100][seed % 4]
        pair = ArrowPair()
        library.probe_export_sample(seed, rows, nulls, pair.schema, pair.array)
        batch = pair.to_pyarrow()
        fault = validated(batch)
        check(f"sample {seed} is valid", not fault, fault)
        check(f"sample {seed} has {rows} rows", batch.num_rows == rows)
        back = ArrowPair.of(batch)
        check(f"sample {seed} comes back", library.probe_import_sample(seed, rows, nulls, back.schema, back.array) == 1)
        # Through PyArrow's own allocations: slices joined again, with offsets in the pieces.
        table = pa.Table.from_batches([batch.slice(0, rows // 2), batch.slice(rows // 2)]).combine_chunks()
        if rows:
            back = ArrowPair.of(table.to_batches()[0])
            check(f"sample {seed} comes back joined", library.probe_import_sample(seed, rows, nulls, back.schema, back.array) == 1)


def unescape(text):
    return re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v"}.get(m[1], m[1]), text, flags=re.S)


def golden(path):
    """(name, schema, [(text, bytes or None)]) of each type."""
    types = []
    for line in path.read_text().split("\n"):
        word, _, rest = line.partition("\t")
        if word == "type":
            types.append((json.loads(rest)["table"], rest, []))
        elif word == "value":
            text, _, data = rest.rpartition("\t")
            types[-1][2].append((unescape(text), None if data == "-" else bytes.fromhex(data)))
    return types


def build(library, schema, form, values):
    """The batch of the values that fit, the type luge chose, and which fit."""
    probe = library.probe_open(schema.encode())
    fits = [library.probe_append(probe, form, value, len(value)) == 1 for value in values]
    library.probe_append(probe, b"n", None, 0)
    pair = ArrowPair()
    kind = library.probe_type(probe).decode()
    library.probe_export(probe, pair.schema, pair.array)
    library.probe_close(probe)
    return pair.to_pyarrow(), kind, fits


def check_values(library, check, path):
    for name, schema, values in golden(path):
        probe = library.probe_open(schema.encode())
        reads_bytes = library.probe_reads_bytes(probe) and values[0][1] is not None
        library.probe_close(probe)
        for form in [b"t"] + [b"b"] * bool(reads_bytes):
            what = f"{path.name} {name} from {'text' if form == b't' else 'bytes'}"
            wire = [text.encode() if form == b"t" else data for text, data in values]
            batch, kind, fits = build(library, schema, form, wire)
            with localcontext() as context:
                context.prec = 60
                wanted = [expected(kind, text) for (text, _), fit in zip(values, fits) if fit] + [None]
            got = actual(batch.column(0))
            differing = [i for i, pair in enumerate(zip(wanted, got)) if pair[0] != pair[1]]
            check(what + " has its values", len(got) == len(wanted) and not differing, f"{[(wanted[i], got[i]) for i in differing[:3]]}"[:400])
            # PyArrow calls 24:00:00 invalid; PostgreSQL and DuckDB do not.
            in_day = [data for (text, _), data in zip(values, wire) if not ("time" in kind and "stamp" not in kind and "24:00:00" in text)]
            fault = validated(build(library, schema, form, in_day)[0])
            check(what + " is valid", not fault, fault)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    library, check = load(sys.argv[1]), Checks()
    check_samples(library, check)
    for path in sorted((ROOT / "tests" / "golden" / "values").glob("*.golden")):
        check_values(library, check, path)
    print(f"{check.passed} passed, {check.failed} failed")
    sys.exit(1 if check.failed else 0)


if __name__ == "__main__":
    main()
