"""What an operation did, as people see it: facts that went, facts that came."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property

from memllm_cli.memory.disk.rows import Rows
from memllm_cli.memory.history.facts import Key
from memllm_cli.memory.history.snapshot import Snapshot

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
        if self._moments is None or self._rows["operations"][0][1] not in ("ingest", "import"):
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
    operation, kind, target = rows["operations"][0][0], rows["operations"][0][1], rows["operations"][0][5]
    stated = len(rows.get("assertions", ()))
    while kind == "undo" and (undone := after.history.operation(target)) is not None:
        kind, target, stated = undone.kind, undone.target, after.history.count_of(undone.id)
    return Change(operation, None, {}, stated) if stated > BULKY else Change(operation, (before, after), rows)


def _without(facts: dict[Texts, Days], others: dict[Texts, Days]) -> dict[Texts, Days]:
    return {texts: days for texts, days in facts.items() if others.get(texts) != days}


def _visible(snapshot: Snapshot, keys: set[Key]) -> dict[Texts, Days]:
    found = [f for k in keys if (f := snapshot.fact(k)) is not None and not f.proposed]
    found.sort(key=lambda f: f.supports[0].id)
    return {snapshot.texts(f): f.stretches for f in found}


def touched(snapshot: Snapshot, rows: Rows) -> set[Key]:
    """Every fact that the rows of an operation can have changed, as keys of a snapshot."""
    keys: set[Key] = set()
    for row in rows.get("assertions", ()):
        subject, relation, object = snapshot.canonical(row[3]), row[4], snapshot.canonical(row[5])
        keys.add((subject, relation, object))
        if row[9]:
            keys |= {f.key for f in snapshot.group(relation, subject=subject)}
        if row[10]:
            keys |= {f.key for f in snapshot.group(relation, object=object)}
    for source, target, _ in rows.get("merges", ()):
        for entity in (source, target):
            keys |= snapshot.keys_about(snapshot.canonical(entity))
    for assertion, _, entity, _ in rows.get("moves", ()):
        a = snapshot.history.statement(assertion)
        keys |= ({snapshot.key(a)} if a is not None else set()) | snapshot.keys_about(snapshot.canonical(entity))
    for row in rows["operations"]:
        keys |= _touched_by(snapshot, row[0], row[1], row[5], row[7])
    return keys


def _touched_by(snapshot: Snapshot, operation: int, kind: str, target: int | None, source: str | None) -> set[Key]:
    """What an operation touches through its source or through what it undoes."""
    history = snapshot.history
    keys: set[Key] = set()
    if source is not None:
        for other in history.sources.get(source, ()):
            keys |= {snapshot.key(a) for a in history.of_operation(other)}
    undone = history.operation(target) if kind == "undo" and target is not None else None
    if undone is not None:
        for a in history.of_operation(undone.id):
            key = snapshot.key(a)
            keys.add(key)
            if a.clears_objects:
                keys |= snapshot.keys_of(key[1], subject=key[0])
            if a.clears_subjects:
                keys |= snapshot.keys_of(key[1], object=key[2])
        rows: Rows = {
            "merges": [m for m in history.merges if m[2] == undone.id],
            "moves": [m for m in history.moves if m[3] == undone.id],
            "operations": [],
        }
        keys |= touched(snapshot, rows)
        keys |= _touched_by(snapshot, undone.id, undone.kind, undone.target, undone.source)
    return keys
