"""One table of the database, described by the named tuple of its rows. Knows SQL; nothing of what the rows mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import duckdb


class Column(NamedTuple):
    """A column: its type in SQL, whether it may be NULL, the table whose id it holds, the values it can have."""

    name: str
    field: str
    type: str
    nullable: bool
    references: str
    allowed: tuple[str, ...]


_TYPES = {"int": "BIGINT", "str": "TEXT", "bool": "BOOLEAN", "float": "DOUBLE", "list[str]": "TEXT[]"}


@dataclass(frozen=True)
class Table:
    """A table whose rows are named tuples of the type `row`.

    `order` is what its rows are read by, `large` the columns that only the database keeps, `joined` the fields of a row
    that are no columns, `named` the columns that have another name than the field.
    """

    name: str
    row: type[Any]
    noun: str
    order: str = "id"
    large: tuple[str, ...] = ()
    joined: tuple[str, ...] = ()
    named: dict[str, str] = field(default_factory=dict)
    references: dict[str, str] = field(default_factory=dict)
    allowed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    in_memory: bool = True
    """Whether a process that opens the knowledge base knows its rows."""
    most: int = (1 << 31) - 1
    """The largest id."""

    @cached_property
    def fields(self) -> tuple[Column, ...]:
        """The fields of a row, in order, those that are no columns too."""
        out = []
        for name, type_ in self.row.__annotations__.items():
            kind = type_ if isinstance(type_, str) else type_.__forward_arg__  # NamedTuple keeps what was written
            base = kind.removesuffix(" | None")
            column = self.named.get(name, name)
            out.append(Column(column, name, _TYPES[base], base != kind, self.references.get(column, ""),
                              self.allowed.get(column, ())))  # fmt: skip
        return tuple(out)

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """Its columns, in order; fields that are none stand at the end of a row."""
        return tuple(f for f in self.fields if f.field not in self.joined)

    @cached_property
    def names(self) -> str:
        """The names of its columns, for SQL."""
        return ", ".join(c.name for c in self.columns)

    @property
    def keyed(self) -> bool:
        """Whether its rows have an id."""
        return "id" in self.row._fields

    def select(self, **instead: str) -> str:
        """What to select for whole rows: its columns, some of them as other expressions."""
        return ", ".join(f"{instead[c.name]} AS {c.name}" if c.name in instead else c.name for c in self.columns)

    def insert(self, connection: duckdb.DuckDBPyConnection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Append rows column by column: one statement, however many rows."""
        if not rows:
            return
        into = f"INSERT INTO {self.name} ({self.names})"
        if any(c.type.endswith("[]") for c in self.columns):  # a list of lists cannot be unnested a level at a time
            marks = ", ".join("?" * len(self.columns))
            for row in rows:
                connection.execute(f"{into} VALUES ({marks})", list(row[: len(self.columns)]))
            return
        values = ", ".join(f"unnest(?::{c.type}[])" for c in self.columns)
        columns = list(zip(*rows, strict=True))[: len(self.columns)]
        connection.execute(f"{into} SELECT {values}", [list(c) for c in columns])

    def insert_from(self, connection: duckdb.DuckDBPyConnection, view: str, **given: str) -> None:
        """Append what a view has, in bulk: each column as an expression over it; those not given have their default."""
        defaults = self.row._field_defaults
        values = [given.pop(c.name) if c.name in given else _literal(defaults[c.field]) for c in self.columns]
        assert not given, f"{self.name} has no {', '.join(given)}"
        connection.execute(f"INSERT INTO {self.name} ({self.names}) SELECT {', '.join(values)} FROM {view}")

    def since(self, connection: duckdb.DuckDBPyConnection, operation: int) -> list[Any]:
        """The rows that operations after one made, in order, without what is large."""
        by = "operation" if "operation" in self.row._fields else "id"
        empty = dict.fromkeys(self.large, "''")
        query = f"SELECT {self.select(**empty)} FROM {self.name} WHERE {by} > ? ORDER BY {self.order}"
        make = self.row._make if not self.joined else lambda row: self.row(*row)
        return [make(row) for row in connection.execute(query, [operation]).fetchall()]

    def stored(self, rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Rows as their columns alone."""
        return [row[: len(self.columns)] for row in rows] if self.joined else list(rows)


def _literal(value: object) -> str:
    if value is None:
        return "NULL"
    return str(value).upper() if isinstance(value, bool) else f"'{value}'"
