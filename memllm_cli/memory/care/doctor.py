"""Looking a knowledge base over: is it whole, do the caches agree with it, who may read it; and mending what can be."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from memllm_cli.errors import MemllmError
from memllm_cli.memory.disk import files, journal
from memllm_cli.memory.disk.cache import Sidecar
from memllm_cli.memory.disk.tables import RELATIONS, TABLES, VERSION
from memllm_cli.memory.edit.memory import Memory
from memllm_cli.memory.history import loading
from memllm_cli.types import READER

if TYPE_CHECKING:
    import duckdb

OK, REPAIRED, BAD, NOTE = "ok", "repaired", "bad", "note"


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
    facts = {(f.key, f.proposed) for f in snapshot.facts(every=True)}
    from memllm_cli.memory.history.snapshot import Snapshot

    if facts == {(f.key, f.proposed) for f in Snapshot(history).facts(every=True)}:
        yield Finding(OK, f"{len(facts)} facts and proposals, the same from the cache and from the database")
    else:
        yield _caught(Sidecar(folder, files.HISTORY), repair, "gives other facts than the database")
    old = sum((d.reader or 0) < READER for d in snapshot.documents())
    if old:
        yield Finding(NOTE, f"{old} documents were read by an older version", "memllm ingest --again reads them better")
    yield from _caches(memory, repair)
    yield from _vectors(memory)
    yield from _files(folder, repair)


_CACHED = (
    ("vectors", "vectors", "entity", "entities"),
    ("vectors of passages", "passage_vectors", "document", "documents"),
)  # fmt: skip


def _rows(connection: duckdb.DuckDBPyConnection) -> Iterator[Finding]:
    """What no single row can show: ids that come once, references that lead somewhere, an unbroken order."""
    keyed = [t for t in TABLES.values() if t.keyed]
    for table in keyed:
        if table is RELATIONS:  # a later row with its id takes the place of an earlier one
            continue
        row = connection.execute(f"SELECT count(*), count(DISTINCT id) FROM {table.name}").fetchone()
        if row and row[0] != row[1]:
            yield Finding(BAD, f"{row[0] - row[1]} ids come twice in '{table.name}'", "Restore a backup.")
    bad = 0
    loose = [(t.noun, t.name, c.name, c.references) for t in TABLES.values() for c in t.columns if c.references]
    for noun, name, column, target in (*loose, *_CACHED):
        row = connection.execute(
            f"SELECT count(*) FROM {name} WHERE {column} IS NOT NULL AND {column} NOT IN (SELECT id FROM {target})"
        ).fetchone()
        if row and row[0]:
            bad += 1
            said = f"{row[0]} {noun} whose {column} is not there"
            yield Finding(BAD, said, "Restore a backup, or export what is whole: memllm export --csv")
    row = connection.execute(
        "SELECT count(*) FROM evidence e JOIN documents d ON d.id = e.document "
        "WHERE e.span_start < 0 OR e.span_end > length(d.text) OR e.span_start >= e.span_end"
    ).fetchone()
    if row and row[0]:
        bad += 1
        yield Finding(BAD, f"{row[0]} places of evidence lie outside their documents", "Read the documents again.")
    counts = {t.name: connection.execute(f"SELECT count(*) FROM {t.name}").fetchall()[0] for t in keyed}
    if not bad:
        said = ", ".join(f"{counts[n][0]} {n}" for n in ("operations", "entities", "documents", "assertions"))
        yield Finding(OK, f"no loose ends among {said}")


def _caches(memory: Memory, repair: bool) -> Iterator[Finding]:
    folder = memory.database.folder
    for name in files.CACHES:
        sidecar = Sidecar(folder, name)
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
        if path.name in files.KEPT:
            continue
        if path.name.startswith(files.DAMAGED):
            yield Finding(NOTE, f"{path.name}: operations that could not be read and were set aside")
        elif path.name.startswith(files.FOREIGN):
            yield Finding(NOTE, f"{path.name}: operations of another knowledge base, set aside")
        elif files.is_part(path) and repair:
            path.unlink(missing_ok=True)
            yield Finding(REPAIRED, f"{path.name}: left by an interrupted write, deleted")
        else:
            yield Finding(NOTE, f"{path.name} is not ours")
