"""Entering new rows by one statement that is built once; SQLAlchemy's unit of work takes several times as long."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import ColumnElement, Insert, bindparam, func, insert, literal

from app.core.database import Base

if TYPE_CHECKING:
    from sqlalchemy import Table


class Entry:
    """Inserts one row into each of several tables, all or none.

    PostgreSQL checks foreign keys at the end of a statement, so the order of the tables doesn't matter.

    Args:
        models: of which one instance each is entered, with all its columns but those that the database
            computes; what an instance leaves open gets the database's default.
        computed: expressions that are entered in place of parameters, by the names of those; they may be made
            of any parameters.
    """

    def __init__(self, *models: type[Base], computed: Mapping[str, ColumnElement[Any]] | None = None) -> None:
        self._attributes = {
            model: {
                name: f"{model.__tablename__}_{name}"
                for name, column in model.__mapper__.columns.items()
                if column.computed is None
            }
            for model in models
        }
        *others, last = [_insert(model, parameters, computed or {}) for model, parameters in self._attributes.items()]
        self.statement = last.add_cte(*(each.cte(f"entry_{number}") for number, each in enumerate(others)))

    def parameters(self, *rows: Base) -> dict[str, Any]:
        """The values of one instance of each model."""
        return {
            parameter: getattr(row, name) for row in rows for name, parameter in self._attributes[type(row)].items()
        }


def _insert(model: type[Base], parameters: dict[str, str], computed: Mapping[str, ColumnElement[Any]]) -> Insert:
    columns = model.__mapper__.columns
    values: dict[Any, ColumnElement[Any]] = {}
    for name, parameter in parameters.items():
        column = columns[name]
        given: ColumnElement[Any] = bindparam(parameter, type_=column.type)
        default = getattr(column.server_default, "arg", None)
        if default is not None:
            given = func.coalesce(given, literal(default) if isinstance(default, str) else default)
        values[column] = computed.get(parameter, given)
    return insert(cast("Table", model.__table__)).values(values)
