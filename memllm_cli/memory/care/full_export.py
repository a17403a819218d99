"""A whole knowledge base as JSON lines, and back: a line that says what it is, then a line a row of every table.

What is read here is untrusted: every line is checked before the first row is stored. Vectors stay out: they are a
cache that comes back.
"""

from __future__ import annotations

import json
import math
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import IO, Any

from memllm_cli.errors import DamagedError, UsageError
from memllm_cli.memory.disk.database import values_compared_anew
from memllm_cli.memory.disk.table import Column
from memllm_cli.memory.disk.tables import COMPARED_ANEW, RELATIONS, TABLES, VERSION, Operation
from memllm_cli.memory.edit.memory import Memory

CACHES = ("vectors", "passage_vectors")
"""Tables that come back by themselves and are left out."""
KIND = "knowledge base"
_CHUNK = 5000


_META = Column("key", "key", "TEXT", False, "", ("encoder",)), Column("value", "value", "TEXT", False, "", ())
COLUMNS: dict[str, tuple[Column, ...]] = {"meta": _META, **{t.name: t.columns for t in TABLES.values()}}
"""Tables with their columns in order, caches left out."""


def write_jsonl(memory: Memory, out: IO[str]) -> int:
    """Everything: a line that says what it is, then a line a row of every table. Returns how many rows."""
    memory.require()
    tables = COLUMNS
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


def is_everything(text: str) -> bool:
    """Whether a text is, or is a part of, what `write_jsonl` wrote."""
    return _BEGINS.match(text) is not None


_BEGINS = re.compile(r'\s*\{\s*"(?:memllm|table)"')


def read_jsonl(lines: Iterable[str]) -> Everything:
    """Read what `write_jsonl` wrote. Raises DamagedError with the number of the line that is wrong."""
    tables = COLUMNS
    filled = [(n, line) for n, line in enumerate(lines, 1) if line.strip()]
    if filled and (cut := filled[-1][1].rstrip()) and not cut.endswith("}"):
        raise _wrong(filled[-1][0], "it breaks off: the file is incomplete")
    numbered = iter(filled)
    number, first = next(numbered, (1, ""))
    head = _object(number, first)
    if "table" in head:
        raise _wrong(number, "what comes before it is missing: the file is incomplete")
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
    _check(rows, at)
    return Everything(id_, rows)


def restore(memory: Memory, everything: Everything, empty: bool = True) -> None:
    """Fill a knowledge base, in one transaction; what it held is gone.

    With `empty` UsageError is raised when it holds something already.
    """
    tables = COLUMNS
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
        connection.execute(COMPARED_ANEW)
        values_compared_anew(connection)
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
    if column.type == "TEXT[]":
        return isinstance(value, list) and all(isinstance(v, str) and _encodes(v) for v in value)
    return isinstance(value, str) and _encodes(value)


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def _check(rows: dict[str, list[tuple[Any, ...]]], at: dict[str, list[int]]) -> None:
    """What no single row can show: ids that are unique, references that lead somewhere, values that exist."""
    ids: dict[str, set[int]] = {}
    for table in (t for t in TABLES.values() if t.keyed):
        known_ids = ids[table.name] = set()
        for values, number in zip(rows[table.name], at[table.name], strict=True):
            id_ = table.row(*values).id
            if table is RELATIONS and id_ in known_ids:
                continue  # a later version of it
            if id_ in known_ids or not 1 <= id_ <= table.most:
                raise _wrong(number, f"the id {id_} is not new in '{table.name}'")
            known_ids.add(id_)
    if not rows["operations"] or not rows["relations"]:
        raise _wrong(1, "operations or relations are missing: the file is incomplete")
    for name, columns in COLUMNS.items():
        for i, column in enumerate(columns):
            known, allowed = ids.get(column.references), column.allowed
            for row, number in zip(rows[name], at[name], strict=True):
                value = row[i]
                if known is not None and value is not None and value not in known:
                    raise _wrong(number, f"'{column.name}' leads to {value}, which is not there")
                if allowed and value not in allowed:
                    raise _wrong(number, f"'{column.name}' is none of {', '.join(allowed)}")
                if column.name in ("span_start", "span_end", "line") and value < 0:
                    raise _wrong(number, f"'{column.name}' is negative")
                if (column.name, name) == ("qualifiers", "assertions"):
                    _object(number, value)
                if column.name == "probability" and value is not None and not 0 <= value <= 1:
                    raise _wrong(number, "'probability' is not from 0 to 1")
    for values, number in zip(rows["operations"], at["operations"], strict=True):
        operation = Operation(*values)
        if operation.target is not None and operation.target >= operation.id:
            raise _wrong(number, "an operation undoes a later one")
