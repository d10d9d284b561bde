"""Queries and DML: Snowflake's SQL, parsed by sqlglot, rewritten (mostly by fakesnow's transforms) into DuckDB's."""
from __future__ import annotations

import re
from collections.abc import Callable

from fakesnow import transforms
from sqlglot import exp

from luge_emulator.column_types import of_expression
from luge_emulator.errors import SqlError
from luge_emulator.naming import mangle

_T = exp.DataType.Type
# In fakesnow's own order. Left out: what narrows numbers to 64 bits, what talks to fakesnow's catalog, what is done here.
_BORROWED: list[Callable[[exp.Expression], exp.Expression]] = [
    transforms.try_parse_json, transforms.split, transforms.trim_cast_varchar, transforms.indices_to_json_extract, transforms.json_extract_cast_as_varchar,
    transforms.json_extract_cased_as_varchar, transforms.json_extract_precedence, transforms.flatten_value_cast_as_varchar, transforms.flatten,
    transforms.regex_replace, transforms.regex_substr, transforms.values_columns, transforms.to_date, transforms.timestamp_offsets, transforms.to_decimal,
    transforms.object_construct, transforms.sample, transforms.array_size, transforms.random, transforms.array_agg_within_group,
    transforms.array_agg, transforms.object_agg, transforms.array_construct_etc, transforms.dateadd_date_cast, transforms.dateadd_string_literal_timestamp_cast,
    transforms.datediff_string_literal_timestamp_cast, transforms.sha256, transforms.alias_in_join, transforms.alias_in_where,
]
_FORMAT = [("YYYY", "%Y"), ("YY", "%y"), ("MMMM", "%B"), ("MM", "%m"), ("MON", "%b"), ("DD", "%d"), ("DY", "%a"), ("HH24", "%H"), ("HH12", "%I"), ("AM", "%p"),
           ("PM", "%p"), ("MI", "%M"), ("SS", "%S"), ("FF9", "%n"), ("FF6", "%f"), ("FF3", "%g"), ("FF", "%n"), ("TZH:TZM", "+00:00"), ("TZHTZM", "+0000"), ("TZH", "+00")]


def fold_identifiers(expression: exp.Expression) -> exp.Expression:
    """Every identifier says the name it means, and is quoted."""
    for node in list(expression.find_all(exp.Identifier)):
        if not node.quoted:
            node.set("this", node.name.upper())
            node.set("quoted", True)
    return expression


def mangle_identifiers(expression: exp.Expression) -> exp.Expression:
    """Names as DuckDB keeps them; unquoted identifiers come from transforms and stay."""
    for node in list(expression.find_all(exp.Identifier)):
        if node.quoted and not node.meta.get("kept"):
            node.set("this", mangle(node.name))
            node.meta["kept"] = True
    return expression


def kept(name: str) -> exp.Identifier:
    """An identifier of DuckDB's own, which is not mangled."""
    identifier = exp.Identifier(this=name, quoted=True)
    identifier.meta["kept"] = True
    return identifier


def name_projections(expression: exp.Expression) -> None:
    """Columns without alias are called by their text, as Snowflake does."""
    query = expression
    while isinstance(query, (exp.SetOperation, exp.Subquery)):
        query = query.this
    if not isinstance(query, exp.Select):
        return
    named = []
    for projection in query.expressions:
        if isinstance(projection, (exp.Alias, exp.Column, exp.Star, exp.Aliases)) or projection.is_star:
            named.append(projection)
        else:
            text = projection.sql(dialect="snowflake", comments=False)
            text = text[1:-1] if isinstance(projection, exp.Literal) and projection.is_string and False else text
            named.append(exp.Alias(this=projection, alias=exp.Identifier(this=re.sub(r'"', "", text).upper(), quoted=True)))
    query.set("expressions", named)


def rewrite(expression: exp.Expression) -> exp.Expression:
    """The body of a query or DML statement whose tables are resolved already."""
    for transform in (_own, *_BORROWED, _types):
        expression = _from_below(expression, transform)
    return expression


def _from_below(expression: exp.Expression, change: Callable[[exp.Expression], exp.Expression]) -> exp.Expression:
    """Children first. sqlglot's own `transform` does not look into what it has just replaced."""
    for node in reversed(list(expression.walk())):
        parent, key, index = node.parent, node.arg_key, node.index
        changed = change(node)
        if changed is node:
            continue
        if node is expression:
            expression = changed
        elif parent is not None and key is not None:
            parent.set(key, changed, index)
    return expression


def to_duckdb(expression: exp.Expression) -> str:
    return mangle_identifiers(expression).sql(dialect="duckdb")


def date_format(text: str) -> str:
    """Snowflake's format of a date or time -> strftime's. Text in double quotes stays."""
    out, at = "", 0
    while at < len(text):
        if text[at] == '"':
            end = text.find('"', at + 1)
            out, at = out + text[at + 1:end].replace("%", "%%"), end + 1
            continue
        for token, directive in _FORMAT:
            if text[at:at + len(token)].upper() == token:
                out, at = out + directive, at + len(token)
                break
        else:
            out, at = out + text[at].replace("%", "%%"), at + 1
    return out


def _call(name: str, *arguments: exp.Expression) -> exp.Expression:
    return exp.Anonymous(this=name, expressions=list(arguments))


def _own(node: exp.Expression) -> exp.Expression:
    """What fakesnow has not, or does less exactly."""
    if isinstance(node, exp.Cast) and node.to.this in (_T.VARIANT, _T.OBJECT, _T.ARRAY) and not node.to.expressions or isinstance(node, exp.ToVariant):
        return _call("to_json", node.this)
    if isinstance(node, exp.GetExtract) and isinstance(node.expression, exp.Literal) and node.expression.is_string:  # the same as a path of one step
        return exp.JSONExtract(this=node.this, expression=exp.JSONPath(expressions=[exp.JSONPathRoot(), exp.JSONPathKey(this=node.expression.name)]), variant_extract=True, requires_json=True)
    if isinstance(node, (exp.ArgMax, exp.ArgMin)) and not node.args.get("count"):  # a NULL of that row is the answer; DuckDB's own would look for another row
        return _call("arg_max_null" if isinstance(node, exp.ArgMax) else "arg_min_null", node.this, node.expression)
    if isinstance(node, exp.ArrayContains):
        array, value = (node.this, node.expression) if not _is_variant(node.this) else (node.expression, node.this)
        return _call("list_contains", exp.Cast(this=_call("to_json", array), to=exp.DataType.build("JSON[]", dialect="duckdb")), _call("to_json", value))
    if isinstance(node, (exp.Lateral, exp.TableFromRows)) and isinstance(node.this, exp.Explode) and _is_recursive(node.this):
        source = node.this.this.expression if isinstance(node.this.this, exp.Kwarg) else node.this.this
        return exp.Table(this=_call("_luge_flatten_recursive", source), alias=node.args.get("alias"))
    if isinstance(node, exp.Transform):
        return _call("to_json", _call("list_transform", _elements(node.this, "JSON"), node.expression))
    if isinstance(node, exp.ArrayToString):
        return _call("array_to_string", _elements(node.this, "VARCHAR"), node.expression)
    if isinstance(node, exp.Typeof):
        return _call("_luge_typeof", node.this)
    if isinstance(node, exp.ByteLength):
        return _call("strlen", node.this)
    if isinstance(node, exp.ToChar) and (not node.args.get("format") or isinstance(node.args["format"], exp.Literal) and node.args["format"].name.upper() == "TM9"):
        return _call("_luge_text", node.this)
    if isinstance(node, exp.ToChar) and isinstance(node.args.get("format"), exp.Literal):
        return _call("_luge_format", node.this, exp.Literal.string(date_format(node.args["format"].name)))
    if isinstance(node, exp.TimeToStr) and isinstance(node.args.get("format"), exp.Literal):
        return _call("_luge_format", node.this, node.args["format"])
    if isinstance(node, (exp.CurrentDate, exp.CurrentTime, exp.CurrentTimestamp)):  # as columns' names these words would mean themselves in DuckDB
        kind = {exp.CurrentDate: "DATE", exp.CurrentTime: "TIME"}.get(type(node), "TIMESTAMPTZ")
        return exp.Cast(this=_call("now"), to=exp.DataType.build(kind))
    if isinstance(node, exp.MD5NumberLower64):
        return _call("_luge_md5_lower64", node.this)
    if isinstance(node, exp.MD5NumberUpper64):
        return _call("_luge_md5_upper64", node.this)
    if isinstance(node, exp.HashAgg):
        arguments = [node.this, *node.expressions]
        return _hash_sum(arguments)
    if isinstance(node, exp.Anonymous):
        name = str(node.this).upper()
        if name in ("HASH_AGG",):
            return _hash_sum(node.expressions)
        if name in ("TO_VARCHAR", "TO_CHAR") and len(node.expressions) == 2 and isinstance(node.expressions[1], exp.Literal):
            return _call("_luge_format", node.expressions[0], exp.Literal.string(date_format(node.expressions[1].name)))
        if name == "TO_ARRAY":
            return _call("to_json", *node.expressions)
    return node


def _is_recursive(flatten: exp.Explode) -> bool:
    return any(isinstance(item, exp.Kwarg) and item.this.name.upper() == "RECURSIVE" and isinstance(item.expression, exp.Boolean) and bool(item.expression.this)
               for item in flatten.expressions)


def _elements(array: exp.Expression, kind: str) -> exp.Expression:
    """An ARRAY, which is JSON here, as a list."""
    return exp.Cast(this=_call("to_json", array), to=exp.DataType.build(f"{kind}[]", dialect="duckdb"))


def _is_variant(node: exp.Expression) -> bool:
    return isinstance(node, exp.Cast) and node.to.this == _T.VARIANT or isinstance(node, exp.Anonymous) and str(node.this).lower() == "to_json" or isinstance(node, exp.ToVariant)


def _hash_sum(arguments: list[exp.Expression]) -> exp.Expression:
    """Independent of order, sensitive to duplicates. Not Snowflake's number, which nobody outside can compute."""
    text = ", ".join("*COLUMNS(*)" if isinstance(argument, exp.Star) else argument.sql(dialect="duckdb") for argument in arguments)
    return exp.Column(this=exp.Var(this=f"CAST(sum(hash({text})::HUGEINT) % 9223372036854775807 AS DECIMAL(38,0))"))


def _types(node: exp.Expression) -> exp.Expression:
    """Types by their DuckDB names, except in what DuckDB's own JSON casts need."""
    if not isinstance(node, exp.DataType) or node.this in (_T.JSON, _T.USERDEFINED, _T.UNKNOWN, _T.NULL, _T.INTERVAL, _T.STRUCT, _T.UUID) or node.args.get("nested"):
        return node
    if node.this == _T.TIMESTAMPLTZ:
        return exp.DataType.build("TIMESTAMPTZ")
    try:
        kind = of_expression(node)
    except SqlError:
        return node
    return exp.DataType.build("DOUBLE" if kind.name == "FLOAT" else kind.duckdb, dialect="duckdb")
