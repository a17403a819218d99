"""Erasing a document for good: its text, what was read from it and the history of that, from the file and all caches.

The one place where history is rewritten. It cannot be undone; copies elsewhere (backups, exports) are not reached.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from memllm_cli.memory.disk.files import drop_caches
from memllm_cli.memory.disk.tables import ENTITIES, OPERATIONS, Operation
from memllm_cli.memory.edit.change import now
from memllm_cli.memory.edit.memory import Memory


@dataclass(frozen=True, slots=True)
class Purged:
    """What was erased: versions of the document, statements, names that nothing else uses, operations."""

    versions: int
    statements: int
    names: int
    operations: int


def purge(memory: Memory, uri: str, dry_run: bool = False) -> Purged:
    """Erase every version of a document and everything that rests on it alone."""
    with memory.open() as connection:

        def ids(query: str, *arguments: Any) -> set[int]:
            return {r[0] for r in connection.execute(query, list(arguments)).fetchall()}

        documents = ids("SELECT id FROM documents WHERE uri = ?", uri)
        operations = ids("SELECT id FROM operations WHERE source = ?", uri)
        more = True
        while more:  # what undid them, and what undid that
            undos = ids("SELECT id FROM operations WHERE target IN (SELECT unnest(?::BIGINT[]))", sorted(operations))
            more = bool(undos - operations)
            operations |= undos
        gone = sorted(operations)
        statements = ids("SELECT id FROM assertions WHERE operation IN (SELECT unnest(?::BIGINT[]))", gone)
        # What a person only took out, and nobody else ever stated, goes too: it would keep the name.
        statements |= ids(
            """
            SELECT a.id FROM assertions a WHERE a.action = 'remove' AND EXISTS (
                SELECT 1 FROM assertions b WHERE b.id IN (SELECT unnest(?::BIGINT[]))
                AND (b.subject, b.relation, b.object) = (a.subject, a.relation, a.object))
            AND NOT EXISTS (
                SELECT 1 FROM assertions b WHERE b.id NOT IN (SELECT unnest(?::BIGINT[])) AND b.action <> 'remove'
                AND (b.subject, b.relation, b.object) = (a.subject, a.relation, a.object))
            """,
            sorted(statements),
            sorted(statements),
        )
        touched = ids(
            "SELECT DISTINCT unnest([subject, object]) FROM assertions WHERE id IN (SELECT unnest(?::BIGINT[]))",
            sorted(statements),
        )
        kept = ids(
            "SELECT DISTINCT unnest([subject, object]) FROM assertions WHERE id NOT IN (SELECT unnest(?::BIGINT[])) "
            "UNION SELECT entity FROM aliases UNION SELECT target FROM merges UNION SELECT source FROM merges "
            "UNION SELECT entity FROM moves WHERE assertion NOT IN (SELECT unnest(?::BIGINT[]))",
            sorted(statements),
            sorted(statements),
        )
        names = touched - kept
    result = Purged(len(documents), len(statements), len(names), len(operations))
    if dry_run:
        return result
    _rewrite(memory, documents, operations, statements, names)
    drop_caches(memory.database.folder)
    memory.outdate()
    return result


def _rewrite(memory: Memory, documents: set[int], operations: set[int], statements: set[int], names: set[int]) -> None:
    def outside(column: str, ids: set[int]) -> str:
        return f"{column} NOT IN ({', '.join(map(str, sorted(ids))) or '-1'})"

    moves = outside("assertion", statements)
    stated = f"kb.assertions WHERE {outside('id', statements)}"
    # A name that the document brought and something else uses belongs to the first operation that does.
    used = (
        "SELECT entity, min(operation) AS operation FROM ("
        f"SELECT subject AS entity, operation FROM {stated} UNION ALL SELECT object, operation FROM {stated} "
        "UNION ALL SELECT entity, operation FROM kb.aliases UNION ALL SELECT source, operation FROM kb.merges "
        "UNION ALL SELECT target, operation FROM kb.merges "
        f"UNION ALL SELECT entity, operation FROM kb.moves WHERE {moves}) GROUP BY entity"
    )
    scope = f"CASE WHEN {outside('scope', documents)} THEN scope END"
    operation = f"CASE WHEN {outside('e.operation', operations)} THEN e.operation ELSE coalesce(used.operation, 1) END"
    memory.database.rewrite(
        {
            # A new id: whatever was cached or exported under the old one does not belong to this file.
            "meta": f"SELECT key, CASE WHEN key = 'id' THEN '{uuid.uuid4()}' ELSE value END FROM kb.meta",
            "operations": f"SELECT * FROM kb.operations WHERE {outside('id', operations)}",
            "relations": "SELECT * FROM kb.relations",
            "entities": f"SELECT {ENTITIES.select(scope=scope, operation=operation)} "
            f"FROM kb.entities e LEFT JOIN ({used}) used ON used.entity = e.id "
            f"WHERE {outside('id', names)} ORDER BY id",
            "aliases": "SELECT * FROM kb.aliases",
            "merges": "SELECT * FROM kb.merges",
            "moves": f"SELECT * FROM kb.moves WHERE {moves}",
            "documents": f"SELECT * FROM kb.documents WHERE {outside('id', documents)}",
            "sentences": f"SELECT * FROM kb.sentences WHERE {outside('document', documents)}",
            "blocks": f"SELECT * FROM kb.blocks WHERE {outside('document', documents)}",
            "assertions": f"SELECT * FROM kb.assertions WHERE {outside('id', statements)}",
            "evidence": f"SELECT * FROM kb.evidence WHERE {outside('document', documents)} "
            f"AND {outside('assertion', statements)}",
            "vectors": f"SELECT * FROM kb.vectors WHERE {outside('entity', names)}",
            "passage_vectors": f"SELECT * FROM kb.passage_vectors WHERE {outside('document', documents)}",
        }
    )
    memory.outdate()
    with memory.open() as connection:
        row = connection.execute("SELECT coalesce(max(id), 0) FROM operations").fetchone()
        made = Operation((row[0] if row else 0) + 1, "purge", now(), "person", f"{len(statements)} statements")
        OPERATIONS.insert(connection, [made])
        memory.outdate()
