"""What follows from undos, merges, splits, aliases and changed relations, for one moment of a history."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from operator import attrgetter

from memllm_cli.memory.disk.tables import Assertion, Merge, Move
from memllm_cli.memory.history.facts import undone
from memllm_cli.memory.history.history import Derived, History
from memllm_cli.memory.history.splits import moved
from memllm_cli.memory.values.literals import ENTITY, space
from memllm_cli.memory.values.names import normal
from memllm_cli.memory.values.relations import Relations


def derive(history: History, last: int) -> Derived:
    """What follows for the moment after operation `last`; kept in the history for the newest moment."""
    kept = history.derived
    if (
        kept is not None
        and kept.version == history.version
        and (kept.last == last or last >= history.last >= kept.last)
    ):
        kept.last = last
        return kept
    off = undone((o, t) for o, t in history.undos if o <= last)

    def counts(operation: int) -> bool:
        return operation <= last and operation not in off

    def stays(operation: int) -> bool:
        """Whether it counts and, where it read a document, no later one read that again or forgot it."""
        made = history.operation(operation) if counts(operation) else None
        if made is None or made.source is None:
            return made is not None
        events = history.sources.get(made.source, ())
        return not any(o > operation and counts(o) for o in events[bisect_right(events, operation) :])

    key = tuple(i for i, r in enumerate(history.relations) if stays(r.operation))
    joined = _joined(history, key)
    out = Derived(history.version, last, off, _relations(history, key, joined), joined=joined)
    for relation, end in joined.items():
        out.together[end] = (*out.together.get(end, (end,)), relation)
    _merge(out, [m for m in history.merges if counts(m.operation)])
    _move(out, history, [m for m in history.moves if counts(m.operation)])
    out.plain = not out.merged and not out.moved and not joined
    for entity, name, operation in history.aliases:
        if stays(operation) and name not in out.aliases.get(entity, ()):  # several documents may say it
            out.aliases.setdefault(entity, []).append(name)
            out.named.setdefault((space(ENTITY), normal(name)), []).append(entity)
    if last >= history.last:
        history.derived = out
    return out


_BY_OPERATION = attrgetter("operation")
_CACHE: dict[tuple[str, tuple[int, ...]], Relations] = {}


def _joined(history: History, key: tuple[int, ...]) -> dict[int, int]:
    """Relations that were made one with others, by the rows that count."""
    direct: dict[int, int] = {}
    for i in key:
        row = history.relations[i]
        if row.joined is not None and _end(direct, row.joined) != row.id:
            direct[row.id] = row.joined
    return {relation: _end(direct, relation) for relation in direct}


def _relations(history: History, key: tuple[int, ...], joined: dict[int, int]) -> Relations:
    """The relations that rows which count are about, each as its newest such row has it, or as it was made.

    Thousands of phrases are normalised for it, so the last one is kept.
    """
    full = (history.id, key)
    if full not in _CACHE:
        rows = history.relations
        newest = {rows[i].id: rows[i].relation for i in key if not rows[i].is_use and rows[i].joined is None}
        for i in key:
            id_ = rows[i].id
            if id_ not in newest:  # only its uses count: what made it was undone, or its document read again
                newest[id_] = next(r.relation for r in rows if r.id == id_ and not r.is_use)
        for relation, end in joined.items():
            gone, kept = newest.pop(relation), newest[end]
            newest[end] = replace(kept, aliases=(*kept.aliases, gone.name, *gone.aliases))
        _CACHE.clear()
        _CACHE[full] = Relations(newest.values())
    return _CACHE[full]


def _merge(out: Derived, merges: list[Merge]) -> None:
    direct: dict[int, int] = {}
    for source, target, _ in sorted(merges, key=_BY_OPERATION):
        source, target = _end(direct, source), _end(direct, target)
        if source != target:
            direct[source] = target
    members: dict[int, list[int]] = {}
    for entity in direct:
        end = _end(direct, entity)
        out.merged[entity] = end
        members.setdefault(end, [end]).append(entity)
    out.members = {k: tuple(v) for k, v in members.items()}


def _end(direct: dict[int, int], entity: int) -> int:
    while entity in direct:
        entity = direct[entity]
    return entity


def _move(out: Derived, history: History, moves: list[Move]) -> None:
    if not moves:
        return
    out.moved = moved(history, moves, out.joined)
    for a in out.moved.values():
        for entity in {a.subject, a.object}:
            out.moved_to.setdefault(entity, []).append(a)


def dropped(history: History, off: frozenset[int], a: Assertion, until: int) -> bool:
    """Whether the source of a statement was read again or forgotten after it, up to an operation."""
    if a.source is None:
        return False
    events = history.sources.get(a.source, ())
    return any(o not in off for o in events[bisect_right(events, a.operation) : bisect_right(events, until)])
