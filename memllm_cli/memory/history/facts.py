"""What became of a fact: the operations that touch it, in order. Pure; knows nothing of files, names or vectors.

An operation counts unless an operation that itself counts undoes it; undoing an undo is therefore the same
mechanism. What a fact is now depends only on the statements about it and on those `set`s that clear a side it stands
on, so it is settled when it is asked for, alone, for any moment of the history:

- `add` supports it; a person's `add` also lifts a person's earlier removal;
- `set` (a person's) supports a fact and retracts what conflicts on the sides it clears, for the time it holds;
- `remove` (a person's) retracts it for good: documents read later do not bring it back;
- reading a source again drops what its earlier version supported; `forget` only drops.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from memllm_cli.memory.disk.tables import Assertion
from memllm_cli.memory.values.validity import ALWAYS, Span, joined, overlap, shown, without, without_all

Key = tuple[int, int, int]
"""Subject, relation, object ids, after merges."""


class Fact:
    """A statement with everything that supports it, oldest first. `spans` is when it holds."""

    __slots__ = ("against", "key", "spans", "supports")
    against: Sequence[Assertion]
    """Statements about it that do not state it: a denial, a plan, what somebody is reported to say."""

    def __init__(self, key: Key, supports: list[Assertion], spans: tuple[Span, ...] | None = None) -> None:
        self.key = key
        self.supports = supports
        self.against = ()
        self.spans = (self.newest.span,) if spans is None else spans

    @property
    def person(self) -> bool:
        """Whether a person stated it."""
        return any(a.person for a in self.supports)

    @property
    def proposed(self) -> bool:
        """Whether it waits to be accepted; reads do not see it."""
        supports = self.supports
        return supports[0].proposed if len(supports) == 1 else all(a.proposed for a in supports)

    @property
    def truth(self) -> str:
        """`stated`, or how it is meant where nothing states it: then it is neither a fact nor a proposal."""
        return self.newest.truth

    @property
    def ended(self) -> bool:
        """Whether all that state it say that it is over, and not since when."""
        return all(a.ended for a in self.supports)

    @property
    def newest(self) -> Assertion:
        """The support made last, a person's first."""
        if len(self.supports) == 1:
            return self.supports[0]
        return max(self.supports, key=lambda a: (a.person, not a.proposed, a.id))

    @property
    def probability(self) -> float | None:
        """The best probability of its supports; None when a person or a table stated it."""
        values = [a.probability for a in self.supports]
        known = [v for v in values if v is not None]
        return max(known) if len(known) == len(values) else None

    @property
    def authority(self) -> tuple[bool, bool]:
        """Who states it: a person, or at least a table and not only a model. The larger, the more it counts."""
        return self.person, self.probability is None

    @property
    def rank(self) -> tuple[bool, bool, int]:
        """A person's facts first, then what a table states before what a model wrote, then the newest source."""
        return (*self.authority, self.newest.id)

    @property
    def valid(self) -> tuple[str | None, str | None]:
        """From when and until when it holds: as written, or as a later statement cut it. None is open."""
        newest = self.newest
        if self.spans == (newest.span,):
            return newest.valid_from, newest.valid_to
        return shown((self.spans[0][0], self.spans[-1][1]))

    @property
    def stretches(self) -> tuple[tuple[str | None, str | None], ...]:
        """Like `valid`, each stretch of days by itself: there can be others between them."""
        return (self.valid,) if len(self.spans) < 2 else tuple(shown(s) for s in self.spans)

    def holds(self, day: int) -> bool:
        """Whether it holds on a day (an ordinal)."""
        return any(begin <= day < end for begin, end in self.spans)


def is_kind(fact: Fact, proposed: bool | None) -> bool:
    """Whether it is a fact or, with `proposed`, a proposal; with None either. What is not stated is neither."""
    if proposed is False or not fact.proposed:
        return not (proposed or fact.proposed)
    return fact.truth == "stated"


def stated_by(fact: Fact) -> str:
    """`person`, `document` or `import`: who supports a fact, the strongest of them."""
    if fact.person:
        return "person"
    return "document" if any(a.source is not None for a in fact.supports) else "import"


class Counting(Protocol):
    """The moment a fact is settled for."""

    def counts(self, operation: int) -> bool:
        """Whether an operation is part of the history then and not undone."""

    def dropped(self, a: Assertion, until: int | None = None) -> bool:
        """Whether its document was read again or forgotten after it, up to an operation."""


class Settled(NamedTuple):
    """A fact, or None, and whether a person took it out."""

    fact: Fact | None
    removed: bool


NOTHING = Settled(None, False)
ONCE = (ALWAYS,)


def settle(key: Key, own: Sequence[Assertion], clears: Iterable[Assertion], moment: Counting) -> Settled:
    """What a fact is, from the statements about it and the `set`s of others that clear a side it stands on."""
    clearing = [c for c in clears if moment.counts(c.operation)] if clears else None
    if not clearing and len(own) == 1:  # nearly all
        a = own[0]
        if not moment.counts(a.operation):
            return NOTHING
        if a.action == "remove":
            return Settled(None, True)
        if a.source is not None and moment.dropped(a):
            return NOTHING
        return Settled(Fact(key, [a], ONCE if a.valid_from is None and a.valid_to is None else (a.span,)), False)
    return _in_order(key, [a for a in own if moment.counts(a.operation)], clearing or [], moment)


def _in_order(key: Key, own: list[Assertion], clearing: list[Assertion], moment: Counting) -> Settled:
    clears = {c.id for c in clearing}
    supports: list[tuple[Assertion, list[Span]]] = []
    free = [ALWAYS]  # the time no person took it out of
    stated: list[Span] = []  # the time a person gave it: a set says it anew, an add adds to it
    for a in sorted([*own, *clearing], key=lambda x: x.id):
        if a.id in clears:
            cut = a.span
            there = [s for s in supports if not moment.dropped(s[0], a.operation)]
            if any(overlap(cut, x) for _, spans in there for x in spans):
                free, stated = without(free, cut), without(stated, cut)
                supports = [(s, left) for s, spans in there if (left := without(spans, cut))]
        elif a.action == "remove":
            supports, free, stated = [], [], []
        elif a.person:
            free = joined([*free, a.span])
            stated = joined([*stated, a.span]) if a.action == "add" else [a.span]
            supports.append((a, [a.span]))
        else:
            left = [a.span]
            for taken in without_all([ALWAYS], free):
                left = without(left, taken)
            if left:
                supports.append((a, left))
    supports = [s for s in supports if not moment.dropped(s[0])]
    if not supports:
        return Settled(None, not free)
    against = [s for s in supports if s[0].truth != "stated"]
    supports = [s for s in supports if s[0].truth == "stated"] or supports
    fact = Fact(key, [a for a, _ in supports], ())
    fact.against = [a for a, _ in against] if against != supports else ()
    newest = fact.newest
    said = [x for a, spans in supports if a.operation == newest.operation for x in spans]
    fact.spans = tuple(stated if newest.person else said if len(said) == 1 else joined(said))
    return Settled(fact, False)


def undone(undos: Iterable[tuple[int, int]]) -> frozenset[int]:
    """Operations that do not count, from the undos (operation, target). An undo always comes after its target."""
    off: set[int] = set()
    for operation, target in sorted(undos, reverse=True):
        if operation not in off:
            off.add(target)
    return frozenset(off)
