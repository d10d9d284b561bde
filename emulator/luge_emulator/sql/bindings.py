"""Bound values become literals of their type in the parsed statement."""
from __future__ import annotations

import datetime
import re
from typing import Any

import sqlglot
from sqlglot import TokenType, exp

from luge_emulator.errors import SqlError

_EPOCH = datetime.datetime(1970, 1, 1)
Binding = dict[str, Any]  # {"type": "FIXED", "value": "123"}


def number_placeholders(text: str) -> str:
    """`?` -> `:1`, `:2`, … in the order of the text, before anything is parsed or moved."""
    if "?" not in text:
        return text
    out, at, number = [], 0, 0
    for token in sqlglot.tokenize(text, read="snowflake"):
        if token.token_type == TokenType.PLACEHOLDER and text[token.start:token.end + 1] == "?":
            number += 1
            out += [text[at:token.start], f":{number}"]
            at = token.end + 1
    return "".join(out) + text[at:]


def bind(expression: exp.Expression, bindings: dict[str, Binding] | None) -> exp.Expression:
    def replace(node: exp.Expression) -> exp.Expression:
        if not isinstance(node, exp.Placeholder):
            return node
        name = node.name
        if not bindings or name not in bindings:
            raise SqlError("002049", "42601", f"SQL compilation error:\nBind variable :{name} not set.")
        return literal(bindings[name])
    return expression.transform(replace, copy=False)


def literal(binding: Binding) -> exp.Expression:
    kind, value = str(binding.get("type", "TEXT")).upper(), binding.get("value")
    if value is None:
        return exp.Null()
    text = str(value)
    if kind == "FIXED" and re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text):
        return exp.Paren(this=exp.Neg(this=exp.Literal.number(text[1:]))) if text[0] == "-" else exp.Literal.number(text.lstrip("+"))
    if kind == "REAL":
        return _cast(text, "DOUBLE")
    if kind == "BOOLEAN":
        return exp.Boolean(this=text.lower() in ("true", "1"))
    if kind == "BINARY":
        return exp.Anonymous(this="unhex", expressions=[exp.Literal.string(text)])
    if kind == "DATE":
        return _cast(str((_EPOCH + datetime.timedelta(milliseconds=int(text))).date()) if re.fullmatch(r"-?\d+", text) else text, "DATE")
    if kind == "TIME" and text.isdigit():
        return _cast(str((_EPOCH + datetime.timedelta(microseconds=int(text) // 1000)).time()), "TIME")
    if kind.startswith("TIMESTAMP") and re.fullmatch(r"-?\d+( \d+)?", text):
        moment = str(_EPOCH + datetime.timedelta(microseconds=int(text.split()[0]) // 1000))
        return _cast(moment, "TIMESTAMPNTZ") if kind == "TIMESTAMP_NTZ" else _cast(moment + "+00:00", "TIMESTAMPTZ")
    if kind in ("VARIANT", "OBJECT", "ARRAY"):
        return exp.ParseJSON(this=exp.Literal.string(text))
    return exp.Literal.string(text)


def _cast(text: str, kind: str) -> exp.Expression:
    return exp.Cast(this=exp.Literal.string(text), to=exp.DataType.build(kind))
