"""Packing a history: out of the database in bulk, or out of what this process knows already."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from memllm_cli.memory.disk.tables import ENTITIES, OPERATIONS, Entity, Operation, Rows
from memllm_cli.memory.history.history import SMALL, History
from memllm_cli.memory.history.layout import Layout
from memllm_cli.memory.history.packed import ENTITY, OBJECTS, OPERATION, STATEMENT, SUBJECTS, Array, Packed

if TYPE_CHECKING:
    import duckdb

_STATEMENTS = f"""
    SELECT {
    STATEMENT.select(
        subject_text="CASE WHEN a.subject_text = s.name THEN NULL ELSE a.subject_text END",
        object_text="CASE WHEN a.object_text = o.name THEN NULL ELSE a.object_text END",
        source="CASE WHEN a.person THEN NULL ELSE p.source END",
    )
}
    FROM assertions a JOIN operations p ON p.id = a.operation
    JOIN entities s ON s.id = a.subject JOIN entities o ON o.id = a.object
"""


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
    small = Rows(**{t.name: t.since(connection, -1) for t in SMALL})
    operations, entities = OPERATIONS.since(connection, -1), ENTITIES.since(connection, -1)
    pool = Pool()
    packed_ops, packed_ents = OPERATION.encode(operations, pool.add), ENTITY.encode(entities, pool.add)
    columns = connection.execute(_STATEMENTS).fetchnumpy()
    statements = STATEMENT.selected(columns, lambda column: _numbers(column, pool))
    varied = [np.unique(statements[side][statements[f"{side}_text"] >= 0]) for side in ("subject", "object")]
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
    flags, relations = statements["flags"], statements["relation"]
    return {
        "last": max((o.id for o in operations), default=0),
        "at": operations[-1].at if operations else "",
        "last_statement": int(statements["id"].max(initial=0)),
        "last_entity": max((e.id for e in entities), default=0),
        "small": small.as_lists(),
        "undos": [(o.id, o.target) for o in operations if o.kind == "undo" and o.target is not None],
        "sources": sources,
        "clearing": [np.unique(relations[flags & mark != 0]).tolist() for mark in (OBJECTS, SUBJECTS)],
        "variants": sorted(variants),
    }


def nothing() -> Packed:
    """Arrays that hold nothing."""
    operations, entities, statements = (layout.encode([], Pool().add) for layout in (OPERATION, ENTITY, STATEMENT))
    head = _head([], Rows(), statements, [], set())
    return Packed.build(head, operations, entities, statements, *Pool().arrays())


def repack(history: History) -> Packed:
    """What a history holds, in arrays, its newest part too."""
    old = history.packed or nothing()
    head = old.head
    fresh = [o for o in history.operations() if o.id > head["last"]]
    entities = history.new_entities()
    pool = Pool()
    layouts: tuple[Layout, ...] = (OPERATION, ENTITY, STATEMENT)
    made: tuple[Iterable[Any], ...] = (fresh, entities, history.statements.values())
    parts = [layout.encode(rows, pool.add) for layout, rows in zip(layouts, made, strict=True)]
    starts, data = pool.arrays()
    shift = len(old.arrays["starts"]) - 1
    for array, layout in zip(parts, layouts, strict=True):
        for name in layout.texts:
            array[name][array[name] >= 0] += shift
    operations, ents, statements = (
        np.concatenate([a, b]) for a, b in zip((old.operations, old.entities, old.statements), parts, strict=True)
    )
    starts = np.concatenate([old.arrays["starts"], starts[1:] + old.arrays["starts"][-1]])
    data = np.concatenate([old.arrays["bytes"], data])
    last = history.operation(history.last)
    new_head = head | {
        "last": history.last, "at": last.at if last else "", "last_statement": history.last_statement,
        "last_entity": history.last_entity, "small": history.small().as_lists(), "undos": history.undos,
        "sources": history.sources,
        "clearing": [sorted(history.clearing_objects), sorted(history.clearing_subjects)],
        "variants": sorted(history.variants),
    }  # fmt: skip
    return Packed.build(new_head, operations, ents, statements, starts, data)
