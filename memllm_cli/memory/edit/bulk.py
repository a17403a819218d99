"""Many facts at once: columns in, arrays into the database, without an object for each fact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from memllm_cli.memory.disk.tables import ASSERTIONS, ENTITIES, Operation, Rows
from memllm_cli.memory.edit.change import Change, now
from memllm_cli.memory.edit.statements import Writer
from memllm_cli.memory.values.literals import ENTITY

if TYPE_CHECKING:
    import duckdb

    from memllm_cli.memory.edit.core import Core
    from memllm_cli.memory.values.relations import Relation


@dataclass(frozen=True, slots=True)
class Columns:
    """Facts as three columns of the same length."""

    subjects: Sequence[str]
    relations: Sequence[str]
    objects: Sequence[str]


def load_columns(memory: Core, columns: Columns, note: str, person: bool) -> Change:
    """State facts as one operation, like `Memory.import_facts`, for plain facts in their thousands and millions.

    Raises NotFound for an unknown relation and UsageError for a name that cannot be kept; nothing is stored then.
    """
    with memory.open() as connection:
        snapshot = memory.moment(connection)
        writer = Writer(snapshot)
        relations: dict[str, tuple[Relation, bool]] = {}
        for name in dict.fromkeys(columns.relations):
            relations[name] = writer.known(name)
        names = _Names(writer)
        count = len(columns.subjects)
        subjects, objects, numbers = (np.empty(count, dtype=np.int64) for _ in range(3))
        texts: list[tuple[int, str | None, str | None]] = []
        flags = np.zeros((2, count), dtype=bool)
        entity, first = names.entity, names.first
        rows = zip(columns.subjects, columns.relations, columns.objects, strict=True)
        for i, (subject, name, object_) in enumerate(rows):
            relation, flipped = relations[name]
            if flipped:
                subject, object_ = object_, subject
            s, o = entity(subject, ENTITY), entity(object_, relation.object_type)
            subjects[i], numbers[i], objects[i] = s, relation.id, o
            if first[s] != subject or first[o] != object_:
                texts.append((i, _text(first[s], subject), _text(first[o], object_)))
            if person:
                flags[0, i], flags[1, i] = relation.one_object, relation.one_subject
        made = Operation(writer.operation, "import", now(), "person" if person else "import", note)
        start = snapshot.history.last_statement + 1
        data = {
            "id": np.arange(start, start + count), "subject": subjects, "relation": numbers, "object": objects,
            "clears_objects": flags[0], "clears_subjects": flags[1],
            "subject_text": _column(count, [(i, s) for i, s, _ in texts]),
            "object_text": _column(count, [(i, o) for i, _, o in texts]),
        }  # fmt: skip
        _insert(connection, data, writer, made, person)
    memory.forget_snapshot()
    return Change(made.id, None, Rows(), count)


def _insert(
    connection: duckdb.DuckDBPyConnection, data: dict[str, object], writer: Writer, made: Operation, person: bool
) -> None:
    entities = writer.rows.entities
    connection.execute("SELECT 1").fetchall()
    connection.register("stated", data)
    if entities:
        named: dict[str, object] = {"id": np.array([e.id for e in entities])}
        named |= {n: _objects([getattr(e, n) for e in entities]) for n in ("name", "normal", "kind")}
        connection.register("named", named)
    connection.execute("BEGIN")
    Rows(operations=[made], relations=writer.rows.relations).insert(connection)
    if entities:
        ENTITIES.insert_from(connection, "named", **{n: n for n in named}, operation=str(made.id))
    action, stated = ("'set'", "TRUE") if person else ("'add'", "FALSE")
    given = {n: n for n in data} | {"operation": str(made.id), "action": action, "person": stated}
    ASSERTIONS.insert_from(connection, "stated", **given)
    connection.execute("COMMIT")
    for view in ("stated", "named") if entities else ("stated",):
        connection.unregister(view)


class _Names:
    """Ids of names, each looked up once; `first` is how each id was first written."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._known: dict[tuple[str, str], int] = {}
        self.first: dict[int, str] = {}

    def entity(self, name: str, kind: str) -> int:
        """Id of a name."""
        found = self._known.get((name, kind))
        if found is None:
            found = self._known[name, kind] = self._new(name, kind)
        return found

    def _new(self, name: str, kind: str) -> int:
        shown = " ".join(name.split())
        made = self._writer.entity(shown, kind)
        if made not in self.first:
            known = self._writer.snapshot.history.entity(made)
            self.first[made] = known.name if known is not None else shown
        return made


def _text(first: str, written: str) -> str | None:
    shown = " ".join(written.split())
    return None if shown == first else shown


def _column(count: int, values: list[tuple[int, str | None]]) -> object:
    """A column of texts that is empty but for some rows."""
    out = np.empty(count, dtype=object)
    for i, value in values:
        out[i] = value
    return out


def _objects(values: Sequence[str]) -> object:
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out
