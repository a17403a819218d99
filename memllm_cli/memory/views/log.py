"""What was done to a memory, newest first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from memllm_cli.errors import UsageError
from memllm_cli.memory.disk.tables import Operation
from memllm_cli.memory.edit.core import TYPED
from memllm_cli.memory.history.snapshot import Snapshot

KINDS = (
    "set", "add", "remove", "accept", "correct", "ingest", "forget", "import", "merge", "split", "alias", "relation",
    "undo", "purge", "create",
)  # fmt: skip

_STATING = TYPED | {"correct"}
"""Kinds that are told by their first statement; they have a note only where a person wrote one."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One operation with whether it counts and how many statements it made."""

    operation: Operation
    counts: bool
    statements: int
    detail: str


def log(
    snapshot: Snapshot, kind: str = "", actor: str = "", document: str = "", since: str = "", until: str = ""
) -> Iterator[LogEntry]:
    """Operations, newest first; only those of a kind, an actor, a document (a part of its path or title), a time.

    Times are compared as ISO texts in UTC: from `since` on, before `until`. Raises UsageError for an unknown kind.
    """
    if kind and kind not in KINDS:
        raise UsageError(f"'{kind}' is no kind of operation.", f"Choose one of: {', '.join(KINDS)}")
    actor = "person" if actor == "you" else actor
    wanted = document.casefold()
    for id_ in range(snapshot.last_operation, 0, -1):
        o = snapshot.operation(id_)
        if o is None or (kind and o.kind != kind) or (actor and o.actor != actor):
            continue
        if (since and o.at < since) or (until and o.at >= until):
            continue
        if wanted and wanted not in f"{o.source or ''}\n{o.note if o.source else ''}".casefold():
            continue
        said = _first(snapshot, id_) if o.kind in _STATING else ""
        detail = f"{said} ({o.note})" if said and o.note else o.note or said
        yield LogEntry(o, snapshot.counts(id_), snapshot.history.count_of(id_), detail)


def _first(snapshot: Snapshot, operation: int) -> str:
    """The first statement of an operation."""
    for a in snapshot.history.of_operation(operation)[:1]:
        subject = a.subject_text or snapshot.entity(a.subject).name
        object_ = a.object_text or snapshot.entity(a.object).name
        return f"{subject} >> {snapshot.relations.by_id[a.relation].name} >> {object_}"
    return ""
