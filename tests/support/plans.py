"""What PostgreSQL means to do for a statement, without doing it."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Executable
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import Select
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement


class _Explain(Executable, ClauseElement):
    inherit_cache = False

    def __init__(self, statement: Select[Any]) -> None:
        self.statement = statement


@compiles(_Explain)
def _compile(element: _Explain, compiler: SQLCompiler, **options: Any) -> str:
    return f"EXPLAIN (FORMAT JSON) {compiler.process(element.statement, **options)}"


async def plan_of(session: AsyncSession, statement: Select[Any]) -> dict[str, Any]:
    """The plan of a statement as the service would send it, as PostgreSQL's JSON has it."""
    connection = await session.connection()
    [plan] = await connection.scalar(_Explain(statement))
    return plan["Plan"]


def faults_of(plan: dict[str, Any], limit: int) -> list[str]:
    """Where a plan reads a whole table, or sorts more than a page: a Sort right below a Limit keeps no more."""
    found: list[str] = []

    def look(node: dict[str, Any], parent: dict[str, Any] | None) -> None:
        kind = node["Node Type"]
        if kind == "Seq Scan":
            found.append(f"reads all of {node['Relation Name']}")
        is_cut = parent is not None and parent["Node Type"] == "Limit"
        if "Sort" in kind and not is_cut and node["Plan Rows"] > limit:
            found.append(f"sorts about {node['Plan Rows']} rows")
        for child in node.get("Plans", []):
            look(child, node)

    look(plan, None)
    return found


def indexes_of(plan: dict[str, Any], table: str) -> set[str]:
    """By which of its indexes a plan reads a table."""
    name = plan.get("Index Name", "")
    found = {name} if re.fullmatch(rf"(pk|ix)_{table}(_.*)?", name) else set()
    return found.union(*(indexes_of(child, table) for child in plan.get("Plans", [])))
