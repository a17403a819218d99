"""The files of a knowledge base, all of them, by name."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

DATABASE = "facts.duckdb"
"""The truth. Beside it lie its log, a journal of operations that it has not taken in yet, a lock, and caches."""
LOG = f"{DATABASE}.wal"
JOURNAL = "facts.journal"
LOCK, OWNER = "lock", "lock.owner"
HISTORY, NAMES, WORDS, RELATIONS = "history.bin", "entities.hnsw", "text.sqlite", "relations.npz"
TEXTS, FRESH_TEXTS, PASSAGES = "passages.bin", "passages.latest.bin", "passages.hnsw"
CACHES = (HISTORY, NAMES, WORDS, RELATIONS, TEXTS, FRESH_TEXTS, PASSAGES)
"""Payloads that come back when they are gone. Each has a manifest beside it, `NAME.json`."""
DAMAGED, FOREIGN = f"{JOURNAL}.damaged-", f"{JOURNAL}.foreign-"
"""How the names of journals begin that were set aside: unreadable ones, and those of another knowledge base."""
PART = ".new"
"""How the name of a file ends while it is written."""


def manifest(name: str) -> str:
    """The manifest of a cache."""
    return f"{name}.json"


KEPT = frozenset((DATABASE, LOG, JOURNAL, LOCK, OWNER, *CACHES, *(manifest(c) for c in CACHES)))
"""Every file that a whole knowledge base may have."""


def ours(folder: Path) -> Iterator[Path]:
    """The files of a knowledge base that are there, leftovers and what was set aside too; not what others put there."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name in KEPT or path.name.startswith((DAMAGED, FOREIGN)) or is_part(path):
            yield path


def is_part(path: Path) -> bool:
    """Whether a file is what an interrupted write left."""
    return path.name.endswith(PART) and any(path.name.startswith(name) for name in KEPT)


def drop_caches(folder: Path) -> None:
    """Delete every cache, manifests first."""
    for name in CACHES:
        for path in (folder / manifest(name), folder / name):
            path.unlink(missing_ok=True)


def aside(path: Path, beginning: str) -> Path:
    """A new name, beside a journal, for what is set aside of it."""
    return path.with_name(f"{beginning}{datetime.now(UTC):%Y%m%dT%H%M%S%f}")
