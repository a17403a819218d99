"""What a split gives another name: the statements it names, and what their documents say again of that name.

A split names statements, and a document that is read again makes new ones. What a person decided is therefore taken for
its document: a statement with the same names and relation goes where it went before, in every reading and in every copy
of that document, and a new one about the name goes along if all others about it went one way. It follows from the rows
that count at a moment, so readings and splits can be undone in any order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from memllm_cli.memory.disk.tables import Assertion, Move
from memllm_cli.memory.history.facts import Key
from memllm_cli.memory.history.history import History

SUBJECT, OBJECT = "subject", "object"


class _Spot(NamedTuple):
    """A side of what a document states, with the names as it wrote them."""

    key: Key
    side: str


def family(history: History, source: str) -> list[str]:
    """A document and those it shares a reading with, to the byte: it was copied, or moved. The nearest first."""
    by_bytes: dict[str, list[str]] = {}
    read: dict[str, list[str]] = {}
    for document in history.documents.values():
        by_bytes.setdefault(document.sha256, []).append(document.uri)
        read.setdefault(document.uri, []).append(document.sha256)
    out = {source: None}
    waiting = [source]
    for uri in waiting:
        for other in (u for digest in read.get(uri, ()) for u in by_bytes[digest]):
            if other not in out:
                out[other] = None
                waiting.append(other)
    return list(out)


def moved(history: History, moves: Iterable[Move], joined: dict[int, int]) -> dict[int, Assertion]:
    """Statements that have another entity than they were written with, by id, as they are after these moves."""
    return _Splits(history, joined).after(moves)


class _Splits:
    def __init__(self, history: History, joined: dict[int, int]) -> None:
        self.history = history
        self.joined = joined
        self.decided: dict[str, dict[_Spot, int]] = {}
        """By document: which entity a side of what it states has, where a split of it was about that name."""
        self._families: dict[str, list[str]] = {}
        self._spots: dict[str, dict[int, set[_Spot]]] = {}

    def after(self, moves: Iterable[Move]) -> dict[int, Assertion]:
        out: dict[int, Assertion] = {}
        for _, split in groupby(sorted(moves, key=_BY_OPERATION), key=_BY_OPERATION):
            told = [(a, m) for m in split if (a := self.history.statement(m.assertion)) is not None]
            self._decide([(a, m) for a, m in told if a.source is not None])
            for a, m in told:
                if a.source is None:
                    out[a.id] = _with(out.get(a.id, a), m.side, m.entity)
        for source in {other for known in self.decided for other in self._family(known)}:
            for a in self._stated(source):
                for spot, entity in self._sides(a):
                    if (now := self._now(source, spot, entity)) != entity:
                        out[a.id] = _with(out.get(a.id, a), spot.side, now)
        return out

    def _decide(self, told: list[tuple[Assertion, Move]]) -> None:
        """Keep what a split says; of what it leaves where it is, too."""
        names = {(a.operation, getattr(a, m.side)) for a, m in told}
        for operation in {a.operation for a, _ in told}:
            for a in self.history.of_operation(operation):
                for spot, entity in self._sides(a) if a.source is not None else ():
                    if (operation, entity) in names:
                        now = self._now(a.source or "", spot, entity)
                        self.decided.setdefault(a.source or "", {}).setdefault(spot, now)
        for a, m in told:
            self.decided[a.source or ""][_Spot(self._key(a), m.side)] = m.entity

    def _now(self, source: str, spot: _Spot, entity: int) -> int:
        """The entity of a side that was written with `entity`."""
        known = self._known(source, spot)
        if known is not None:
            return known
        for near in self._family(source):
            others = {k for s in self._about(near).get(entity, ()) if (k := self._known(near, s)) is not None}
            if others:
                return others.pop() if len(others) == 1 else entity
        return entity

    def _known(self, source: str, spot: _Spot) -> int | None:
        """What was decided of a document, or else of the nearest one that is a copy of it."""
        found = (self.decided[s].get(spot) for s in self._family(source) if s in self.decided)
        return next((f for f in found if f is not None), None)

    def _family(self, source: str) -> list[str]:
        if source not in self._families:
            self._families[source] = family(self.history, source)
        return self._families[source]

    def _about(self, source: str) -> dict[int, set[_Spot]]:
        """All that a document ever stated, by the names on its sides."""
        if source not in self._spots:
            spots: dict[int, set[_Spot]] = {}
            for a in self._stated(source):
                for spot, entity in self._sides(a):
                    spots.setdefault(entity, set()).add(spot)
            self._spots[source] = spots
        return self._spots[source]

    def _stated(self, source: str) -> Iterator[Assertion]:
        for operation in self.history.sources.get(source, ()):
            yield from (a for a in self.history.of_operation(operation) if a.source is not None)

    def _sides(self, a: Assertion) -> tuple[tuple[_Spot, int], tuple[_Spot, int]]:
        key = self._key(a)
        return (_Spot(key, SUBJECT), a.subject), (_Spot(key, OBJECT), a.object)

    def _key(self, a: Assertion) -> Key:
        return a.subject, self.joined.get(a.relation, a.relation), a.object


def _with(a: Assertion, side: str, entity: int) -> Assertion:
    return a._replace(subject=entity) if side == SUBJECT else a._replace(object=entity)


_BY_OPERATION = attrgetter("operation")
