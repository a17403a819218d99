"""Rows of one operation, collected and inserted together. Used inside a transaction by `store.Memory`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from memllm_cli.errors import NotFound, UsageError
from memllm_cli.memory.fold import Key
from memllm_cli.memory.literals import ENTITY, normalise
from memllm_cli.memory.names import normal
from memllm_cli.memory.relations import Relation
from memllm_cli.memory.snapshot import Snapshot
from memllm_cli.types import Document, Sentence

if TYPE_CHECKING:
    import duckdb

_COLUMNS = {
    "operations": "BIGINT TEXT TEXT TEXT TEXT BIGINT BIGINT TEXT TEXT TEXT TEXT",
    "entities": "BIGINT TEXT TEXT TEXT BIGINT BIGINT",
    "documents": "BIGINT TEXT TEXT TEXT TEXT TEXT BIGINT",
    "sentences": "BIGINT BIGINT BIGINT BIGINT BIGINT TEXT",
    "assertions": "BIGINT BIGINT TEXT BIGINT BIGINT BIGINT TEXT TEXT BOOLEAN BOOLEAN BOOLEAN DOUBLE BOOLEAN "
    "TEXT TEXT TEXT",
    "evidence": "BIGINT BIGINT BIGINT BIGINT BIGINT BIGINT TEXT",
    "vectors": "BIGINT FLOAT[]",
}
_COLLECTED = ("entities", "documents", "sentences", "assertions", "evidence")
LONGEST_NAME = 2000  # characters; longer ones are text, not names


def insert(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Append rows column by column: one statement, however many rows."""
    if rows:
        types = _COLUMNS[table].split()
        values = ", ".join(f"unnest(?::{t}[])" for t in types)
        connection.execute(f"INSERT INTO {table} SELECT {values}", [list(column) for column in zip(*rows, strict=True)])


def is_name(text: str) -> bool:
    """Whether a name can be kept: it has a letter or a digit, and is not too long."""
    shown = " ".join(text.split())
    return bool(normal(shown)) and any(c.isalnum() for c in shown) and len(shown) <= LONGEST_NAME


class Writer:
    """Collects entities, assertions and evidence of one operation on top of a snapshot."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, snapshot: Snapshot, operation: int, source: str | None
    ) -> None:
        self.connection = connection
        self.snapshot = snapshot
        self.operation = operation
        self.document_id: int | None = None
        self._next_entity = max(snapshot.entities, default=0) + 1
        row = connection.execute("SELECT coalesce(max(id), 0) FROM assertions").fetchone()
        self._next_assertion = (row[0] if row else 0) + 1
        self._fresh: dict[tuple[str, str], int] = {}
        self._rows: dict[str, list[tuple[Any, ...]]] = {t: [] for t in _COLLECTED}

    def entity(self, name: str, kind: str) -> int:
        """Id of a name or literal, new if nothing is called exactly so."""
        shown = " ".join(name.split())
        if not normal(shown):
            raise UsageError("A name is empty.", 'Write: "subject >> relation >> object"')
        if len(shown) > LONGEST_NAME:
            raise UsageError(f"A name has {len(shown)} characters; at most {LONGEST_NAME} are kept.", "Shorten it.")
        if found := self.snapshot.named(shown, kind):
            return found[0]
        form = normal(shown) if kind in (ENTITY, "text") else normalise(shown, kind)
        key = ("" if kind in (ENTITY, "text") else kind, form)
        if key not in self._fresh:
            self._fresh[key] = self._next_entity
            self._rows["entities"].append((self._next_entity, shown, form, kind, None, self.operation))
            self._next_entity += 1
        return self._fresh[key]

    def state(
        self,
        action: str,
        subject: str,
        relation: Relation,
        object: str,
        person: bool = False,
        clears_objects: bool = False,
        clears_subjects: bool = False,
        probability: float | None = None,
        proposed: bool = False,
        valid_from: str | None = None,
        valid_to: str | None = None,
        qualifiers: str = "{}",
    ) -> int:
        """Add an assertion in the relation's canonical direction; returns its id."""
        s, o = self.entity(subject, ENTITY), self.entity(object, relation.object_type)
        made = self._next_assertion
        self._next_assertion += 1
        self._rows["assertions"].append(
            (made, self.operation, action, s, relation.id, o, " ".join(subject.split()), " ".join(object.split()),
             person, clears_objects, clears_subjects, probability, proposed, valid_from, valid_to, qualifiers)
        )  # fmt: skip
        return made

    def restate(self, action: str, key: Key) -> None:
        """Add an assertion about a fact that is already there, as a person."""
        fact = self.snapshot.fact(key)
        if fact is None:
            raise NotFound("That fact is no longer there.", "See: memllm fact list")
        newest = fact.newest
        self._rows["assertions"].append(
            (self._next_assertion, self.operation, action, *key, newest.subject_text, newest.object_text,
             True, False, False, None, False, newest.valid_from, newest.valid_to, newest.qualifiers)
        )  # fmt: skip
        self._next_assertion += 1

    def document(self, document: Document) -> int:
        """Record the document this operation reads."""
        self.document_id = max(self.snapshot.documents, default=0) + 1
        self._rows["documents"].append(
            (self.document_id, document.uri, document.title, document.media_type, document.sha256, document.text,
             self.operation)
        )  # fmt: skip
        self._rows["sentences"] += [
            (self.document_id, s.start, s.end, s.line, s.page, s.heading) for s in document.sentences
        ]
        return self.document_id

    def evidence(self, assertion: int, document: Document, sentence: Sentence) -> None:
        """Point an assertion to a sentence of the document being read."""
        s = sentence
        self._rows["evidence"].append((assertion, self.document_id, s.start, s.end, s.line, s.page, s.heading))

    def find_evidence(self, assertion: int, name: str, sentence: str) -> bool:
        """Point an assertion to where a sentence stands in a document read before (by file name); True if found."""
        for document in sorted(self.snapshot.documents.values(), key=lambda d: -d.id):
            if name and name not in (document.uri, os.path.basename(document.uri), document.title):
                continue
            row = self.connection.execute(
                "SELECT instr(text, ?) FROM documents WHERE id = ?", [sentence, document.id]
            ).fetchone()
            if row and row[0]:
                start = row[0] - 1
                place = self.connection.execute(
                    "SELECT line, page, heading FROM sentences WHERE document = ? AND span_start <= ? "
                    "ORDER BY span_start DESC LIMIT 1",
                    [document.id, start],
                ).fetchone()
                line, page, heading = place or (1, None, "")
                end = start + len(sentence)
                self._rows["evidence"].append((assertion, document.id, start, end, line, page, heading))
                return True
        return False

    def flush(self) -> None:
        """Insert everything collected."""
        for table, rows in self._rows.items():
            insert(self.connection, table, rows)
