"""One form for a value, whichever side it comes from.

The source's side is PostgreSQL's own text, the mirror's side is what DuckDB hands out as Arrow. Nothing of luge is involved.
"""
import decimal
import math
import re
import struct

import pyarrow

INFINITE_DATE = 2**31 - 1
INFINITE_TIMESTAMP = 2**63 - 1
DAYS_BEFORE_1970 = 719468
MICROSECONDS_A_DAY = 86_400_000_000


def days_from_civil(year, month, day):
    """Days since 1970-01-01 in the proleptic Gregorian calendar; year 0 is 1 BC."""
    year -= month <= 2
    era, of_era = divmod(year, 400)
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - DAYS_BEFORE_1970


def parse_date(text):
    if text.endswith("infinity"):
        return -INFINITE_DATE if text[0] == "-" else INFINITE_DATE
    year, month, day = map(int, text.removesuffix(" BC").split("-"))
    return days_from_civil(1 - year if text.endswith(" BC") else year, month, day)


def parse_time(text):
    hours, minutes, seconds = text.split(":")
    whole, _, fraction = seconds.partition(".")
    return ((int(hours) * 60 + int(minutes)) * 60 + int(whole)) * 1_000_000 + int(fraction.ljust(6, "0") or 0)


def parse_timestamp(text):
    if text.endswith("infinity"):
        return -INFINITE_TIMESTAMP if text[0] == "-" else INFINITE_TIMESTAMP
    date, time, *era = text.split(" ")
    return parse_date(" ".join([date, *era])) * MICROSECONDS_A_DAY + parse_time(time.removesuffix("+00"))


def parse_time_with_zone(text):
    """(microseconds, offset in seconds)"""
    time, sign, offset = re.fullmatch(r"([\d:.]+)([+-])([\d:]+)", text).groups()
    parts = [int(part) for part in offset.split(":")] + [0, 0]
    return parse_time(time), (-1 if sign == "-" else 1) * (parts[0] * 3600 + parts[1] * 60 + parts[2])


def parse_interval(text):
    """(months, days, microseconds), from the spelling of either side."""
    months = days = microseconds = 0
    words = text.replace("@ ", "").split()
    while words:
        word = words.pop(0)
        if ":" in word:
            sign = -1 if word[0] == "-" else 1
            microseconds += sign * parse_time(word.lstrip("+-"))
        else:
            unit = words.pop(0)
            if unit.startswith("year"):
                months += 12 * int(word)
            elif unit.startswith("mon"):
                months += int(word)
            else:
                days += int(word)
    return months, days, microseconds


def parse_array(text):
    """The elements of a one-dimensional array literal as their texts, None for NULL."""
    elements, position = [], 1
    if text == "{}":
        return elements
    while True:
        if text[position] == '"':
            characters, position = [], position + 1
            while text[position] != '"':
                position += text[position] == "\\"
                characters.append(text[position])
                position += 1
            elements.append("".join(characters))
            position += 1
        else:
            end = min(i for i in (text.find(",", position), text.find("}", position)) if i >= 0)
            elements.append(None if text[position:end] == "NULL" else text[position:end])
            position = end
        if text[position] == "}":
            return elements
        position += 1


def number(value):
    """A float by its bits; every NaN the same, and -0 as 0 (DuckDB may store it so)."""
    return "NaN" if math.isnan(value) else struct.pack("<d", value + 0.0)


def from_postgres(text, duckdb_type):
    """A value of the source, given as its text, as a column of that type must hold it."""
    if text is None:
        return None
    if duckdb_type.endswith("[]"):
        return tuple(from_postgres(element, duckdb_type[:-2]) for element in parse_array(text))
    if duckdb_type == "BOOLEAN":
        return text == "t"
    if duckdb_type in ("SMALLINT", "INTEGER", "BIGINT", "UINTEGER", "UBIGINT"):
        return int(text)
    if duckdb_type == "FLOAT":
        return number(struct.unpack("<f", struct.pack("<f", float(text)))[0])
    if duckdb_type == "DOUBLE":
        return number(float(text))
    if duckdb_type.startswith("DECIMAL"):
        return str(decimal.Decimal(text))
    if duckdb_type == "BLOB":
        return bytes.fromhex(text.removeprefix("\\x"))
    if duckdb_type == "DATE":
        return parse_date(text)
    if duckdb_type == "TIME":
        return parse_time(text)
    if duckdb_type == "TIME WITH TIME ZONE":
        return parse_time_with_zone(text)
    if duckdb_type.startswith("TIMESTAMP"):
        return parse_timestamp(text)
    if duckdb_type == "INTERVAL":
        return parse_interval(text)
    return text  # VARCHAR, JSON, UUID


def select_expression(name, duckdb_type):
    """What to select so that Arrow carries the value whole: it has no time with a zone, and its interval overflows."""
    if duckdb_type in ("TIME WITH TIME ZONE", "INTERVAL"):
        return f"{name}::VARCHAR"
    if duckdb_type in ("TIME WITH TIME ZONE[]", "INTERVAL[]"):
        return f"list_transform({name}, lambda x: x::VARCHAR)"
    return name


def from_arrow(array, duckdb_type):
    """The values of an Arrow array of a DuckDB column of that type, in canonical form."""
    kind = array.type
    if pyarrow.types.is_list(kind):
        flat = from_arrow(array.values, duckdb_type[:-2])
        offsets = array.offsets.to_pylist()
        return [tuple(flat[offsets[i]:offsets[i + 1]]) if valid else None for i, valid in enumerate(array.is_valid().to_pylist())]
    if pyarrow.types.is_date32(kind):
        return array.view(pyarrow.int32()).to_pylist()
    if pyarrow.types.is_timestamp(kind) or pyarrow.types.is_time(kind):
        return array.view(pyarrow.int64()).to_pylist()
    values = array.to_pylist()
    if duckdb_type.startswith("TIME WITH TIME ZONE"):
        convert = parse_time_with_zone
    elif duckdb_type.startswith("INTERVAL"):
        convert = parse_interval
    elif pyarrow.types.is_floating(kind):
        convert = number
    elif pyarrow.types.is_decimal(kind):
        convert = str
    else:
        return values
    return [None if value is None else convert(value) for value in values]
