"""Snowflake's names: how they fold, and how they are kept in DuckDB, which cannot tell `a` from `A`."""
from __future__ import annotations

import re

HIDDEN_SCHEMA = "_EMULATOR"  # the emulator's own tables, in the same file as the data so that one transaction covers both
_QUALIFIED = re.compile(r'\s*(?:"((?:[^"]|"")+)"|([^\s."()]+))\s*(\.?)')


def fold(name: str) -> str:
    """An identifier as written -> the name it means: quoted keeps its case, unquoted is upper-cased."""
    if len(name) >= 2 and name[0] == name[-1] == '"':
        return name[1:-1].replace('""', '"')
    return name.upper()


def split_qualified(text: str) -> tuple[str, ...]:
    """`db."Sc".t` -> ("DB", "Sc", "T"). Stops at the first thing that is no name."""
    parts: list[str] = []
    at = 0
    while match := _QUALIFIED.match(text, at):
        parts.append(match[1].replace('""', '"') if match[1] is not None else match[2].upper())
        at = match.end()
        if not match[3]:
            break
    return tuple(parts)


def mangle(name: str) -> str:
    """The name in DuckDB. Names without lower-case letters stay as they are; others get `~` and a bit map of what is lower case,
    so that two names which differ only in case stay two. Injective: a name that holds `~` gets the suffix too."""
    lower = sum(1 << at for at, letter in enumerate(name) if letter != letter.upper())
    return f"{name}~{lower:x}" if lower or "~" in name else name


def demangle(name: str) -> str:
    return name.rpartition("~")[0] if "~" in name else name


def quote(name: str) -> str:
    """A Snowflake name as an identifier for DuckDB."""
    return '"' + mangle(name).replace('"', '""') + '"'


def quote_path(*names: str) -> str:
    return ".".join(map(quote, names))


def literal(text: str | None) -> str:
    return "NULL" if text is None else "'" + text.replace("'", "''") + "'"


def show(name: str) -> str:
    """A name as Snowflake prints it: quoted only where that is needed to read it back."""
    return name if re.fullmatch(r"[A-Z_][A-Z0-9_$]*", name) else '"' + name.replace('"', '""') + '"'


def demangle_text(text: str) -> str:
    """Takes the suffixes out of an error message of DuckDB."""
    return re.sub(r"([A-Za-z0-9_ $-]+)~[0-9a-f]+\b", r"\1", text)
