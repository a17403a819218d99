"""Packing a history: out of the database in bulk, or out of what this process knows already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from memllm_cli.memory.disk.rows import SINCE, Rows
from memllm_cli.memory.history.facts import Assertion, Operation
from memllm_cli.memory.history.history import SMALL, History
from memllm_cli.memory.history.packed import (
    ACTIONS,
    ENTITIES,
    OBJECTS,
    OPERATION,
    PERSON,
    PROPOSED,
    STATEMENT,
    SUBJECTS,
    Array,
    Packed,
)
from memllm_cli.memory.values.entities import Entity

if TYPE_CHECKING:
    import duckdb

_STATEMENTS = """
    SELECT a.id, a.operation, a.subject AS s, a.relation AS r, a.object AS o,
      (CASE a.action WHEN 'add' THEN 0 WHEN 'set' THEN 1 ELSE 2 END + CASE WHEN a.person THEN 4 ELSE 0 END
       + CASE WHEN a.clears_objects THEN 8 ELSE 0 END + CASE WHEN a.clears_subjects THEN 16 ELSE 0 END
       + CASE WHEN a.proposed THEN 32 ELSE 0 END)::UTINYINT AS flags,
      coalesce(a.probability, 'nan'::DOUBLE) AS probability,
      CASE WHEN a.subject_text = s.name THEN NULL ELSE a.subject_text END AS subject_text,
      CASE WHEN a.object_text = o.name THEN NULL ELSE a.object_text END AS object_text,
      a.valid_from, a.valid_to, CASE WHEN a.qualifiers = '{}' THEN NULL ELSE a.qualifiers END AS qualifiers,
      CASE WHEN a.person THEN NULL ELSE p.source END AS source
    FROM assertions a JOIN operations p ON p.id = a.operation
    JOIN entities s ON s.id = a.subject JOIN entities o ON o.id = a.object
"""
_TEXTS = ("subject_text", "object_text", "valid_from", "valid_to", "qualifiers", "source")


class Pool:
    """Strings by number, each once while it is filled."""

    def __init__(self) -> None:
        self.number: dict[str, int] = {}

    def add(self, text: str | None) -> int:
        """Its number; -1 for None."""
        if text is None:
            return -1
        found = self.number.get(text)
        if found is None:
            found = self.number[text] = len(self.number)
        return found

    def arrays(self) -> tuple[Array, Array]:
        """Where each begins (and the end), and all their bytes."""
        encoded = [t.encode("utf-8", "surrogatepass") for t in self.number]
        starts = np.zeros(len(encoded) + 1, dtype=np.int64)
        np.cumsum([len(e) for e in encoded], out=starts[1:])
        return starts, np.frombuffer(b"".join(encoded), dtype=np.uint8)


def pack(connection: duckdb.DuckDBPyConnection) -> Packed:
    """All that the database holds, in arrays."""
    small = {t: connection.execute(SINCE[t], [-1]).fetchall() for t in SMALL}
    operations = [Operation(*r) for r in connection.execute(SINCE["operations"], [-1]).fetchall()]
    entities = [Entity(*r) for r in connection.execute(SINCE["entities"], [-1]).fetchall()]
    pool = Pool()
    packed_ops, packed_ents = _operations(operations, pool), _entities(entities, pool)
    columns = connection.execute(_STATEMENTS).fetchnumpy()
    statements = np.empty(len(columns["id"]), dtype=STATEMENT)
    for name in ("id", "operation", "s", "r", "o", "flags", "probability"):
        statements[name] = columns[name]
    for name in _TEXTS:
        statements[name] = _numbers(columns[name], pool)
    varied = [
        np.unique(statements[side][statements[text] >= 0])
        for side, text in (("s", "subject_text"), ("o", "object_text"))
    ]
    head = _head(operations, small, statements, entities, set(np.concatenate(varied).tolist()))
    return Packed.build(head, packed_ops, packed_ents, statements, *pool.arrays())


def _numbers(column: Any, pool: Pool) -> Array:
    """Texts of a column by their number in the pool; -1 where there is none."""
    data, mask = np.ma.getdata(column), np.ma.getmaskarray(column)
    out = np.full(len(data), -1, dtype=np.int32)
    there = np.flatnonzero(~mask)
    out[there] = [pool.add(t) for t in data[there].tolist()]
    return out


def _head(
    operations: list[Operation], small: Rows, statements: Array, entities: list[Entity], variants: set[int]
) -> dict[str, Any]:
    sources: dict[str, list[int]] = {}
    for o in operations:
        if o.source is not None and o.kind in ("ingest", "forget"):
            sources.setdefault(o.source, []).append(o.id)
    flags, relations = statements["flags"], statements["r"]
    return {
        "last": max((o.id for o in operations), default=0),
        "at": operations[-1].at if operations else "",
        "last_statement": int(statements["id"].max(initial=0)),
        "last_entity": max((e.id for e in entities), default=0),
        "small": small,
        "undos": [(o.id, o.target) for o in operations if o.kind == "undo" and o.target is not None],
        "sources": sources,
        "clearing": [np.unique(relations[flags & mark != 0]).tolist() for mark in (8, 16)],
        "variants": sorted(variants),
    }


def nothing() -> Packed:
    """Arrays that hold nothing."""
    small: Rows = {t: [] for t in SMALL}
    empty = np.empty(0, dtype=STATEMENT)
    return Packed.build(
        _head([], small, empty, [], set()), _operations([], Pool()), _entities([], Pool()), empty,
        *Pool().arrays(),
    )  # fmt: skip


def repack(history: History) -> Packed:
    """What a history holds, in arrays, its newest part too."""
    old = history.packed or nothing()
    head = old.head
    fresh = [o for o in history.operations() if o.id > head["last"]]
    entities = history.new_entities()
    pool = Pool()
    parts = (
        _operations(fresh, pool),
        _entities(entities, pool),
        _statements(history.statements.values(), pool),
    )
    starts, data = pool.arrays()
    shift = len(old.arrays["starts"]) - 1
    for array, names in zip(parts, _POOLED, strict=True):
        for name in names:
            array[name][array[name] >= 0] += shift
    operations, ents, statements = (
        np.concatenate([a, b]) for a, b in zip((old.operations, old.entities, old.statements), parts, strict=True)
    )
    starts = np.concatenate([old.arrays["starts"], starts[1:] + old.arrays["starts"][-1]])
    data = np.concatenate([old.arrays["bytes"], data])
    small = {
        "relations": [(r.id, r.name, r.inverse, list(r.aliases), r.description, r.one_subject, r.one_object,
                       r.object_type, r.domain, r.external, o) for r, o in history.relations],
        "aliases": history.aliases, "merges": history.merges, "moves": history.moves,
        "documents": list(history.documents.values()),
    }  # fmt: skip
    last = history.operation(history.last)
    new_head = head | {
        "last": history.last, "at": last.at if last else "", "last_statement": history.last_statement,
        "last_entity": history.last_entity, "small": small, "undos": history.undos, "sources": history.sources,
        "clearing": [sorted(history.clearing_objects), sorted(history.clearing_subjects)],
        "variants": sorted(history.variants),
    }  # fmt: skip
    return Packed.build(new_head, operations, ents, statements, starts, data)


def _statements(rows: Iterable[Assertion], pool: Pool) -> Array:
    """Statements as numbers."""
    add = pool.add
    out = [
        (a.subject, a.relation, a.object, a.id, a.operation,
         ACTIONS.index(a.action) | a.person * PERSON | a.clears_objects * OBJECTS | a.clears_subjects * SUBJECTS
         | a.proposed * PROPOSED,
         np.nan if a.probability is None else a.probability, add(a.subject_text), add(a.object_text),
         add(a.valid_from), add(a.valid_to), -1 if a.qualifiers == "{}" else add(a.qualifiers), add(a.source))
        for a in rows
    ]  # fmt: skip
    return np.array(out, dtype=STATEMENT)


def _operations(rows: Sequence[Operation], pool: Pool) -> Array:
    """Operations as numbers."""
    add = pool.add
    out = [
        (o.id, add(o.kind), add(o.at), add(o.actor), add(o.note), -1 if o.target is None else o.target,
         -1 if o.document is None else o.document, add(o.source), add(o.model), add(o.format), add(o.run))
        for o in rows
    ]  # fmt: skip
    return np.array(out, dtype=OPERATION)


def _entities(rows: Sequence[Entity], pool: Pool) -> Array:
    """Entities as numbers."""
    add = pool.add
    out = [
        (e.id, add(e.name), add(e.normal), add(e.kind), -1 if e.scope is None else e.scope, e.operation) for e in rows
    ]
    return np.array(out, dtype=ENTITIES)


_POOLED = (
    ("kind", "at", "actor", "note", "source", "model", "format", "run"),
    ("name", "normal", "kind"),
    ("subject_text", "object_text", "valid_from", "valid_to", "qualifiers", "source"),
)
