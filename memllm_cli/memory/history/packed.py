"""The history in arrays: statements in the order of subject and relation, with ways in from the object and the
operation, names by a hash of their compared form. Millions of statements cost tens of bytes each and no objects.

Kept in `history.bin` beside the database, a cache: see `disk/cache.py`. Its arrays are read as they are used.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memllm_cli.memory.disk.tables import ASSERTIONS, ENTITIES, OPERATIONS, Assertion, Entity, Operation
from memllm_cli.memory.history.facts import ONCE, Fact, Key
from memllm_cli.memory.history.layout import Layout
from memllm_cli.memory.values.literals import space

Array = NDArray[Any]
Near = Sequence[tuple[int, float]]
"""Ids and how far each is from what was asked."""
RELATIONS = 1 << 20
"""More relations than any knowledge base has: an entity and a relation are one number."""
STATEMENT, OPERATION, ENTITY = Layout(ASSERTIONS, coded=("action",)), Layout(OPERATIONS), Layout(ENTITIES)
_SIZE = STATEMENT.dtype.itemsize
_KNOWN = 50_000
"""Entities kept decoded."""
PERSON, OBJECTS, SUBJECTS = (STATEMENT.mark(name) for name in ("person", "clears_objects", "clears_subjects"))
_MORE = 3 << STATEMENT.shift["action"] | STATEMENT.mark("proposed")
"""Bits of a statement that is no addition, or a proposal."""
_ID, _OPERATION, _SUBJECT, _OBJECT, _FLAGS, _PROBABILITY, _FROM, _TO, _SOURCE = (
    STATEMENT.at[name]
    for name in (
        "id", "operation", "subject", "object", "flags", "probability", "valid_from", "valid_to", "source",
    )
)  # fmt: skip


def hashed(kind: str, form: str) -> int:
    """63 bits of a compared form, the same in every process."""
    digest = hashlib.blake2b(f"{space(kind)}\0{form}".encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


class Alone(Fact):
    """A fact that one packed statement states, for all time. The statement is unpacked when somebody looks at it."""

    __slots__ = ("_kept", "_packed", "_row")

    def __init__(self, key: Key, packed: Packed, row: tuple[Any, ...]) -> None:
        self.key = key
        self.spans = ONCE
        self.against = ()
        self._packed = packed
        self._row = row
        self._kept: list[Assertion] | None = None

    @property
    def supports(self) -> list[Assertion]:  # type: ignore[override]
        """The one statement."""
        if self._kept is None:
            self._kept = [self._packed.decoded(self._row)]
        return self._kept

    @property
    def operation(self) -> int:
        """The operation that stated it."""
        return int(self._row[_OPERATION])

    @property
    def person(self) -> bool:
        """Whether a person stated it."""
        return bool(self._row[_FLAGS] & PERSON)

    @property
    def proposed(self) -> bool:
        """Whether it waits to be accepted: it does not."""
        return False

    @property
    def rank(self) -> tuple[bool, bool, int]:
        """A person's facts first, then a table's, then the newest."""
        row = self._row
        return row[_FLAGS] & PERSON != 0, row[_PROBABILITY] != row[_PROBABILITY], row[_ID]


class Packed:
    """Statements, operations and entities up to one operation."""

    def __init__(self, head: dict[str, Any], arrays: dict[str, Array]) -> None:
        self.head = head
        self.arrays = arrays
        self.statements = arrays["statements"]
        self.operations = arrays["operations"]
        self.entities = arrays["entities"]
        subject, object_, relation = (self.statements[f].astype(np.int64) for f in ("subject", "object", "relation"))
        self._objects = arrays["objects"]
        self._by_subject = subject * RELATIONS + relation
        self._by_object = (object_ * RELATIONS + relation)[self._objects]
        self._clears, self._clearing = arrays["clears"], arrays["clearing"]
        self._hashes, self._hashed = arrays["hashes"], arrays["hashed"]
        self._starts, self._bytes = arrays["starts"], memoryview(arrays["bytes"].data).cast("B")
        self._last = int(self.statements["subject"][-1]) + 1 if len(self.statements) else 0
        ends = self._by_subject.searchsorted(np.arange(self._last + 1) * RELATIONS).astype(np.int32)
        self._subjects = memoryview(ends.data).cast("B").cast("i")
        self._rows = memoryview(np.ascontiguousarray(self.statements).view(np.uint8).data)
        self._unpack = STATEMENT.unpack
        self._known: dict[int, Entity] = {}
        self._named: dict[tuple[str, str], list[int]] = {}
        self._subject_keys, self._object_keys, self._clear_keys, self._hash_keys = (
            memoryview(k.data).cast("B").cast("q") if len(k) else memoryview(b"").cast("q")
            for k in (self._by_subject, self._by_object, self._clears, self._hashes)
        )

    # -- building -------------------------------------------------------------------------------------------------

    @classmethod
    def build(
        cls, head: dict[str, Any], operations: Array, entities: Array, statements: Array, starts: Array, data: Array
    ) -> Packed:
        """Sort and index; `operations` and `entities` ascend by id, `statements` come in any order."""
        if np.any(np.diff(statements["id"]) < 0):
            statements = statements[np.argsort(statements["id"])]
        # Both orders keep that of the ids: sorting them alone is several times as fast as sorting by three columns.
        order = np.argsort(statements["subject"].astype(np.int64) * RELATIONS + statements["relation"], kind="stable")
        places = np.empty(len(order), dtype=np.int32)
        places[order] = np.arange(len(order), dtype=np.int32)
        objects = places[
            np.argsort(statements["object"].astype(np.int64) * RELATIONS + statements["relation"], kind="stable")
        ]
        statements = statements[order]
        subject, object_, relation = (statements[f].astype(np.int64) for f in ("subject", "object", "relation"))
        flags = statements["flags"]
        keys, rows = [], []
        for mark, side, entity in ((OBJECTS, 0, subject), (SUBJECTS, 1, object_)):
            at = np.flatnonzero(flags & mark)
            keys.append((entity[at] * RELATIONS + relation[at]) * 2 + side)
            rows.append(at)
        clears, clearing = np.concatenate(keys), np.concatenate(rows)
        order = np.argsort(clears, kind="stable")
        pool = _Strings(starts, data)
        forms = zip(entities["kind"].tolist(), entities["normal"].tolist(), strict=True)
        hashes = np.fromiter((hashed(pool[k], pool[n]) for k, n in forms), dtype=np.int64, count=len(entities))
        by_hash = np.argsort(hashes, kind="stable")
        return cls(
            head,
            {
                "statements": statements, "operations": operations, "entities": entities,
                "objects": objects,
                "clears": clears[order], "clearing": clearing[order].astype(np.int32),
                "hashes": hashes[by_hash], "hashed": by_hash.astype(np.int32), "starts": starts, "bytes": data,
            },
        )  # fmt: skip

    @cached_property
    def _of_operation(self) -> Array:
        """Places of the statements in the order they were made."""
        return np.argsort(self.statements["id"], kind="stable")

    @cached_property
    def _by_operation(self) -> Array:
        """Operations of the statements in that order."""
        return np.ascontiguousarray(self.statements["operation"][self._of_operation])

    @cached_property
    def _ids(self) -> Array:
        """Ids of the statements in that order."""
        return np.ascontiguousarray(self.statements["id"][self._of_operation])

    # -- looking ----------------------------------------------------------------------------------------------------

    def of_subject(self, subject: int, relation: int) -> list[Assertion]:
        """Statements with a subject under a relation, oldest first."""
        i, j = self._few_of_subject(subject, subject * RELATIONS + relation)
        return self._slice(i, j) if i < j else []

    def plain(self, entity: int, relation: int, as_object: bool) -> list[Alone] | None:
        """See `History.plain`."""
        key = entity * RELATIONS + relation
        i, j = self._few(self._object_keys, key) if as_object else self._few_of_subject(entity, key)
        out: list[Alone] = []
        for place in self._objects[i:j].tolist() if as_object else range(i, j):
            row = self._unpack(self._rows, place * _SIZE)
            if row[_FLAGS] & _MORE or row[_FROM] >= 0 or row[_TO] >= 0 or row[_SOURCE] >= 0:
                return None
            out.append(Alone((row[_SUBJECT], relation, row[_OBJECT]), self, row))
        if j - i > 1 and len({f.key for f in out}) < j - i:
            return None
        return out

    def _few_of_subject(self, subject: int, key: int) -> tuple[int, int]:
        """Like `_few` for a subject and a relation: the subject's statements are known without a search."""
        if not 0 <= subject < self._last:
            return 0, 0
        keys, end = self._subject_keys, self._subjects[subject + 1]
        i = j = bisect_left(keys, key, self._subjects[subject], end)
        while j < end and keys[j] == key:
            j += 1
        return i, j

    def of_object(self, object: int, relation: int) -> list[Assertion]:
        """Statements with an object under a relation, oldest first."""
        i, j = self._few(self._object_keys, object * RELATIONS + relation)
        return self._at(self._objects[i:j]) if i < j else []

    def about(self, entity: int, most: int | None = None) -> list[Assertion]:
        """Statements with an entity on either side; one with it on both comes twice. `most` of each, if given."""
        i, j = self._range(self._by_subject, entity * RELATIONS, RELATIONS)
        k, m = self._range(self._by_object, entity * RELATIONS, RELATIONS)
        if most is not None:
            j, m = min(j, i + most), min(m, k + most)
        return [*self._slice(i, j), *(self._at(self._objects[k:m]) if k < m else ())]

    def of_operation(self, operation: int) -> list[Assertion]:
        """Statements of an operation, in order."""
        i, j = self._range(self._by_operation, operation, 1)
        return self._at(self._of_operation[i:j]) if i < j else []

    def count_of(self, operation: int) -> int:
        """How many statements an operation made."""
        i, j = self._range(self._by_operation, operation, 1)
        return j - i

    def clearing(self, entity: int, relation: int, side: int) -> list[Assertion]:
        """`set`s that clear the objects (side 0) of a subject or the subjects (1) of an object."""
        if not len(self._clears):
            return []
        i, j = self._few(self._clear_keys, (entity * RELATIONS + relation) * 2 + side)
        return self._at(self._clearing[i:j]) if i < j else []

    def operation(self, id: int) -> Operation | None:
        """One operation."""
        at = _find(self.operations["id"], id)
        if at is None:
            return None
        operation: Operation = OPERATION.decode(self.operations[at].item(), self.text)
        return operation

    def entity(self, id: int) -> Entity | None:
        """One entity."""
        at = _find(self.entities["id"], id)
        return None if at is None else self._entity(at)

    def named(self, kind: str, form: str) -> list[int]:
        """Entities with a compared form."""
        found = self._named.get((kind, form))
        if found is None:
            i, j = self._few(self._hash_keys, hashed(kind, form))
            entities = [self._entity(at) for at in self._hashed[i:j].tolist()]
            found = sorted(e.id for e in entities if e.normal == form and space(e.kind) == space(kind))
            if len(self._named) > _KNOWN:
                self._named.clear()
            self._named[kind, form] = found
        return found

    def statement(self, id: int) -> Assertion | None:
        """One statement."""
        at = _find(self._ids, id)
        return None if at is None else self.decoded(self.statements[self._of_operation[at]].item())

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Every subject with every relation it was stated under, once, in order."""
        keys = self._by_subject
        for start in range(0, len(keys), 1 << 16):
            part = np.unique(keys[start : start + (1 << 16)])
            if start and keys[start - 1] == part[0]:
                part = part[1:]
            yield from zip((part // RELATIONS).tolist(), (part % RELATIONS).tolist(), strict=True)

    def has_subject(self, subject: int, relation: int) -> bool:
        """Whether anything was stated about a subject under a relation."""
        i, j = self._range(self._by_subject, subject * RELATIONS + relation, 1)
        return i < j

    def near_pairs(self, names: Near, relations: Near, most: float, as_object: bool) -> list[tuple[float, int, int]]:
        """See `History.near_pairs`."""
        keys = self._by_object if as_object else self._by_subject
        if not len(keys) or not names or not relations:
            return []
        (entities, near), (numbers, far) = (_ordered(x) for x in (names, relations))
        i, j = np.nonzero(near[:, None] + far[None, :] <= most)
        wanted = entities[i] * RELATIONS + numbers[j]  # ascending
        there = keys[np.minimum(keys.searchsorted(wanted), len(keys) - 1)] == wanted
        i, j = i[there], j[there]
        return list(zip(((near[i] + far[j]) / 2).tolist(), entities[i].tolist(), numbers[j].tolist(), strict=True))

    def text(self, number: int) -> str:
        """A string of the pool."""
        return str(self._bytes[self._starts[number] : self._starts[number + 1]], "utf-8", "surrogatepass")

    def _entity(self, at: int) -> Entity:
        found = self._known.get(at)
        if found is None:
            found = ENTITY.decode(self.entities[at].item(), self.text)
            if len(self._known) > _KNOWN:
                self._known.clear()
            self._known[at] = found
        return found

    def _range(self, keys: Array, key: int, width: int) -> tuple[int, int]:
        i = int(keys.searchsorted(key))
        if i == len(keys) or keys[i] >= key + width:
            return i, i
        return i, int(keys.searchsorted(key + width))

    def _few(self, keys: memoryview, key: int) -> tuple[int, int]:
        """Like `_range` for one key; a plain loop finds the end, since nearly all have one or two rows."""
        i = j = bisect_left(keys, key)
        most = len(keys)
        while j < most and keys[j] == key:
            j += 1
            if j - i == 8:
                return i, bisect_right(keys, key, j)
        return i, j

    def _slice(self, i: int, j: int) -> list[Assertion]:
        if j - i > 8:
            return [self.decoded(row) for row in self.statements[i:j].tolist()]
        size = _SIZE
        return [self.decoded(self._unpack(self._rows, at * size)) for at in range(i, j)]

    def _at(self, rows: Array) -> list[Assertion]:
        return [self.decoded(row) for row in self.statements[rows].tolist()]

    def decoded(self, row: tuple[Any, ...]) -> Assertion:
        """A statement from its numbers."""
        statement: Assertion = STATEMENT.decode(row, self.text)
        return statement

    # -- the file -----------------------------------------------------------------------------------------------------

    def write(self, path: Path) -> None:
        """Write the arrays to a file: a line of JSON with where each stands, then their bytes."""
        places, at = {}, 0
        for name, array in self.arrays.items():
            places[name] = (at, len(array))
            at += -(-array.nbytes // 64) * 64
        head = json.dumps({"arrays": places, "head": self.head}, ensure_ascii=True).encode() + b"\n"
        head = head[:-1].ljust(-(-len(head) // 64) * 64 - 1) + b"\n"
        with path.open("wb") as file:
            file.write(head)
            for array in self.arrays.values():
                data = np.ascontiguousarray(array)
                file.write(data.view(np.uint8).data if data.nbytes else b"")
                file.write(b"\0" * (-data.nbytes % 64))

    @classmethod
    def read(cls, path: Path) -> Packed:
        """The arrays of a file that `write` made and that a checksum vouches for. Raises OSError, ValueError."""
        with path.open("rb") as file:
            line = file.readline()
        head = json.loads(line)
        data = np.memmap(path, dtype=np.uint8, mode="r", offset=0)[len(line) :]
        types: dict[str, np.dtype[Any]] = {
            "statements": STATEMENT.dtype, "operations": OPERATION.dtype, "entities": ENTITY.dtype,
            "bytes": np.dtype("u1"),
        }  # fmt: skip
        narrow = ("objects", "clearing", "hashed")
        arrays = {}
        for name, (at, count) in head["arrays"].items():
            type_ = types.get(name) or np.dtype("i4" if name in narrow else "i8")
            arrays[name] = data[at : at + count * type_.itemsize].view(type_).view(np.ndarray)
        return cls(head["head"], arrays)


class _Strings:
    def __init__(self, starts: Array, data: Array) -> None:
        self._starts, self._data = starts, data.tobytes()

    def __getitem__(self, number: int) -> str:
        return self._data[self._starts[number] : self._starts[number + 1]].decode("utf-8", "surrogatepass")


def _ordered(near: Near) -> tuple[Array, Array]:
    """Ids, ascending, and their distances."""
    ids = np.array([i for i, _ in near], dtype=np.int64)
    order = np.argsort(ids)
    return ids[order], np.array([d for _, d in near])[order]


def _find(ids: Array, id: int) -> int | None:
    """Where an id stands among ascending ones, which mostly are 1, 2, 3, …"""
    if 0 < id <= len(ids) and ids[id - 1] == id:
        return id - 1
    at = int(ids.searchsorted(id))
    return at if at < len(ids) and ids[at] == id else None
