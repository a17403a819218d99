"""All that was ever stated, in this process: packed arrays for the bulk, dictionaries for what came since.

Append-only, like the database it follows. What counts of it, and what follows from it, is a `Snapshot`'s to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from memllm_cli.memory.disk.tables import (
    ALIASES,
    DOCUMENTS,
    MERGES,
    MOVES,
    RELATIONS,
    Alias,
    Assertion,
    DocumentRow,
    Entity,
    Merge,
    Move,
    Operation,
    RelationRow,
    Rows,
)
from memllm_cli.memory.values.literals import space
from memllm_cli.memory.values.relations import Relations

if TYPE_CHECKING:
    from memllm_cli.memory.history.packed import Alone, Near, Packed

BULK = 5000
"""Statements above which they are packed."""
SMALL = (RELATIONS, ALIASES, MERGES, MOVES, DOCUMENTS)
"""Tables kept as they are: a row an operation at most, or nearly."""


@dataclass(slots=True)
class Derived:
    """Made anew only when one of these changes; most operations leave it as it is."""

    version: int
    last: int
    off: frozenset[int]
    relations: Relations
    plain: bool = True
    """Whether nothing was merged or split."""
    merged: dict[int, int] = field(default_factory=dict)
    """Entity to the one it was merged into, all the way."""
    members: dict[int, tuple[int, ...]] = field(default_factory=dict)
    """Entities that others were merged into, with all that are one with them."""
    moved: dict[int, Assertion] = field(default_factory=dict)
    """Statements that a split gave another entity, by id, as they are now."""
    moved_to: dict[int, list[Assertion]] = field(default_factory=dict)
    """The same by the entities they have now."""
    joined: dict[int, int] = field(default_factory=dict)
    """Relation to the one it was joined to, all the way."""
    together: dict[int, tuple[int, ...]] = field(default_factory=dict)
    """Relations that others were joined to, with all that are one with them."""
    aliases: dict[int, list[str]] = field(default_factory=dict)
    named: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    """Entities by the compared form of an alias."""
    spelled: dict[int, str] = field(default_factory=dict)
    """How entities are called, as far as it was asked."""


class History:
    """Operations, statements, entities and the small tables of one knowledge base, up to one operation."""

    def __init__(self, id: str, encoder: str | None, packed: Packed | None = None) -> None:
        self.id = id
        self.encoder = encoder
        self.packed = packed
        self.last = 0
        self.last_statement = 0
        self.last_entity = 0
        self.version = 0
        """Changes with every undo, merge, alias, split or relation: what `Derived` rests on."""
        self.relations: list[RelationRow] = []
        self.aliases: list[Alias] = []
        self.merges: list[Merge] = []
        self.moves: list[Move] = []
        self.documents: dict[int, DocumentRow] = {}
        self.undos: list[tuple[int, int]] = []
        self.sources: dict[str, list[int]] = {}
        """Operations that read or forgot each source, ascending."""
        self.clearing_subjects: set[int] = set()
        self.clearing_objects: set[int] = set()
        """Relations under which a `set` has cleared a side."""
        self.variants: set[int] = set()
        """Entities that somebody wrote otherwise than their first name."""
        self.derived: Derived | None = None
        self._clear_tail()
        if packed is not None:
            self._start(packed)

    def _clear_tail(self) -> None:
        self.rows: list[Rows] = []
        self.statements: dict[int, Assertion] = {}
        self._operations: dict[int, Operation] = {}
        self._entities: dict[int, Entity] = {}
        self._names: dict[tuple[str, str], list[int]] = {}
        self._by_subject: dict[tuple[int, int], list[Assertion]] = {}
        self._by_object: dict[tuple[int, int], list[Assertion]] = {}
        self._about: dict[int, list[Assertion]] = {}
        self._of_operation: dict[int, list[Assertion]] = {}
        self._clearing: dict[tuple[int, int, int], list[Assertion]] = {}

    def _start(self, packed: Packed) -> None:
        head = packed.head
        self.last, self.last_statement, self.last_entity = head["last"], head["last_statement"], head["last_entity"]
        self._apply_small(Rows.from_lists(head["small"]))
        self.undos = [(a, b) for a, b in head["undos"]]
        self.sources = {k: list(v) for k, v in head["sources"].items()}
        self.clearing_objects, self.clearing_subjects = (set(x) for x in head["clearing"])
        self.variants = set(head["variants"])

    # -- growing ------------------------------------------------------------------------------------------------------

    def apply(self, rows: Rows) -> None:
        """Take in the rows of one or several operations that come after all here."""
        self.rows.append(rows)
        sources: dict[int, str | None] = {}
        for operation in rows.operations:
            self._operations[operation.id] = operation
            self.last = operation.id
            sources[operation.id] = operation.source
            if operation.kind == "undo" and operation.target is not None:
                self.undos.append((operation.id, operation.target))
                self.version += 1
            if operation.source is not None and operation.kind in ("ingest", "forget"):
                events = self.sources.setdefault(operation.source, [])
                self.version += bool(events)  # what an earlier reading made may go: its relations, its aliases
                events.append(operation.id)
        for entity in rows.entities:
            self._entities[entity.id] = entity
            self._names.setdefault((space(entity.kind), entity.normal), []).append(entity.id)
            self.last_entity = max(self.last_entity, entity.id)
        if self._apply_small(rows):
            self.version += 1
        for a in rows.assertions:
            source = None if a.person else sources.get(a.operation)
            self._state(a if source is None else a._replace(source=source))

    def _state(self, a: Assertion) -> None:
        for entity, text in ((a.subject, a.subject_text), (a.object, a.object_text)):
            known = self.entity(entity) if text is not None else None
            if text is not None and (known is None or known.name != text):
                self.variants.add(entity)
            if self.derived is not None:
                self.derived.spelled.pop(entity, None)
        self.statements[a.id] = a
        self.last_statement = a.id
        self._by_subject.setdefault((a.subject, a.relation), []).append(a)
        self._by_object.setdefault((a.object, a.relation), []).append(a)
        for entity in {a.subject, a.object}:
            self._about.setdefault(entity, []).append(a)
        self._of_operation.setdefault(a.operation, []).append(a)
        if a.clears_objects:
            self._clearing.setdefault((a.subject, a.relation, 0), []).append(a)
            self.clearing_objects.add(a.relation)
        if a.clears_subjects:
            self._clearing.setdefault((a.object, a.relation, 1), []).append(a)
            self.clearing_subjects.add(a.relation)

    def _apply_small(self, rows: Rows) -> bool:
        self.relations += rows.relations
        self.aliases += rows.aliases
        self.merges += rows.merges
        self.moves += rows.moves
        self.documents |= {d.id: d for d in rows.documents}
        return any(getattr(rows, t.name) for t in SMALL)

    def small(self) -> Rows:
        """The rows of the small tables."""
        return Rows(relations=self.relations, aliases=self.aliases, merges=self.merges, moves=self.moves,
                    documents=list(self.documents.values()))  # fmt: skip

    def revert(self, rows: Rows) -> None:
        """Take back what `apply` was given last."""
        assert self.rows.pop() is rows
        kept = self.rows
        packed = self.packed
        fresh = History(self.id, self.encoder, packed)
        for some in kept:
            fresh.apply(some)
        version = self.version + 1
        self.__dict__.update(fresh.__dict__)
        self.version = version

    # -- looking ------------------------------------------------------------------------------------------------------

    def operation(self, id: int) -> Operation | None:
        """One operation."""
        return self._operations.get(id) or (self.packed.operation(id) if self.packed is not None else None)

    def operations(self) -> Iterator[Operation]:
        """All operations, oldest first."""
        if self.packed is not None:
            for id_ in self.packed.operations["id"].tolist():
                operation = self.packed.operation(id_)
                assert operation is not None
                yield operation
        yield from self._operations.values()

    def entity(self, id: int) -> Entity | None:
        """One entity."""
        return self._entities.get(id) or (self.packed.entity(id) if self.packed is not None else None)

    def entities(self) -> Iterator[Entity]:
        """All entities, by id."""
        if self.packed is not None:
            for at in range(len(self.packed.entities)):
                yield self.packed._entity(at)
        yield from self._entities.values()

    def new_entities(self) -> list[Entity]:
        """Entities that are not packed yet."""
        return list(self._entities.values())

    @property
    def unpacked(self) -> int:
        """How many statements and operations are not packed."""
        return len(self.statements) + len(self._operations)

    def take(self, packed: Packed) -> None:
        """Go on with a packed form of all that is here."""
        self.packed = packed
        self._clear_tail()

    def named(self, kind: str, form: str) -> list[int]:
        """Entities with a compared form."""
        tail = self._names.get((space(kind), form))
        if self.packed is None:
            return tail or []
        packed = self.packed.named(kind, form)
        return [*packed, *tail] if tail else packed

    def of_subject(self, subject: int, relation: int) -> list[Assertion]:
        """Statements with a subject under a relation, oldest first."""
        tail = self._by_subject.get((subject, relation))
        if self.packed is None:
            return tail or []
        packed = self.packed.of_subject(subject, relation)
        return [*packed, *tail] if tail else packed

    def near_pairs(self, names: Near, relations: Near, most: float, as_object: bool) -> list[tuple[float, int, int]]:
        """Mean distance, entity and relation of the pairs of these that something was ever stated under, each once.

        Names and relations are ids with distances; pairs whose distances add up to more than `most` are left out.
        """
        tail: dict[tuple[int, int], list[Assertion]] = self._by_object if as_object else self._by_subject
        if len(tail) < len(names) * len(relations):
            near, far = dict(names), dict(relations)
            fresh = [(near[e], e, far[r], r) for e, r in tail if e in near and r in far]
        else:
            fresh = [(a, e, b, r) for e, a in names for r, b in relations if (e, r) in tail]
        found = [((a + b) / 2, e, r) for a, e, b, r in fresh if a + b <= most]
        if self.packed is None:
            return found
        packed = self.packed.near_pairs(names, relations, most, as_object)
        return list(dict.fromkeys((*packed, *found))) if found else packed

    def plain(self, entity: int, relation: int, as_object: bool) -> list[Alone] | None:
        """The facts of an entity under a relation, in the order they were stated, where each is one packed addition
        without dates, of no document and no proposal; None where there is more to any of them. Their operations are
        not looked at.
        """
        tail: dict[tuple[int, int], list[Assertion]] = self._by_object if as_object else self._by_subject
        if self.packed is None or (entity, relation) in tail:
            return None
        return self.packed.plain(entity, relation, as_object)

    def of_object(self, object: int, relation: int) -> list[Assertion]:
        """Statements with an object under a relation, oldest first."""
        tail = self._by_object.get((object, relation))
        if self.packed is None:
            return tail or []
        packed = self.packed.of_object(object, relation)
        return [*packed, *tail] if tail else packed

    def about(self, entity: int, most: int | None = None) -> list[Assertion]:
        """Statements with an entity on either side; with `most`, some of them."""
        tail = self._about.get(entity, [])
        return [*self.packed.about(entity, most), *tail[:most]] if self.packed is not None else tail[:most]

    def of_operation(self, operation: int) -> list[Assertion]:
        """Statements of one operation, in order."""
        tail = self._of_operation.get(operation, [])
        return [*self.packed.of_operation(operation), *tail] if self.packed is not None else tail

    def count_of(self, operation: int) -> int:
        """How many statements an operation made."""
        tail = len(self._of_operation.get(operation, ()))
        return tail + (self.packed.count_of(operation) if self.packed is not None else 0)

    def clearing(self, entity: int, relation: int, side: int) -> list[Assertion]:
        """`set`s that clear the objects (side 0) of a subject or the subjects (1) of an object."""
        tail = self._clearing.get((entity, relation, side))
        if self.packed is None:
            return tail or []
        packed = self.packed.clearing(entity, relation, side)
        return [*packed, *tail] if tail else packed

    def statement(self, id: int) -> Assertion | None:
        """One statement."""
        return self.statements.get(id) or (self.packed.statement(id) if self.packed is not None else None)

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Every subject with every relation it was ever stated under, once."""
        if self.packed is not None:
            yield from self.packed.pairs()
        for subject, relation in self._by_subject:
            if self.packed is None or not self.packed.has_subject(subject, relation):
                yield subject, relation

    @property
    def counts(self) -> tuple[int, int, int]:
        """How many operations, statements and entities there are."""
        p: Any = self.packed
        sizes = (0, 0, 0) if p is None else (len(p.operations), len(p.statements), len(p.entities))
        return sizes[0] + len(self._operations), sizes[1] + len(self.statements), sizes[2] + len(self._entities)
