"""Looking a knowledge base over: is it whole, do the caches agree with it, who may read it; and mending what can be."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from memllm_cli.errors import MemllmError
from memllm_cli.memory.disk import journal
from memllm_cli.memory.disk.cache import Sidecar
from memllm_cli.memory.disk.schema import VERSION
from memllm_cli.memory.edit.memory import Memory
from memllm_cli.memory.history import loading

if TYPE_CHECKING:
    import duckdb

OK, REPAIRED, BAD, NOTE = "ok", "repaired", "bad", "note"
_ORPHANS = (
    ("statements of no operation", "assertions", "operation", "operations"),
    ("statements about no subject", "assertions", "subject", "entities"),
    ("statements about no object", "assertions", "object", "entities"),
    ("statements of no relation", "assertions", "relation", "relations"),
    ("names of no operation", "entities", "operation", "operations"),
    ("documents of no operation", "documents", "operation", "operations"),
    ("relations of no operation", "relations", "operation", "operations"),
    ("aliases of no operation", "aliases", "operation", "operations"),
    ("merges of no operation", "merges", "operation", "operations"),
    ("moves of no operation", "moves", "operation", "operations"),
    ("evidence of no statement", "evidence", "assertion", "assertions"),
    ("evidence in no document", "evidence", "document", "documents"),
    ("sentences of no document", "sentences", "document", "documents"),
    ("aliases of nothing", "aliases", "entity", "entities"),
    ("merges of nothing", "merges", "source", "entities"),
    ("merges into nothing", "merges", "target", "entities"),
    ("moves of no statement", "moves", "assertion", "assertions"),
    ("vectors of nothing", "vectors", "entity", "entities"),
)
_KEYED = ("operations", "entities", "documents", "assertions")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: `ok`, `repaired`, `bad` or `note`, and what to do where something is bad."""

    state: str
    what: str
    hint: str = ""


def examine(memory: Memory, repair: bool = True) -> Iterator[Finding]:
    """Look at everything; with `repair` caches that do not fit are deleted (they come back) and modes are mended."""
    folder = memory.database.folder
    notices: list[str] = []
    memory.database.notice = notices.append
    waiting = len(journal.read(memory.database.journal).records)
    try:
        with memory.database.open() as connection:
            yield Finding(OK, f"the database opens; schema {VERSION}")
            if waiting:
                yield Finding(REPAIRED, f"{waiting} operations were taken from the journal into the database")
            for text in notices:
                yield Finding(BAD, text, "keep the file; what it held may be in a backup")
            yield from _rows(connection)
            history = loading.load(connection)
    except MemllmError as error:
        yield Finding(BAD, error.message, error.hint or "Restore a backup: memllm restore FILE")
        return
    memory.outdate()
    snapshot = memory.snapshot
    facts = {(f.key, f.proposed) for f in snapshot.facts(None)}
    from memllm_cli.memory.history.snapshot import Snapshot

    if facts == {(f.key, f.proposed) for f in Snapshot(history).facts(None)}:
        yield Finding(OK, f"{len(facts)} facts and proposals, the same from the cache and from the database")
    else:
        yield _caught(Sidecar(folder, "history.bin", {}), repair, "gives other facts than the database")
    yield from _caches(memory, repair)
    yield from _vectors(memory)
    yield from _files(folder, repair)


def _rows(connection: duckdb.DuckDBPyConnection) -> Iterator[Finding]:
    """What no single row can show: ids that come once, references that lead somewhere, an unbroken order."""
    for table in _KEYED:
        row = connection.execute(f"SELECT count(*), count(DISTINCT id) FROM {table}").fetchone()
        if row and row[0] != row[1]:
            yield Finding(BAD, f"{row[0] - row[1]} ids come twice in '{table}'", "Restore a backup.")
    bad = 0
    for what, table, column, target in _ORPHANS:
        row = connection.execute(
            f"SELECT count(*) FROM {table} WHERE {column} NOT IN (SELECT id FROM {target})"
        ).fetchone()
        if row and row[0]:
            bad += 1
            yield Finding(BAD, f"{row[0]} {what}", "Restore a backup, or export what is whole: memllm export --csv")
    row = connection.execute(
        "SELECT count(*) FROM evidence e JOIN documents d ON d.id = e.document "
        "WHERE e.span_start < 0 OR e.span_end > length(d.text) OR e.span_start >= e.span_end"
    ).fetchone()
    if row and row[0]:
        bad += 1
        yield Finding(BAD, f"{row[0]} places of evidence lie outside their documents", "Read the documents again.")
    counts = {t: connection.execute(f"SELECT count(*) FROM {t}").fetchone() for t in _KEYED}
    if not bad:
        said = ", ".join(f"{c[0]} {t}" for t, c in counts.items() if c)
        yield Finding(OK, f"no loose ends among {said}")


def _caches(memory: Memory, repair: bool) -> Iterator[Finding]:
    folder = memory.database.folder
    for name in ("history.bin", "entities.hnsw", "text.sqlite"):
        sidecar = Sidecar(folder, name, {})
        if not sidecar.payload.exists() and not sidecar.manifest.exists():
            continue
        if not sidecar.manifest.exists():
            if repair:
                sidecar.drop()
            yield Finding(REPAIRED if repair else NOTE, f"{name}: left by an interrupted save; it comes back")
        elif sidecar.read() is None:
            yield _caught(sidecar, repair, "is damaged or of another version")
        else:
            yield Finding(OK, f"{name} is whole")


def _caught(sidecar: Sidecar, repair: bool, why: str) -> Finding:
    if repair:
        sidecar.drop()
        return Finding(REPAIRED, f"{sidecar.payload.name} {why}: deleted, it comes back by itself")
    return Finding(BAD, f"{sidecar.payload.name} {why}", "memllm doctor deletes it; it comes back by itself")


def _vectors(memory: Memory) -> Iterator[Finding]:
    with memory.open() as connection:
        row = connection.execute(
            "SELECT count(*), count(DISTINCT entity), min(octet_length(vector)), max(octet_length(vector)) FROM vectors"
        ).fetchone()
    if row and row[0]:
        if row[0] != row[1] or row[2] != row[3]:
            yield Finding(BAD, "vectors come twice or differ in length", "Encode again: memllm reindex --encode")
        else:
            yield Finding(OK, f"{row[0]} vectors of {row[2] // 4} numbers, by {memory.snapshot.encoder}")


def _files(folder: Path, repair: bool) -> Iterator[Finding]:
    known = {"facts.duckdb", "facts.duckdb.wal", "facts.journal", "lock", "lock.owner", "relations.npz"}
    for name in ("history.bin", "entities.hnsw", "text.sqlite"):
        known |= {name, f"{name}.json"}
    modes = [p for p in (folder, *folder.iterdir()) if os.name == "posix" and p.stat().st_mode & 0o077]
    for path in modes:
        if repair:
            path.chmod(0o700 if path.is_dir() else 0o600)
    if modes:
        names = ", ".join(p.name for p in modes[:5])
        hint = "" if repair else "memllm doctor closes them to others"
        yield Finding(REPAIRED if repair else BAD, f"others could read {names}", hint)
    else:
        yield Finding(OK, "only you can read the files")
    for path in sorted(folder.iterdir()):
        if path.name in known:
            continue
        if path.name.startswith("facts.journal.damaged-"):
            yield Finding(NOTE, f"{path.name}: operations that could not be read and were set aside")
        elif path.name.endswith(".new") and repair:
            path.unlink(missing_ok=True)
            yield Finding(REPAIRED, f"{path.name}: left by an interrupted write, deleted")
        else:
            yield Finding(NOTE, f"{path.name} is not ours")
