"""Memory at one moment: what counts of the history, and what follows from it. No file is open for a lookup."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any

from memllm_cli.errors import NotFound
from memllm_cli.memory.disk.tables import Assertion, DocumentRow, Entity, Operation
from memllm_cli.memory.history.derived import derive, dropped
from memllm_cli.memory.history.facts import NOTHING, Fact, Key, Settled, is_kind, settle
from memllm_cli.memory.history.history import History
from memllm_cli.memory.values.literals import ENTITY, normalise, space
from memllm_cli.memory.values.names import normal, other_ends
from memllm_cli.memory.values.relations import Relation
from memllm_cli.memory.values.validity import ALWAYS


class Snapshot:
    """Memory after one operation of a history. Ids are those of the database."""

    def __init__(self, history: History, last: int | None = None) -> None:
        self.history = history
        self.last_operation = history.last if last is None else last
        self._derived = derive(history, self.last_operation)
        joined = self._derived.joined
        self._clears_objects, self._clears_subjects = (
            {joined.get(r, r) for r in side} if joined else side
            for side in (history.clearing_objects, history.clearing_subjects)
        )
        self._clearing_somewhere = self._clears_objects | self._clears_subjects
        self.relations = self._derived.relations

    @property
    def id(self) -> str:
        """Id of the knowledge base."""
        return self.history.id

    @property
    def encoder(self) -> str | None:
        """Identity of the encoder its names were encoded with."""
        return self.history.encoder

    @property
    def last_entity(self) -> int:
        """The largest id of an entity, 0 when there is none."""
        return self.history.last_entity

    def at(self, operation: int) -> Snapshot:
        """Memory as it was after an operation."""
        return Snapshot(self.history, operation)

    def same_names(self, other: Snapshot) -> bool:
        """Whether undos, merges, splits, aliases and relations are the same here and there."""
        return self._derived is other._derived

    # -- operations -----------------------------------------------------------------------------------------------

    def operation(self, id: int) -> Operation | None:
        """One operation, if it belongs to this moment."""
        return self.history.operation(id) if id <= self.last_operation else None

    def existing(self, id: int) -> Operation:
        """One operation of this moment. Raises NotFound."""
        found = self.operation(id)
        if found is None:
            raise NotFound(f"There is no operation {id}.", "See: memllm log")
        return found

    def made_by(self, a: Assertion) -> Operation:
        """The operation that made a statement."""
        operation = self.history.operation(a.operation)
        assert operation is not None
        return operation

    def operations(self) -> Iterator[Operation]:
        """All operations up to this moment, oldest first."""
        return (o for o in self.history.operations() if o.id <= self.last_operation)

    def counts(self, operation: int) -> bool:
        """Whether an operation is part of the history and not undone."""
        return 0 < operation <= self.last_operation and operation not in self._derived.off

    @property
    def undone(self) -> frozenset[int]:
        """Operations that do not count."""
        return self._derived.off

    def dropped(self, a: Assertion, until: int | None = None) -> bool:
        """Whether the source of a statement was read again or forgotten after it, up to an operation."""
        if a.source is None:
            return False
        return dropped(self.history, self._derived.off, a, self.last_operation if until is None else until)

    # -- entities -------------------------------------------------------------------------------------------------

    def entity(self, id: int) -> Entity:
        """One entity. Raises KeyError."""
        found = self.history.entity(id)
        if found is None:
            raise KeyError(id)
        return found

    def entities(self) -> Iterator[Entity]:
        """All entities ever named, by id, merged ones too."""
        return self.history.entities()

    @property
    def merged_or_split(self) -> bool:
        """Whether some names are one thing, or some statements were given another name."""
        return not self._derived.plain

    def canonical(self, entity: int) -> int:
        """The entity that an id stands for after merges."""
        return self._derived.merged.get(entity, entity)

    def one_relation(self, relation: int) -> int:
        """The relation that an id stands for after joins."""
        return self._derived.joined.get(relation, relation)

    def _same(self, relation: int) -> tuple[int, ...]:
        """All relations that are one with a relation, itself first."""
        return self._derived.together.get(relation) or (relation,)

    def members(self, entity: int) -> tuple[int, ...]:
        """All entities that are one with a canonical one, itself first."""
        return self._derived.members.get(entity) or (entity,)

    def name(self, entity: int) -> str:
        """How an entity is called: as a person spelled it last, else a table, else as it was first written."""
        known = self.entity(entity)
        if known.kind != ENTITY or entity not in self.history.variants:
            return known.name
        kept = self._derived.spelled if self.last_operation >= self.history.last else {}
        if entity not in kept:
            kept[entity] = self._spelling(known)
        return kept[entity]

    def _spelling(self, known: Entity) -> str:
        """The last counting spelling of a name; what a removal or an acceptance repeats was not written by a person."""
        best: tuple[bool, int] = (False, 0)
        out = known.name
        for a in self.history.about(known.id):
            if (a.person, a.id) < best or not self.counts(a.operation):
                continue
            if self.made_by(a).kind not in ("set", "add", "import"):
                continue
            for entity, text in ((a.subject, a.subject_text), (a.object, a.object_text)):
                if entity == known.id:
                    written = known.name if text is None else text
                    if written.casefold() == known.normal or normal(written) == known.normal:
                        best, out = (a.person, a.id), written
        return out

    def surfaces(self, entity: int) -> list[str]:
        """All names of an entity: its own, its aliases, those of entities merged into it."""
        out = []
        for member in self.members(entity):
            out += [self.name(member), *self._derived.aliases.get(member, ())]
        return list(dict.fromkeys(out))

    def aliases(self, entity: int) -> list[str]:
        """The aliases an entity was given, those of entities merged into it too."""
        return [a for m in self.members(entity) for a in self._derived.aliases.get(m, ())]

    def named(self, name: str, kind: str = ENTITY) -> list[int]:
        """Entities whose name, alias or value is exactly this one (compared in normal form)."""
        return self.of_form(normal(name) if kind in (ENTITY, "text") else normalise(name, kind), kind)

    def called(self, name: str, kind: str = ENTITY) -> list[int]:
        """Like `named`; where nothing is, those whose name differs in the mark it ends in ("Yahoo" and with "!")."""
        return self.named(name, kind) or [i for form in other_ends(normal(name)) for i in self.of_form(form, kind)]

    def of_form(self, form: str, kind: str = ENTITY) -> list[int]:
        """Entities by the compared form of a name, an alias or a value."""
        ids = self.history.named(kind, form)
        if self._derived.named and (more := self._derived.named.get((space(kind), form))):
            ids = list(dict.fromkeys((*ids, *more)))
        if not ids and form.endswith(")") and kind == ENTITY:  # "the tenant (lease.md)"
            base, _, place = form[:-1].rpartition(" (")
            ids = [
                i
                for i in self.history.named(kind, base)
                if (e := self.entity(i)).scope is not None and normal(self.scope_name(e.scope)) == place
            ]
        if not ids or not self._derived.merged:
            return list(ids)
        return list(dict.fromkeys(self.canonical(i) for i in ids))

    def is_own(self, name: str, entity: int) -> bool:
        """Whether a name is one that an entity, or one merged into it, was made with, and no alias."""
        form = normal(name)
        return any(self.entity(m).normal == form for m in self.members(entity))

    def own(self, name: str, entity: int, kind: str = ENTITY) -> int:
        """The entity that bears a name itself, of those that are one with `entity` now: the merge may be undone."""
        if not self._derived.merged:
            return entity
        named = self.history.named(kind, normal(name) if kind in (ENTITY, "text") else normalise(name, kind))
        return next((i for i in named if self.canonical(i) == entity), entity)

    def known(self, name: str, relation: Relation, side: str) -> list[int]:
        """Entities a name can mean on one side (`subject` or `object`) of a relation."""
        if side == "object" and relation.object_type != ENTITY:
            return list(dict.fromkeys(self.named(name, relation.object_type) + self.named(name)))
        return self.named(name)

    # -- statements -------------------------------------------------------------------------------------------------

    def key(self, a: Assertion) -> Key:
        """The fact a statement is about, after splits and merges."""
        a = self._derived.moved.get(a.id, a)
        return self.canonical(a.subject), self.one_relation(a.relation), self.canonical(a.object)

    def _current(self, rows: Iterable[Assertion], entity: int) -> list[Assertion]:
        """Statements about an entity as they are now, splits followed, oldest first."""
        moved = self._derived.moved
        out = [moved.get(a.id, a) for a in rows] if moved else list(rows)
        if moved:
            seen = {a.id for a in out}
            out += [a for m in self.members(entity) for a in self._derived.moved_to.get(m, ()) if a.id not in seen]
        return sorted(out, key=_ID)

    def _of_subject(self, subject: int, relation: int) -> list[Assertion]:
        if self._derived.plain:
            return self.history.of_subject(subject, relation)
        pairs = ((m, r) for m in self.members(subject) for r in self._same(relation))
        found = self._current([a for m, r in pairs for a in self.history.of_subject(m, r)], subject)
        return [a for a in found if self.one_relation(a.relation) == relation and self.canonical(a.subject) == subject]

    def _of_object(self, object: int, relation: int) -> list[Assertion]:
        if self._derived.plain:
            return self.history.of_object(object, relation)
        pairs = ((m, r) for m in self.members(object) for r in self._same(relation))
        found = self._current([a for m, r in pairs for a in self.history.of_object(m, r)], object)
        return [a for a in found if self.one_relation(a.relation) == relation and self.canonical(a.object) == object]

    def _clearing(self, entity: int, relation: int, side: int) -> list[Assertion]:
        """`set`s that clear the objects (side 0) of a subject or the subjects (1) of an object."""
        if self._derived.plain:
            return self.history.clearing(entity, relation, side)
        rows = self._of_object(entity, relation) if side else self._of_subject(entity, relation)
        return [a for a in rows if (a.clears_subjects if side else a.clears_objects)]

    # -- facts --------------------------------------------------------------------------------------------------------

    def statements(self, key: Key) -> list[Assertion]:
        """Everything ever stated about a fact up to this moment, undone or not, oldest first."""
        subject, relation, object = key
        own = (a for a in self._of_subject(subject, relation) if self.canonical(a.object) == object)
        return [a for a in own if a.operation <= self.last_operation]

    def settled(self, key: Key) -> Settled:
        """What became of a fact."""
        subject, relation, object = key
        own = [a for a in self._of_subject(subject, relation) if self.canonical(a.object) == object]
        return self._settle(key, own) if own else NOTHING

    def _settle(self, key: Key, own: Sequence[Assertion]) -> Settled:
        subject, relation, object = key
        clears: list[Assertion] = []
        first = own[0].id  # before it was stated there was nothing to clear
        if relation in self._clears_objects:
            sets = self._clearing(subject, relation, 0)
            clears = [a for a in sets if a.id > first and self.canonical(a.object) != object]
        if relation in self._clears_subjects:
            sets = self._clearing(object, relation, 1)
            clears += [a for a in sets if a.id > first and self.canonical(a.subject) != subject]
        return settle(key, own, clears, self)

    def fact(self, key: Key) -> Fact | None:
        """One fact, proposals included."""
        return self.settled(key).fact

    def group(self, relation: int, subject: int | None = None, object: int | None = None) -> Sequence[Fact]:
        """Facts and proposals of a subject or of an object under a relation, in the order they were stated."""
        entity = object if subject is None else subject
        assert entity is not None
        found = self._plain(entity, relation, subject is None)
        if found is not None:
            return found
        canonical = self.canonical
        if subject is not None:
            rows = self._of_subject(subject, relation)
            if len(rows) == 1:
                key = (subject, relation, canonical(rows[0].object))
                plain = relation not in self._clearing_somewhere
                fact = (settle(key, rows, (), self) if plain else self._settle(key, rows)).fact
                return [] if fact is None else [fact]
            by_key: dict[Key, list[Assertion]] = {}
            for a in self._since_cleared(rows, objects=True):
                by_key.setdefault((subject, relation, canonical(a.object)), []).append(a)
        else:
            assert object is not None
            by_key = {}
            for a in self._since_cleared(self._of_object(object, relation), objects=False):
                by_key.setdefault((canonical(a.subject), relation, object), []).append(a)
        return [f for key, own in by_key.items() if (f := self._settle(key, own).fact) is not None]

    def _plain(self, entity: int, relation: int, as_object: bool) -> Sequence[Fact] | None:
        """What `group` finds, a few times as fast, where nothing was ever done about these facts but stating each once,
        which nearly all are; None where there may be more to it."""
        if relation in self._clearing_somewhere or not self._derived.plain:
            return None
        facts = self.history.plain(entity, relation, as_object)
        if facts:
            last, off = self.last_operation, self._derived.off
            for fact in facts:
                operation = fact.operation
                if operation > last or operation in off:
                    return None
        return facts

    def keys_of(self, relation: int, subject: int | None = None, object: int | None = None) -> set[Key]:
        """Everything ever stated of a subject or of an object under a relation."""
        if subject is not None:
            return {self.key(a) for a in self._of_subject(subject, relation)}
        assert object is not None
        return {self.key(a) for a in self._of_object(object, relation)}

    def _since_cleared(self, rows: list[Assertion], objects: bool) -> list[Assertion]:
        """The statements of a group that can still matter: of values that were stated again since the last `set` that
        cleared the side for all time, and its own. What it cleared is no fact, however often that happened."""
        if len(rows) < 3:
            return rows
        for last in reversed(rows):
            clears = last.clears_objects if objects else last.clears_subjects
            if clears and last.span == ALWAYS and self.counts(last.operation):
                break
        else:
            return rows
        values = [self.canonical(a.object if objects else a.subject) for a in rows]
        kept = {v for a, v in zip(rows, values, strict=True) if a.id >= last.id}
        return [a for a, v in zip(rows, values, strict=True) if v in kept]

    def values(
        self, relation: int, subject: int | None = None, object: int | None = None, proposed: bool = False
    ) -> list[Fact]:
        """Facts of a subject or of an object under a relation, best first; with `proposed` the proposals instead."""
        found = self.group(relation, subject, object)
        if len(found) == 1:
            return list(found) if is_kind(found[0], proposed) else []
        return sorted((f for f in found if is_kind(f, proposed)), key=_RANK, reverse=True)

    def keys_about(self, entity: int) -> set[Key]:
        """Everything that was ever stated with an entity on either side."""
        rows = [a for m in self.members(entity) for a in self.history.about(m)]
        keys = {self.key(a) for a in self._current(rows, entity)}
        return {k for k in keys if entity in (k[0], k[2])}

    def is_used(self, entity: int) -> bool:
        """Whether any fact or proposal has an entity on a side."""
        for most in (20, None):  # nearly always the first few tell
            rows = [a for m in self.members(entity) for a in self.history.about(m, most)]
            if any(self.settled(self.key(a)).fact is not None for a in self._current(rows, entity)):
                return True
        return False

    def about(self, entity: int, proposed: bool | None = False, every: bool = False) -> list[Fact]:
        """All facts with an entity on either side, by relation, best first; with `proposed` the proposals instead,
        with None both, with `every` also what is said and not stated."""
        facts = (self.fact(k) for k in self.keys_about(entity))
        found = [f for f in facts if f is not None and (every or is_kind(f, proposed))]
        return sorted(found, key=lambda f: (f.key[1], f.key[0] != entity, *(not a for a in f.authority), -f.newest.id))

    def facts(self, proposed: bool | None = False, relation: int | None = None, every: bool = False) -> Iterator[Fact]:
        """All facts, of one relation if given; with `proposed` the proposals instead, with None both.

        With `every` also what documents say without stating it.
        """
        wanted = relation
        merged = not self._derived.plain
        seen: set[tuple[int, int]] = set()
        pairs: Iterable[tuple[int, int]] = self.history.pairs()
        if self._derived.moved_to:
            pairs = (*pairs, *((a.subject, a.relation) for rows in self._derived.moved_to.values() for a in rows))
        for subject, relation in pairs:
            if merged:
                subject, relation = self.canonical(subject), self.one_relation(relation)
            if wanted is not None and relation != wanted:
                continue
            if merged:
                if (subject, relation) in seen:
                    continue
                seen.add((subject, relation))
            for fact in self.group(relation, subject=subject):
                if every or is_kind(fact, proposed):
                    yield fact

    @property
    def empty(self) -> bool:
        """Whether there is neither a fact nor a proposal."""
        return next(self.facts(every=True), None) is None

    def of_source(self, uri: str) -> list[Fact]:
        """Facts and proposals that a document supports now."""
        operations = [o for o in self.history.sources.get(uri, ()) if self.counts(o)]
        keys = {self.key(a) for o in operations[-1:] for a in self.history.of_operation(o)}
        facts = (self.fact(k) for k in sorted(keys))
        return [f for f in facts if f is not None and any(a.source == uri for a in f.supports)]

    def documents(self) -> list[DocumentRow]:
        """Documents that count: the newest version of each that was neither forgotten nor undone, by path."""
        out = []
        for events in self.history.sources.values():
            newest = next((o for o in reversed(events) if self.counts(o)), None)
            operation = None if newest is None else self.history.operation(newest)
            if operation is not None and operation.kind == "ingest" and operation.document is not None:
                row = self.history.documents.get(operation.document)
                if row is not None:
                    out.append(row)
        return sorted(out, key=lambda d: d.uri)

    def texts(self, fact: Fact) -> tuple[str, str, str]:
        """Subject, relation and object as they are shown: names, and literals as last written."""
        subject, relation, object = fact.key
        known = self.entity(object)
        if known.kind == ENTITY:
            written = self.shown(object)
        else:
            written = fact.newest.object_text or self.entity(fact.newest.object).name
        return self.shown(subject), self.relation_name(relation), written

    def relation_name(self, relation: int) -> str:
        """The name of a relation, of one that no longer counts, too."""
        known = self.relations.by_id.get(relation)
        if known is not None:
            return known.name
        return next((r.name for r in reversed(self.history.relations) if r.id == relation), f"relation {relation}")

    def shown(self, entity: int) -> str:
        """A name for people; one that belongs to a document says which."""
        known = self.entity(entity)
        if known.scope is None:
            return self.name(entity)
        return f"{self.name(entity)} ({self.scope_name(known.scope)})"

    def scope_name(self, document: int) -> str:
        """The file name of the document that a name belongs to."""
        row = self.history.documents.get(document)
        return row.uri.replace("\\", "/").rsplit("/", 1)[-1] if row is not None else f"document {document}"


def belongs(snapshot: Snapshot, head: dict[str, Any]) -> bool:
    """Whether the last operation a cache knows is one of this history, and not of another that was restored."""
    operation = snapshot.history.operation(head["last"])
    return operation is not None and operation.at == head.get("at")


_ID, _RANK = attrgetter("id"), attrgetter("rank")
