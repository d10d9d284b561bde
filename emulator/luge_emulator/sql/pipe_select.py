"""The SELECT of a custom pipe, for one row `j`."""
from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import sqlglot
from sqlglot import exp

from luge_emulator.errors import SqlError, unsupported
from luge_emulator.sql import dialect


@dataclass(frozen=True)
class PipeExpression:
    """`value` in DuckDB's SQL; `operand` is what its outermost cast takes: there while `value` is not, the cast has failed."""

    value: str
    operand: str


@lru_cache(maxsize=256)
def translate(select: str, where: str | None) -> tuple[list[PipeExpression], str | None]:
    text = f"SELECT {select} FROM j" + (f" WHERE {where}" if where else "")
    try:
        query = sqlglot.parse_one(text, read="snowflake")
    except sqlglot.errors.SqlglotError as error:
        raise SqlError("001003", "42000", f"SQL compilation error:\n{error}") from None
    if not isinstance(query, exp.Select) or any(isinstance(item, exp.Star) for item in query.expressions):
        raise unsupported("this SELECT in a pipe")
    found = []
    for item in query.expressions:
        inner = item.this if isinstance(item, exp.Alias) else item
        operand = inner.this if isinstance(inner, (exp.Cast, exp.TryCast)) else inner
        found.append(PipeExpression(_one(inner), _present(operand)))
    condition = query.args.get("where")
    return found, _one(condition.this) if condition else None


def _one(expression: exp.Expression) -> str:
    tree = exp.Select(expressions=[expression.copy()])
    return dialect.to_duckdb(dialect.rewrite(dialect.fold_identifiers(tree.transform(_row)))).removeprefix("SELECT ")


def _present(expression: exp.Expression) -> str:
    """JSON's null is no value."""
    return f"nullif(CAST({_one(expression)} AS VARCHAR), 'null')"


def _row(node: exp.Expression) -> exp.Expression:
    """`$1` is the row."""
    if isinstance(node, exp.Parameter) and node.name == "1" or isinstance(node, exp.Placeholder) and node.name == "1" or isinstance(node, exp.Column) and node.name == "$1":
        return exp.Column(this=dialect.kept("j"))
    return node
