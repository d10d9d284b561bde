"""FLATTEN(…, RECURSIVE => TRUE): every value inside a JSON value, with numbers as they are written. DuckDB's json_tree writes them anew."""
from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import duckdb

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class _Number(str):
    """The text of a number."""


_DECODER = json.JSONDecoder(parse_int=_Number, parse_float=_Number, strict=False)


def _text(value: Any) -> str:
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key, ensure_ascii=False)}:{_text(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_text, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _step(path: str, key: str) -> str:
    if not _PLAIN_KEY.fullmatch(key):
        return f"{path}['{key}']"
    return f"{path}.{key}" if path else key


def _walk(value: Any, path: str) -> Iterator[dict[str, Any]]:
    steps = [(key, _step(path, key), None, one) for key, one in value.items()] if isinstance(value, dict) else \
            [(None, f"{path}[{at}]", at, one) for at, one in enumerate(value)] if isinstance(value, list) else []
    this = _text(value) if steps else ""
    for key, where, index, one in steps:
        yield {"KEY": key, "PATH": where, "INDEX": index, "VALUE": _text(one), "THIS": this}
        yield from _walk(one, where)


def nodes(text: str | None) -> list[dict[str, Any]]:
    return [] if text is None else list(_walk(_DECODER.decode(text), ""))


def register(connection: duckdb.DuckDBPyConnection) -> None:
    kind = 'STRUCT("KEY" VARCHAR, "PATH" VARCHAR, "INDEX" BIGINT, "VALUE" VARCHAR, "THIS" VARCHAR)[]'
    connection.create_function("_luge_json_nodes", nodes, ["VARCHAR"], kind, null_handling="special")
