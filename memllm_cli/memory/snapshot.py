"""What reads look at: names, relations and facts of one moment, in the process. No file is open for a lookup."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from memllm_cli.memory.fold import Assertion, Fact, Fold, Key, Operation, active, fold
from memllm_cli.memory.literals import ENTITY, normalise
from memllm_cli.memory.names import normal
from memllm_cli.memory.relations import Relation, Relations

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, slots=True)
class Entity:
    """A name or a literal value. `normal` is what it is compared by."""

    id: int
    name: str
    normal: str
    kind: str
    scope: int | None = None


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A document that was read, without its text."""

    id: int
    uri: str
    title: str
    media_type: str
    sha256: str
    operation: int


class Snapshot:
    """Memory at one moment. Ids are those of the database."""

    def __init__(
        self,
        id: str,
        encoder: str | None,
        operations: list[Operation],
        assertions: list[Assertion],
        entities: list[Entity],
        relations: list[Relation],
        aliases: list[tuple[int, str, int]],
        merges: list[tuple[int, int, int]],
        documents: list[DocumentRow],
    ) -> None:
        self.id = id
        self.encoder = encoder
        self.operations = {o.id: o for o in operations}
        self.entities = {e.id: e for e in entities}
        self.relations = Relations(relations)
        self.documents = {d.id: d for d in documents}
        self.counting = active(operations)
        self.fold: Fold = fold(operations, assertions, merges)
        self._names: dict[tuple[str, str], list[int]] = {}
        self._spelled = self._spellings(assertions)
        self.surfaces: dict[int, list[str]] = {}
        for entity in entities:
            self._names.setdefault((_space(entity.kind), entity.normal), []).append(entity.id)
            self.surfaces[entity.id] = [self._spelled.get(entity.id, entity.name)]
        for entity_id, name, operation in aliases:
            if operation in self.counting and entity_id in self.entities:
                self._names.setdefault((ENTITY, normal(name)), []).append(entity_id)
                self.surfaces[entity_id].append(name)

    def _spellings(self, assertions: list[Assertion]) -> dict[int, str]:
        """Entities whose name is shown otherwise than first written: as a person wrote it last, else a table.

        What a removal or an acceptance repeats was not written by the person.
        """
        tables = {o.id for o in self.operations.values() if o.kind == "import" and o.id in self.counting}
        people = {o.id for o in self.operations.values() if o.kind in ("set", "add") and o.id in self.counting}
        written: tuple[dict[int, str], dict[int, str]] = ({}, {})
        for a in assertions:
            if a.operation in people or a.operation in tables:
                texts = written[a.person]
                texts[a.subject], texts[a.object] = a.subject_text, a.object_text
        out: dict[int, str] = {}
        for entity, text in (written[False] | written[True]).items():
            known = self.entities[entity]
            if text == known.name or known.kind != ENTITY:
                continue
            # Case alone is the usual difference, and comparing it costs a small part of the normal form.
            if text.casefold() == known.normal or normal(text) == known.normal:
                out[entity] = text
        return out

    @property
    def last_operation(self) -> int:
        """Id of the newest operation, 0 when there is none."""
        return max(self.operations, default=0)

    def facts(self, proposed: bool = False) -> Iterator[Fact]:
        """All facts in the order they were first stated; with `proposed`, the proposals instead."""
        return (f for f in self.fold.facts.values() if f.proposed == proposed)

    def fact(self, key: Key) -> Fact | None:
        """One fact, proposals included."""
        return self.fold.facts.get(key)

    def named(self, name: str, kind: str = ENTITY) -> list[int]:
        """Entities whose name, alias or value is exactly this one (compared in normal form)."""
        form = normal(name) if kind in (ENTITY, "text") else normalise(name, kind)
        ids = self._names.get((_space(kind), form), [])
        return list(dict.fromkeys(self.fold.canonical(i) for i in ids))

    def known(self, name: str, relation: Relation, side: str) -> list[int]:
        """Entities a name can mean on one side (`subject` or `object`) of a relation."""
        if side == "object" and relation.object_type != ENTITY:
            return list(dict.fromkeys(self.named(name, relation.object_type) + self.named(name)))
        return self.named(name)

    def values(
        self, relation: int, subject: int | None = None, object: int | None = None, proposed: bool = False
    ) -> list[Fact]:
        """Facts of a subject or of an object under a relation, best first; with `proposed` the proposals instead."""
        if subject is not None:
            keys = [(subject, relation, o) for o in self.fold.objects(subject, relation)]
        else:
            assert object is not None
            keys = [(s, relation, object) for s in self.fold.subjects(object, relation)]
        found = [f for k in keys if (f := self.fold.facts[k]).proposed == proposed]
        return sorted(found, key=rank, reverse=True)

    def about(self, entity: int) -> list[Fact]:
        """All facts with an entity on either side, no proposals, by relation."""
        return [
            fact
            for relation in self.relations.by_id
            for side in ((entity, None), (None, entity))
            for fact in self.values(relation, *side)
        ]

    def name(self, entity: int) -> str:
        """How an entity is called: as a person spelled it last, else a table, else as it was first written."""
        return self._spelled.get(entity) or self.entities[entity].name

    def texts(self, fact: Fact) -> tuple[str, str, str]:
        """Subject, relation and object as they are shown: names, and literals as last written."""
        subject, relation, object = fact.key
        kind = self.entities[object].kind
        written = self.name(object) if kind == ENTITY else fact.newest.object_text
        return self.name(subject), self.relations.by_id[relation].name, written


def rank(fact: Fact) -> tuple[bool, bool, int]:
    """A person's facts first, then what a table states before what a model wrote, then the newest source."""
    return (*authority(fact), fact.newest.id)


def authority(fact: Fact) -> tuple[bool, bool]:
    """Who states a fact: a person, or at least a table and not only a model."""
    return fact.person, fact.probability is None


def _space(kind: str) -> str:
    return ENTITY if kind in (ENTITY, "text") else kind


def load(connection: duckdb.DuckDBPyConnection) -> Snapshot:
    """Read everything a snapshot needs from an open database."""

    def rows(query: str) -> list[tuple[object, ...]]:
        return connection.execute(query).fetchall()

    meta = {str(k): v for k, v in rows("SELECT key, value FROM meta")}
    operations = [
        Operation(*r)  # type: ignore[arg-type]
        for r in rows(
            "SELECT id, kind, time, actor, note, target, document, source, model, run, format "
            "FROM operations ORDER BY id"
        )
    ]
    assertions = [
        Assertion(*r)  # type: ignore[arg-type]
        for r in rows(
            "SELECT a.id, operation, action, subject, relation, object, subject_text, object_text, person, "
            "clears_objects, clears_subjects, probability, proposed, valid_from, valid_to, qualifiers, "
            "CASE WHEN person THEN NULL ELSE o.source END "
            "FROM assertions a JOIN operations o ON o.id = a.operation ORDER BY a.id"
        )
    ]
    relations = [
        Relation(r[0], r[1], r[2], tuple(r[3]), *r[4:])  # type: ignore[arg-type]
        for r in rows(
            "SELECT id, name, inverse, aliases, description, one_subject, one_object, object_type, domain, external "
            "FROM relations ORDER BY id"
        )
    ]
    return Snapshot(
        id=str(meta["id"]),
        encoder=str(meta["encoder"]) if "encoder" in meta else None,
        operations=operations,
        assertions=assertions,
        entities=[Entity(*r) for r in rows("SELECT id, name, normal, kind, scope FROM entities ORDER BY id")],  # type: ignore[arg-type]
        relations=relations,
        aliases=rows("SELECT entity, name, operation FROM aliases"),  # type: ignore[arg-type]
        merges=rows("SELECT source, target, operation FROM merges"),  # type: ignore[arg-type]
        documents=[
            DocumentRow(*r)  # type: ignore[arg-type]
            for r in rows("SELECT id, uri, title, media_type, sha256, operation FROM documents ORDER BY id")
        ],
    )
