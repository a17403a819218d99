"""Free text over names and evidence: an index of words beside the database, brought up to date before each search.

SQLite's FTS5, which comes with Python, ranks by BM25. It is a cache (`disk/cache.py`): what it finds is looked up in
memory before anybody sees it, so that what was retracted, forgotten or purged is not found.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from memllm_cli.memory.disk.cache import Sidecar
from memllm_cli.memory.disk.files import WORDS
from memllm_cli.memory.edit.memory import Memory
from memllm_cli.memory.history.facts import Fact, Key, is_kind
from memllm_cli.memory.history.snapshot import Snapshot, belongs
from memllm_cli.memory.values.literals import ENTITY

_TABLES = """
    CREATE VIRTUAL TABLE words USING fts5(text, tokenize = "unicode61 remove_diacritics 2");
    CREATE TABLE places (row INTEGER PRIMARY KEY, entity INTEGER, document INTEGER, span INTEGER);
    CREATE UNIQUE INDEX place ON places (document, span) WHERE document IS NOT NULL;
    CREATE TABLE statements (row INTEGER NOT NULL, assertion INTEGER NOT NULL);
    CREATE INDEX of_row ON statements (row);
"""


@dataclass(frozen=True, slots=True)
class Match:
    """A fact found by words: in a name of it, or in the sentence that states it (`text`). Smaller scores are better."""

    fact: Fact
    text: str
    score: float
    named: bool


def search(memory: Memory, words: str, proposed: bool | None = False) -> list[Match]:
    """Facts that words point to, best first; every word must be there, the last one may be a beginning."""
    wanted = re.findall(r"\w+", words, re.UNICODE)
    if not wanted:
        return []
    terms = [f'"{w}"' for w in wanted]
    terms[-1] += "*"
    snapshot = memory.snapshot
    out: dict[Key, Match] = {}
    with closing(_fresh(memory, snapshot)) as index:
        found = index.execute(
            "SELECT words.rowid, text, bm25(words), entity FROM words JOIN places ON row = words.rowid "
            "WHERE words MATCH ? ORDER BY bm25(words)",
            [" AND ".join(terms)],
        )
        for row, text, score, entity in found:
            if entity is not None:
                facts = snapshot.about(snapshot.canonical(entity), proposed)
            else:
                ids = (a for (a,) in index.execute("SELECT assertion FROM statements WHERE row = ?", [row]))
                facts = _supported(snapshot, ids, proposed)
            for fact in facts:
                if fact.key not in out:
                    out[fact.key] = Match(fact, text, float(score), entity is not None)
    return sorted(out.values(), key=lambda m: (m.score, m.fact.supports[0].id))


def _supported(snapshot: Snapshot, assertions: object, proposed: bool | None) -> list[Fact]:
    out = []
    for id_ in assertions:  # type: ignore[attr-defined]
        a = snapshot.history.statement(id_)
        fact = snapshot.fact(snapshot.key(a)) if a is not None else None
        if fact is None or not is_kind(fact, proposed):
            continue
        if any(s.id == id_ for s in fact.supports):
            out.append(fact)
    return out


def _fresh(memory: Memory, snapshot: Snapshot) -> sqlite3.Connection:
    """The index, holding all that the history does; kept beside the database where that is possible."""
    sidecar = Sidecar(memory.database.folder, WORDS, snapshot.id)
    history = snapshot.history
    head = sidecar.read()
    known = head["last"] if head is not None and belongs(snapshot, head) else 0
    last = history.operation(history.last)
    if known == history.last:
        return sqlite3.connect(f"{sidecar.payload.absolute().as_uri()}?mode=ro", uri=True)

    def write(path: Path) -> None:
        if known:
            shutil.copyfile(sidecar.payload, path)
        with _file(path) as index:
            _grow(memory, snapshot, index, known)

    def verify(path: Path) -> None:
        with _file(path) as index:
            if index.execute("PRAGMA quick_check").fetchone() != ("ok",):
                raise OSError("the text index is not whole")

    if sidecar.save(write, verify, last=history.last, at=last.at if last else "", count=history.counts[1]):
        return sqlite3.connect(f"{sidecar.payload.absolute().as_uri()}?mode=ro", uri=True)
    index = sqlite3.connect(":memory:", isolation_level=None)  # no room on the disk: for this search only
    _grow(memory, snapshot, index, 0)
    return index


@contextmanager
def _file(path: Path) -> Iterator[sqlite3.Connection]:
    """An index in a file; what goes wrong with it is an OSError, as with any cache."""
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as index:
            index.execute("PRAGMA journal_mode = OFF")  # whatever fails, the file is thrown away
            yield index
    except sqlite3.Error as error:
        raise OSError(str(error)) from error


def _grow(memory: Memory, snapshot: Snapshot, index: sqlite3.Connection, known: int) -> None:
    """Add the names and sentences of the operations after `known`."""
    index.execute("BEGIN")
    if not known:
        for statement in _TABLES.strip().split(";\n"):
            index.execute(statement)
    row = index.execute("SELECT coalesce(max(row), 0) FROM places").fetchone()[0]
    for entity in snapshot.history.entities():
        if entity.operation > known and entity.kind in (ENTITY, "text"):
            row += 1
            index.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", [row, entity.name])
            index.execute("INSERT INTO places VALUES (?, ?, NULL, NULL)", [row, entity.id])
    for entity_id, name, operation in snapshot.history.aliases:
        if operation > known:
            row += 1
            index.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", [row, name])
            index.execute("INSERT INTO places VALUES (?, ?, NULL, NULL)", [row, entity_id])
    with memory.open() as connection:
        sentences = connection.execute(
            "SELECT e.assertion, e.document, e.span_start, "
            "substring(d.text, e.span_start + 1, e.span_end - e.span_start) FROM evidence e "
            "JOIN documents d ON d.id = e.document JOIN assertions a ON a.id = e.assertion WHERE a.operation > ?",
            [known],
        )
        while some := sentences.fetchmany(5000):
            for assertion, document, span, text in some:
                there = index.execute(
                    "SELECT row FROM places WHERE document = ? AND span = ?", [document, span]
                ).fetchone()
                if there is None:
                    row += 1
                    index.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", [row, text])
                    index.execute("INSERT INTO places VALUES (?, NULL, ?, ?)", [row, document, span])
                index.execute("INSERT INTO statements VALUES (?, ?)", [there[0] if there else row, assertion])
    index.execute("COMMIT")
