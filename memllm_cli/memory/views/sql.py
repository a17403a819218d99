"""SQL over a memory, on a connection that can neither write nor reach a file.

The statements go to a database in the process that holds copies of what may be asked: the facts as they are now, and
the history. Nothing of the knowledge base's file is attached to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from memllm_cli.errors import UsageError
from memllm_cli.memory.edit.memory import Memory

if TYPE_CHECKING:
    import duckdb

TABLES = {
    "facts": "subject TEXT, relation TEXT, object TEXT, status TEXT, stated_by TEXT, probability DOUBLE, "
    "valid_from TEXT, valid_to TEXT, supports BIGINT, source TEXT, operation BIGINT",
    "operations": "id BIGINT, kind TEXT, time TEXT, actor TEXT, note TEXT, target BIGINT, source TEXT, model TEXT, "
    "counts BOOLEAN, statements BIGINT",
    "documents": "id BIGINT, path TEXT, title TEXT, media_type TEXT, sha256 TEXT, operation BIGINT",
    "entities": "id BIGINT, name TEXT, kind TEXT, facts BIGINT",
    "relations": "name TEXT, inverse TEXT, description TEXT, one_subject BOOLEAN, one_object BOOLEAN, "
    "object_type TEXT, domain TEXT",
}
LONGEST = 60  # seconds
MEMORY = "1GB"


@dataclass(frozen=True, slots=True)
class Answer:
    """Names of the columns, and rows."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


def run(memory: Memory, statement: str) -> Answer:
    """The answer to one SELECT. Raises UsageError for everything else, for what is wrong in it, after a minute."""
    import threading

    import duckdb

    connection = duckdb.connect(":memory:", config={"threads": 2, "memory_limit": MEMORY})
    timer = threading.Timer(LONGEST, connection.interrupt)
    try:
        _fill(memory, connection, statement.casefold())
        for setting in (
            "enable_external_access = false", "autoinstall_known_extensions = false",
            "autoload_known_extensions = false", "python_enable_replacements = false", "lock_configuration = true",
        ):  # fmt: skip
            connection.execute(f"SET {setting}")
        try:
            parsed = connection.extract_statements(statement)
            if len(parsed) != 1 or parsed[0].type != duckdb.StatementType.SELECT:
                raise UsageError("Only one SELECT can be asked.", "Change facts with: memllm fact set, rm, import")
            timer.start()
            cursor = connection.execute(parsed[0])
            columns = tuple(d[0] for d in cursor.description or ())
            return Answer(columns, cursor.fetchall())
        except duckdb.InterruptException as error:
            raise UsageError(f"The query took longer than {LONGEST} s.", "Ask for less of it.") from error
        except duckdb.Error as error:
            said = str(error).splitlines()[0]
            raise UsageError(f"The query is wrong: {said[:300]}", f"Tables: {', '.join(TABLES)}") from error
    finally:
        timer.cancel()
        connection.close()


def _fill(memory: Memory, connection: duckdb.DuckDBPyConnection, statement: str) -> None:
    """Make all tables, and copy what the statement can name."""
    for table, columns in TABLES.items():
        connection.execute(f"CREATE TABLE {table} ({columns})")
        if table in statement:
            rows = _ROWS[table](memory)
            while some := list(islice(rows, 50_000)):
                _insert(connection, table, some)


def _insert(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    import numpy as np

    columns = {}
    for number, values in enumerate(zip(*rows, strict=True)):
        columns[f"c{number}"] = np.empty(len(rows), dtype=object)
        columns[f"c{number}"][:] = values
    connection.register("copied", columns)  # ten times as fast as lists
    connection.execute(f"INSERT INTO {table} SELECT * FROM copied").fetchall()
    connection.unregister("copied")


def _facts(memory: Memory) -> Iterator[tuple[Any, ...]]:
    from memllm_cli.memory.history.facts import stated_by

    snapshot = memory.snapshot
    for fact in snapshot.facts(every=True):
        source = next((a.source for a in reversed(fact.supports) if a.source), None)
        status = fact.truth if fact.truth != "stated" else "proposed" if fact.proposed else "fact"
        yield (*snapshot.texts(fact), status, stated_by(fact), fact.probability, *fact.valid, len(fact.supports),
               source, fact.newest.operation)  # fmt: skip


def _operations(memory: Memory) -> Iterator[tuple[Any, ...]]:
    snapshot = memory.snapshot
    for o in snapshot.operations():
        counted = snapshot.counts(o.id), snapshot.history.count_of(o.id)
        yield (o.id, o.kind, o.at, o.actor, o.note, o.target, o.source, o.model, *counted)


def _documents(memory: Memory) -> Iterator[tuple[Any, ...]]:
    return (tuple(d) for d in memory.snapshot.documents())


def _entities(memory: Memory) -> Iterator[tuple[Any, ...]]:
    snapshot = memory.snapshot
    counts: dict[int, int] = {}
    for fact in snapshot.facts():
        for entity in {fact.key[0], fact.key[2]}:
            counts[entity] = counts.get(entity, 0) + 1
    for entity, count in counts.items():
        yield entity, snapshot.shown(entity), snapshot.entity(entity).kind, count


def _relations(memory: Memory) -> Iterator[tuple[Any, ...]]:
    for r in memory.snapshot.relations.by_id.values():
        yield r.name, r.inverse, r.description, r.one_subject, r.one_object, r.object_type, r.domain


_ROWS = {
    "facts": _facts, "operations": _operations, "documents": _documents, "entities": _entities,
    "relations": _relations,
}  # fmt: skip
