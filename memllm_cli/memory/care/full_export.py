"""A whole knowledge base as JSON lines, and back: a line that says what it is, then a line a row of every table.

What is read here is untrusted: every line is checked before the first row is stored. Vectors stay out: they are a
cache that comes back.
"""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import IO, Any

from memllm_cli.errors import DamagedError, UsageError
from memllm_cli.memory.disk.schema import MIGRATIONS, VERSION
from memllm_cli.memory.edit.memory import Memory
from memllm_cli.memory.history.history import LARGEST_ID, LARGEST_RELATION
from memllm_cli.memory.values.literals import KINDS

CACHES = ("vectors",)
"""Tables that come back by themselves and are left out."""
KIND = "knowledge base"
_CHUNK = 5000


@dataclass(frozen=True, slots=True)
class Column:
    """A column as the schema has it."""

    name: str
    type: str
    nullable: bool


@cache
def schema() -> dict[str, list[Column]]:
    """Tables of this version with their columns in order, caches left out."""
    import duckdb

    with duckdb.connect(":memory:") as connection:
        for _, statements in MIGRATIONS:
            connection.execute(statements)
        rows = connection.execute(
            "SELECT table_name, column_name, data_type, is_nullable FROM duckdb_columns() WHERE NOT internal "
            "ORDER BY table_oid, column_index"
        ).fetchall()
    out: dict[str, list[Column]] = {}
    for table, name, type_, nullable in rows:
        if table not in CACHES:
            out.setdefault(table, []).append(Column(name, type_, bool(nullable)))
    return out


def write_jsonl(memory: Memory, out: IO[str]) -> int:
    """Everything: a line that says what it is, then a line a row of every table. Returns how many rows."""
    memory.require()
    tables = schema()
    count = 0
    with memory.database.open() as connection:
        row = connection.execute("SELECT value FROM meta WHERE key = 'id'").fetchone()
        head: dict[str, Any] = {"memllm": KIND, "schema": VERSION, "id": row[0] if row else "", "rows": {}}
        for table in tables:
            where = "WHERE key NOT IN ('id', 'schema')" if table == "meta" else ""
            counted = connection.execute(f"SELECT count(*) FROM {table} {where}").fetchall()
            head["rows"][table] = counted[0][0]
        out.write(json.dumps(head, ensure_ascii=False) + "\n")
        for table, columns in tables.items():
            names = [c.name for c in columns]
            where = "WHERE key NOT IN ('id', 'schema')" if table == "meta" else ""
            cursor = connection.execute(f"SELECT {', '.join(names)} FROM {table} {where} ORDER BY rowid")
            while rows := cursor.fetchmany(_CHUNK):
                for values in rows:
                    line = {"table": table, "row": dict(zip(names, values, strict=True))}
                    out.write(json.dumps(line, ensure_ascii=False) + "\n")
                count += len(rows)
    return count


@dataclass(frozen=True, slots=True)
class Everything:
    """A checked export: the id of its knowledge base and the rows of each table, in order."""

    id: str
    rows: dict[str, list[tuple[Any, ...]]]

    @property
    def count(self) -> int:
        """How many rows."""
        return sum(map(len, self.rows.values()))


def read_jsonl(lines: Iterable[str]) -> Everything:
    """Read what `write_jsonl` wrote. Raises DamagedError with the number of the line that is wrong."""
    tables = schema()
    numbered = ((n, line) for n, line in enumerate(lines, 1) if line.strip())
    number, first = next(numbered, (1, ""))
    head = _object(number, first)
    if head.get("memllm") != KIND:
        raise _wrong(number, "this is no export of a knowledge base")
    written = head.get("schema")
    if type(written) is not int or not 1 <= written <= VERSION:
        raise _wrong(number, f"schema {written!r} is not known, only up to {VERSION}")
    try:
        id_ = str(uuid.UUID(str(head.get("id"))))
    except ValueError:
        raise _wrong(number, "the id is none") from None
    rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in tables}
    at: dict[str, list[int]] = {table: [] for table in tables}
    for number, line in numbered:
        value = _object(number, line)
        table, row = value.get("table"), value.get("row")
        if not isinstance(table, str) or table not in tables or not isinstance(row, dict):
            raise _wrong(number, "it names no table")
        columns = tables[table]
        if set(row) != {c.name for c in columns}:
            raise _wrong(number, f"the columns are not those of '{table}'")
        for column in columns:
            if not _fits(row[column.name], column):
                raise _wrong(number, f"'{column.name}' holds no {column.type}")
        rows[table].append(tuple(row[c.name] for c in columns))
        at[table].append(number)
    promised = head.get("rows")
    if isinstance(promised, dict) and promised != {t: len(r) for t, r in rows.items()}:
        raise _wrong(number, "rows are missing after it, or there are too many: the file is incomplete")
    _check(tables, rows, at)
    return Everything(id_, rows)


def restore(memory: Memory, everything: Everything, empty: bool = True) -> None:
    """Fill a knowledge base, in one transaction; what it held is gone.

    With `empty` UsageError is raised when it holds something already.
    """
    tables = schema()
    with memory.database.open() as connection:
        held = connection.execute("SELECT count(*) FROM operations WHERE kind <> 'create'").fetchone()
        if empty and held and held[0]:
            raise UsageError(
                f"The knowledge base '{memory.name}' is not empty.",
                "Restore it as a new one: memllm --kb NAME restore FILE; in the place of this one: --replace",
            )
        connection.execute("BEGIN")
        memory.database.writable()
        for table in (*tables, *CACHES):
            where = "WHERE key <> 'schema'" if table == "meta" else ""
            connection.execute(f"DELETE FROM {table} {where}")
        connection.execute("INSERT INTO meta VALUES ('id', ?)", [everything.id])
        for table, rows in everything.rows.items():
            columns = tables[table]
            names = ", ".join(c.name for c in columns)
            values = ", ".join(f"unnest(?::{c.type}[])" for c in columns)
            for start in range(0, len(rows), _CHUNK):
                chunk = rows[start : start + _CHUNK]
                connection.execute(
                    f"INSERT INTO {table} ({names}) SELECT {values}", [list(v) for v in zip(*chunk, strict=True)]
                )
        connection.execute("COMMIT")
    memory.outdate()


def _object(number: int, line: str) -> dict[str, Any]:
    def refuse(name: str) -> None:
        raise ValueError(name)

    try:
        value = json.loads(line, parse_constant=refuse)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise _wrong(number, "it is no JSON object")
    return value


def _wrong(number: int, reason: str) -> DamagedError:
    return DamagedError(f"Line {number}: {reason}.", "Nothing was imported. Export again: memllm export --jsonl")


def _fits(value: Any, column: Column) -> bool:
    if value is None:
        return column.nullable
    if column.type == "BIGINT":
        return type(value) is int and -(2**63) <= value < 2**63
    if column.type == "BOOLEAN":
        return type(value) is bool
    if column.type == "DOUBLE":
        return type(value) in (int, float) and math.isfinite(value)
    if column.type == "VARCHAR[]":
        return isinstance(value, list) and all(isinstance(v, str) and _encodes(v) for v in value)
    return isinstance(value, str) and _encodes(value)


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


_KEYED = ("operations", "relations", "entities", "documents", "assertions")
_REFERENCES = {
    ("operations", "target"): "operations",
    ("operations", "document"): "documents",
    ("relations", "operation"): "operations",
    ("entities", "operation"): "operations",
    ("entities", "scope"): "documents",
    ("aliases", "entity"): "entities",
    ("aliases", "operation"): "operations",
    ("merges", "source"): "entities",
    ("merges", "target"): "entities",
    ("merges", "operation"): "operations",
    ("moves", "assertion"): "assertions",
    ("moves", "entity"): "entities",
    ("moves", "operation"): "operations",
    ("documents", "operation"): "operations",
    ("sentences", "document"): "documents",
    ("assertions", "operation"): "operations",
    ("assertions", "subject"): "entities",
    ("assertions", "relation"): "relations",
    ("assertions", "object"): "entities",
    ("evidence", "assertion"): "assertions",
    ("evidence", "document"): "documents",
}
_ALLOWED: dict[tuple[str, str], tuple[str, ...]] = {
    ("entities", "kind"): KINDS,
    ("relations", "object_type"): KINDS,
    ("assertions", "action"): ("add", "set", "remove"),
    ("moves", "side"): ("subject", "object"),
    ("meta", "key"): ("encoder",),
}


def _check(tables: dict[str, list[Column]], rows: dict[str, list[tuple[Any, ...]]], at: dict[str, list[int]]) -> None:
    """What no single row can show: ids that are unique, references that lead somewhere, values that exist."""
    ids: dict[str, set[int]] = {}
    for table in _KEYED:
        ids[table] = set()
        for row, number in zip(rows[table], at[table], strict=True):
            if table == "relations" and row[0] in ids[table]:
                continue  # a later version of it
            most = LARGEST_RELATION if table == "relations" else LARGEST_ID
            if row[0] in ids[table] or not 1 <= row[0] <= most:
                raise _wrong(number, f"the id {row[0]} is not new in '{table}'")
            ids[table].add(row[0])
    if not rows["operations"] or not rows["relations"]:
        raise _wrong(1, "operations or relations are missing: the file is incomplete")
    for table, columns in tables.items():
        for i, column in enumerate(columns):
            known = ids.get(_REFERENCES.get((table, column.name), ""))
            allowed = _ALLOWED.get((table, column.name))
            for row, number in zip(rows[table], at[table], strict=True):
                value = row[i]
                if known is not None and value is not None and value not in known:
                    raise _wrong(number, f"'{column.name}' leads to {value}, which is not there")
                if allowed is not None and value not in allowed:
                    raise _wrong(number, f"'{column.name}' is none of {', '.join(allowed)}")
                if column.name in ("span_start", "span_end", "line") and value < 0:
                    raise _wrong(number, f"'{column.name}' is negative")
                if (column.name, table) == ("qualifiers", "assertions"):
                    _object(number, value)
                if column.name == "probability" and value is not None and not 0 <= value <= 1:
                    raise _wrong(number, "'probability' is not from 0 to 1")
    for row, number in zip(rows["operations"], at["operations"], strict=True):
        target = row[[c.name for c in tables["operations"]].index("target")]
        if target is not None and target >= row[0]:
            raise _wrong(number, "an operation undoes a later one")
