"""Rows of the tables, on their way into the database, the journal and the memory of the process: one form for all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

Row = tuple[Any, ...]
Rows = dict[str, list[Row]]
"""Rows by table, each in the order of the table's columns."""

TABLES: dict[str, str] = {
    "operations": "BIGINT TEXT TEXT TEXT TEXT BIGINT BIGINT TEXT TEXT TEXT TEXT",
    "relations": "BIGINT TEXT TEXT TEXT[] TEXT BOOLEAN BOOLEAN TEXT TEXT TEXT BIGINT",
    "entities": "BIGINT TEXT TEXT TEXT BIGINT BIGINT",
    "aliases": "BIGINT TEXT BIGINT",
    "merges": "BIGINT BIGINT BIGINT",
    "moves": "BIGINT TEXT BIGINT BIGINT",
    "documents": "BIGINT TEXT TEXT TEXT TEXT TEXT BIGINT",
    "sentences": "BIGINT BIGINT BIGINT BIGINT BIGINT TEXT",
    "assertions": "BIGINT BIGINT TEXT BIGINT BIGINT BIGINT TEXT TEXT BOOLEAN BOOLEAN BOOLEAN DOUBLE BOOLEAN "
    "TEXT TEXT TEXT",
    "evidence": "BIGINT BIGINT BIGINT BIGINT BIGINT BIGINT TEXT",
}
"""Types of the columns of each table of the history."""
SINCE = {
    "operations": "SELECT id, kind, time, actor, note, target, document, source, model, format, run "
    "FROM operations WHERE id > ? ORDER BY id",
    "relations": "SELECT * FROM relations WHERE operation > ? ORDER BY operation, id",
    "entities": "SELECT id, name, normal, kind, scope, operation FROM entities WHERE operation > ? ORDER BY id",
    "aliases": "SELECT * FROM aliases WHERE operation > ? ORDER BY rowid",
    "merges": "SELECT * FROM merges WHERE operation > ? ORDER BY rowid",
    "moves": "SELECT * FROM moves WHERE operation > ? ORDER BY rowid",
    "documents": "SELECT id, uri, title, media_type, sha256, operation FROM documents WHERE operation > ? ORDER BY id",
    "assertions": "SELECT id, operation, action, subject, relation, object, subject_text, object_text, person, "
    "clears_objects, clears_subjects, probability, proposed, valid_from, valid_to, qualifiers "
    "FROM assertions WHERE operation > ? ORDER BY id",
}
"""What came after an operation, without the texts of documents."""


def insert(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Row]) -> None:
    """Append rows column by column: one statement, however many rows."""
    if rows:
        types = TABLES[table].split()
        if "TEXT[]" in types:  # a list of lists cannot be unnested a level at a time
            marks = ", ".join("?" * len(types))
            for row in rows:
                connection.execute(f"INSERT INTO {table} VALUES ({marks})", list(row))
            return
        values = ", ".join(f"unnest(?::{t}[])" for t in types)
        connection.execute(f"INSERT INTO {table} SELECT {values}", [list(column) for column in zip(*rows, strict=True)])


def insert_all(connection: duckdb.DuckDBPyConnection, rows: Rows) -> None:
    """Append the rows of all tables."""
    for table, some in rows.items():
        insert(connection, table, some)


def together(parts: Iterable[Rows]) -> Rows:
    """Rows of several operations as one."""
    out: Rows = {}
    for part in parts:
        for table, rows in part.items():
            out.setdefault(table, []).extend(rows)
    return out
