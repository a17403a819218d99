"""What an operation did, as people see it: facts that went, facts that came."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property

from memllm_cli.memory.disk.tables import Operation, Rows
from memllm_cli.memory.history.facts import Key
from memllm_cli.memory.history.snapshot import Snapshot
from memllm_cli.memory.history.splits import family

Texts = tuple[str, str, str]
Days = tuple[tuple[str | None, str | None], ...]
"""From when and until when a fact holds, in ISO form, each stretch; None is open."""
BULKY = 20_000
"""Statements of one operation above which its effect is counted, not listed."""


class Change:
    """What an operation did: facts that are no longer there, facts that are new; both as shown.

    They are found when somebody asks, which many edits in a row need not pay for. `stated` is how many statements an
    operation made, or brings back or takes away, that is too large to list what it changed; 0 for others.
    """

    def __init__(self, operation: int, moments: tuple[Snapshot, Snapshot] | None, rows: Rows, stated: int = 0) -> None:
        self.operation = operation
        self.stated = stated
        self._moments = moments
        self._rows = rows

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Change):
            return NotImplemented
        mine, theirs = ((c.operation, c._seen, c.held, c.stated) for c in (self, other))
        return mine == theirs

    __hash__ = None  # type: ignore[assignment]

    @property
    def before(self) -> tuple[Texts, ...]:
        """Facts that are no longer there."""
        return tuple(self.went)

    @property
    def after(self) -> tuple[Texts, ...]:
        """Facts that are new."""
        return tuple(self.came)

    @cached_property
    def held(self) -> int:
        """Statements of a document or a table that a person had removed or replaced before; they stay away."""
        if self._moments is None or self._rows.operations[0].kind not in ("ingest", "import"):
            return 0
        after = self._moments[1]
        own = {after.key(a) for a in after.history.of_operation(self.operation) if not a.person}
        return sum(1 for k in own if after.settled(k).removed)

    @property
    def went(self) -> dict[Texts, Days]:
        """Facts that are no longer there, or no longer on these days."""
        return self._seen[0]

    @property
    def came(self) -> dict[Texts, Days]:
        """Facts that are new, or hold on these days now."""
        return self._seen[1]

    @cached_property
    def _seen(self) -> tuple[dict[Texts, Days], dict[Texts, Days]]:
        if self._moments is None:
            return {}, {}
        before, after = self._moments
        keys = touched(before, self._rows)
        if not before.same_names(after):
            keys |= touched(after, self._rows)
        old, new = _visible(before, keys), _visible(after, keys)
        return _without(old, new), _without(new, old)

    def settle(self) -> Change:
        """Find all of it now, while both moments can be looked at; returns itself."""
        _ = self._seen, self.held
        return self


def now() -> str:
    """The time as it is stored: ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def between(before: Snapshot, after: Snapshot, rows: Rows) -> Change:
    """What the rows of one operation changed."""
    made = rows.operations[0]
    kind, target, stated = made.kind, made.target, len(rows.assertions)
    while kind == "undo" and target is not None and (undone := after.history.operation(target)) is not None:
        kind, target, stated = undone.kind, undone.target, after.history.count_of(undone.id)
    return Change(made.id, None, Rows(), stated) if stated > BULKY else Change(made.id, (before, after), rows)


def _without(facts: dict[Texts, Days], others: dict[Texts, Days]) -> dict[Texts, Days]:
    return {texts: days for texts, days in facts.items() if others.get(texts) != days}


def _visible(snapshot: Snapshot, keys: set[Key]) -> dict[Texts, Days]:
    found = [f for k in keys if (f := snapshot.fact(k)) is not None and not f.proposed]
    found.sort(key=lambda f: f.supports[0].id)
    return {snapshot.texts(f): f.stretches for f in found}


def touched(snapshot: Snapshot, rows: Rows) -> set[Key]:
    """Every fact that the rows of an operation can have changed, as keys of a snapshot."""
    keys: set[Key] = set()
    for a in rows.assertions:
        subject, object = snapshot.canonical(a.subject), snapshot.canonical(a.object)
        keys.add((subject, a.relation, object))
        if a.clears_objects:
            keys |= {f.key for f in snapshot.group(a.relation, subject=subject)}
        if a.clears_subjects:
            keys |= {f.key for f in snapshot.group(a.relation, object=object)}
    for merge in rows.merges:
        for entity in (merge.source, merge.target):
            keys |= snapshot.keys_about(snapshot.canonical(entity))
    documents: set[str] = set()
    for move in rows.moves:
        moved = snapshot.history.statement(move.assertion)
        keys |= {snapshot.key(moved)} if moved is not None else set()
        keys |= snapshot.keys_about(snapshot.canonical(move.entity))
        if moved is not None and moved.source is not None and moved.source not in documents:
            documents.update(family(snapshot.history, moved.source))
    for source in documents:  # what they say again of that name goes along
        for other in snapshot.history.sources.get(source, ()):
            keys |= {snapshot.key(a) for a in snapshot.history.of_operation(other)}
    for row in rows.relations:
        if row.joined is not None:
            keys |= {f.key for r in (row.id, row.joined) for f in snapshot.facts(None, snapshot.one_relation(r))}
    for operation in rows.operations:
        keys |= _touched_by(snapshot, operation)
    return keys


def _touched_by(snapshot: Snapshot, operation: Operation) -> set[Key]:
    """What an operation touches through its source or through what it undoes."""
    history = snapshot.history
    keys: set[Key] = set()
    if operation.source is not None:
        for other in history.sources.get(operation.source, ()):
            keys |= {snapshot.key(a) for a in history.of_operation(other)}
    target = operation.target if operation.kind == "undo" else None
    undone = history.operation(target) if target is not None else None
    if undone is not None:
        for a in history.of_operation(undone.id):
            key = snapshot.key(a)
            keys.add(key)
            if a.clears_objects:
                keys |= snapshot.keys_of(key[1], subject=key[0])
            if a.clears_subjects:
                keys |= snapshot.keys_of(key[1], object=key[2])
        rows = Rows(
            merges=[m for m in history.merges if m.operation == undone.id],
            moves=[m for m in history.moves if m.operation == undone.id],
            relations=[r for r in history.relations if r.operation == undone.id],
        )
        keys |= touched(snapshot, rows)
        keys |= _touched_by(snapshot, undone)
    return keys
