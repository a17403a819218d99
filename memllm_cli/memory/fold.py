"""Memory as the fold over operations: pure, knows nothing of files, names or vectors.

An operation counts unless an operation that itself counts undoes it; undoing an undo is therefore the same
mechanism. Within the fold:

- `add` supports a fact; a person's `add` also lifts a person's earlier removal;
- `set` (a person's) supports a fact and retracts what conflicts on the sides it clears;
- `remove` (a person's) retracts a fact for good: documents read later do not bring it back;
- reading a source again drops what its earlier version supported; `forget` only drops.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

Key = tuple[int, int, int]
"""Subject, relation, object ids."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One entry of the history. `target` is what an undo switches off, `source` the uri an ingest read.

    `model` (a hash) and `format` say what wrote its facts.
    """

    id: int
    kind: str
    at: str
    actor: str
    note: str = ""
    target: int | None = None
    document: int | None = None
    source: str | None = None
    model: str | None = None
    run: str | None = None
    format: str | None = None


@dataclass(frozen=True, slots=True)
class Assertion:
    """One statement made by one operation."""

    id: int
    operation: int
    action: str
    subject: int
    relation: int
    object: int
    subject_text: str
    object_text: str
    person: bool
    clears_objects: bool = False
    clears_subjects: bool = False
    probability: float | None = None
    proposed: bool = False
    valid_from: str | None = None
    valid_to: str | None = None
    qualifiers: str = "{}"
    source: str | None = None


@dataclass(slots=True)
class Fact:
    """A statement with everything that supports it, oldest first."""

    key: Key
    supports: list[Assertion] = field(default_factory=list)

    @property
    def person(self) -> bool:
        """Whether a person stated it."""
        return any(a.person for a in self.supports)

    @property
    def proposed(self) -> bool:
        """Whether it waits to be accepted; reads do not see it."""
        return all(a.proposed for a in self.supports)

    @property
    def newest(self) -> Assertion:
        """The support made last, a person's first."""
        return max(self.supports, key=lambda a: (a.person, not a.proposed, a.id))

    @property
    def probability(self) -> float | None:
        """The best probability of its supports; None when a person or a table stated it."""
        values = [a.probability for a in self.supports]
        known = [v for v in values if v is not None]
        return max(known) if len(known) == len(values) else None


def active(operations: Sequence[Operation]) -> set[int]:
    """Ids of the operations that count. An undo always comes after its target."""
    off: set[int] = set()
    for operation in sorted(operations, key=lambda o: -o.id):
        if operation.kind == "undo" and operation.id not in off and operation.target is not None:
            off.add(operation.target)
    return {o.id for o in operations} - off


class Fold:
    """Facts after a run of operations, fed in order."""

    def __init__(self, merged: Mapping[int, int] | None = None) -> None:
        self.facts: dict[Key, Fact] = {}
        self.removed: set[Key] = set()
        self._merged = dict(merged or {})
        self._by_subject: dict[tuple[int, int], set[int]] = {}
        self._by_object: dict[tuple[int, int], set[int]] = {}
        self._sources: dict[str, set[Key]] = {}

    def canonical(self, entity: int) -> int:
        """The entity that an id stands for after merges."""
        while entity in self._merged:
            entity = self._merged[entity]
        return entity

    def objects(self, subject: int, relation: int) -> set[int]:
        """Objects of a subject, proposals included."""
        return self._by_subject.get((self.canonical(subject), relation), set())

    def subjects(self, object: int, relation: int) -> set[int]:
        """Subjects of an object, proposals included."""
        return self._by_object.get((self.canonical(object), relation), set())

    def apply(self, operation: Operation, assertions: Iterable[Assertion]) -> None:
        """Take one operation that counts into account."""
        if operation.source is not None and operation.kind in ("ingest", "forget"):
            self._forget(operation.source)
        for a in assertions:
            key = (self.canonical(a.subject), a.relation, self.canonical(a.object))
            if a.action == "remove":
                self._retract(key)
            elif a.person:
                if a.action == "set":
                    self._clear(key, a)
                self.removed.discard(key)
                self._support(key, a)
            elif key not in self.removed:
                self._support(key, a)

    def _clear(self, key: Key, a: Assertion) -> None:
        subject, relation, object = key
        if a.clears_objects:
            for other in self.objects(subject, relation) - {object}:
                self._retract((subject, relation, other))
        if a.clears_subjects:
            for other in self.subjects(object, relation) - {subject}:
                self._retract((other, relation, object))

    def _support(self, key: Key, a: Assertion) -> None:
        fact = self.facts.get(key)
        if fact is None:
            fact = self.facts[key] = Fact(key)
            self._by_subject.setdefault(key[:2], set()).add(key[2])
            self._by_object.setdefault((key[2], key[1]), set()).add(key[0])
        fact.supports.append(a)
        if a.source is not None:
            self._sources.setdefault(a.source, set()).add(key)

    def _drop(self, key: Key) -> None:
        if self.facts.pop(key, None) is not None:
            self._by_subject[key[:2]].discard(key[2])
            self._by_object[(key[2], key[1])].discard(key[0])

    def _retract(self, key: Key) -> None:
        self._drop(key)
        self.removed.add(key)

    def _forget(self, source: str) -> None:
        for key in self._sources.pop(source, set()):
            fact = self.facts.get(key)
            if fact is None:
                continue
            fact.supports = [a for a in fact.supports if a.source != source]
            if not fact.supports:
                self._drop(key)


def fold(
    operations: Sequence[Operation], assertions: Iterable[Assertion], merges: Iterable[tuple[int, int, int]] = ()
) -> Fold:
    """Memory after all `operations`. `merges` are (source, target, operation)."""
    counting = active(operations)
    by_operation: dict[int, list[Assertion]] = {}
    for a in assertions:
        by_operation.setdefault(a.operation, []).append(a)
    merged: dict[int, int] = {}
    for source, target, operation in sorted(merges, key=lambda m: m[2]):
        if operation in counting:
            while target in merged:
                target = merged[target]
            if source != target:
                merged[source] = target
    result = Fold(merged)
    for operation_ in sorted(operations, key=lambda o: o.id):
        if operation_.id in counting:
            result.apply(operation_, by_operation.get(operation_.id, ()))
    return result
