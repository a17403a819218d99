"""Facts that cannot all hold: found, shown with their sources, and resolved one by one or by a rule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import combinations

from memllm_cli.memory.disk.tables import Assertion
from memllm_cli.memory.history.facts import Fact, Key
from memllm_cli.memory.history.snapshot import Snapshot
from memllm_cli.memory.values.literals import coarser
from memllm_cli.memory.values.validity import overlap

RULES = ("person", "newest", "most-sources")
ONE_WAY = frozenset(
    "amends|blocked by|capital|child|contains administrative territorial entity|depends on|father|follows|founded by|"
    "located in the administrative territorial entity|location|manager|mother|owned by|parent organization|"
    "parent taxon|part of|replaces|separated from|subclass of|author|highest point|largest city|series".split("|")
)
"""Relations that hold one way only: who is somebody's child is not that child's child."""
OPPOSITE = (
    ("child", "father"), ("child", "mother"), ("follows", "replaces"),
    ("contains administrative territorial entity", "located in the administrative territorial entity"),
)  # fmt: skip
"""Relations of which two things stand in one at most, in the same direction."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Facts of which one can hold, and why."""

    facts: tuple[Fact, ...]
    reason: str


def conflicts(snapshot: Snapshot) -> Iterator[Conflict]:
    """All contradictions among the facts that reads see, each once."""
    opposite: dict[int, set[int]] = {}
    for pair in OPPOSITE:
        ids = [found[0].id for name in pair if (found := snapshot.relations.find(name)) is not None]
        if len(ids) == 2:
            opposite.setdefault(ids[0], set()).add(ids[1])
    of_object: dict[tuple[int, int], list[Fact]] = {}
    group: list[Fact] = []
    here: tuple[int, int] | None = None
    for fact in snapshot.facts():
        relation = snapshot.relations.by_id[fact.key[1]]
        if fact.key[:2] != here:
            yield from _several(snapshot, group, "object")
            group, here = [], fact.key[:2]
        group.append(fact)
        if relation.one_subject:
            of_object.setdefault((fact.key[1], fact.key[2]), []).append(fact)
        yield from _back(snapshot, fact, relation.name, opposite.get(relation.id, set()))
        yield from _denied(fact)
    yield from _several(snapshot, group, "object")
    for facts in of_object.values():
        yield from _several(snapshot, facts, "subject")


def _denied(fact: Fact) -> Iterator[Conflict]:
    """What one document states and another one denies."""
    denials = [a for a in fact.against if a.truth == "denied"]
    if denials:
        said = ", ".join(sorted({(a.source or "").replace("\\", "/").rsplit("/", 1)[-1] for a in denials}))
        yield Conflict((fact,), f"denied in {said}")


def of_facts(snapshot: Snapshot, facts: list[Fact]) -> Iterator[Conflict]:
    """Contradictions that some facts take part in."""
    wanted = {f.key for f in facts}
    seen: set[frozenset[Key]] = set()
    for fact in facts:
        yield from _denied(fact)
        relation = snapshot.relations.by_id[fact.key[1]]
        sides = [*_several(snapshot, snapshot.values(relation.id, subject=fact.key[0]), "object")]
        if relation.one_subject:
            sides += _several(snapshot, snapshot.values(relation.id, object=fact.key[2]), "subject")
        for conflict in sides:
            keys = frozenset(f.key for f in conflict.facts)
            if keys & wanted and keys not in seen:
                seen.add(keys)
                yield conflict


def _several(snapshot: Snapshot, facts: list[Fact], side: str) -> Iterator[Conflict]:
    """Values of a side that takes one, as far as their times overlap; what ended at some time contradicts nothing."""
    facts = [f for f in facts if not f.ended]
    if len(facts) < 2:
        return
    relation = snapshot.relations.by_id[facts[0].key[1]]
    if not (relation.one_object if side == "object" else relation.one_subject):
        return
    pairs = (p for p in combinations(facts, 2) if any(overlap(x, y) for x in p[0].spans for y in p[1].spans))
    pairs = (p for p in pairs if not _over_and_now(*p))
    clashing = {f.key for pair in pairs if not (side == "object" and _within(snapshot, *pair)) for f in pair}
    if clashing:
        at_once = "at a time" if any(f.valid != (None, None) for f in facts) else "only"
        values = f"'{relation.name}' takes one {side} {at_once}"
        yield Conflict(tuple(f for f in facts if f.key in clashing), values)


def _over_and_now(first: Fact, second: Fact) -> bool:
    """Whether one is over and the other one says only that it is so: not since when, and so nothing of the past."""
    today = date.today().toordinal()
    for past, now in ((first, second), (second, first)):
        if not past.holds(today) and past.spans[-1][1] <= today and now.holds(today) and now.valid[0] is None:
            return True
    return False


def _within(snapshot: Snapshot, first: Fact, second: Fact) -> bool:
    """Whether one value only says more exactly what the other one says: May 2025 and 3 May 2025."""
    one, other = snapshot.entity(first.key[2]), snapshot.entity(second.key[2])
    kind = one.kind if one.kind == other.kind else ""
    return coarser(one.normal, other.normal, kind) or coarser(other.normal, one.normal, kind)


def _back(snapshot: Snapshot, fact: Fact, name: str, opposite: set[int]) -> Iterator[Conflict]:
    subject, relation, object = fact.key
    if subject == object:
        if name in ONE_WAY:
            yield Conflict((fact,), f"'{name}' of itself")
        return
    if name in ONE_WAY and subject < object:
        other = snapshot.fact((object, relation, subject))
        if other is not None and not other.proposed:
            yield Conflict((fact, other), f"'{name}' holds one way only")
    for second in opposite:
        other = snapshot.fact((subject, second, object))
        if other is not None and not other.proposed:
            names = f"'{name}' and '{snapshot.relations.by_id[second].name}'"
            yield Conflict((fact, other), f"{names} exclude each other")


def read_in(snapshot: Snapshot, found: Iterable[Conflict]) -> set[int]:
    """The documents that state what is in conflict."""
    supports = (a for c in found for f in c.facts for a in f.supports if a.source)
    return {d for a in supports if (d := snapshot.made_by(a).document) is not None}


def losers(snapshot: Snapshot, conflict: Conflict, rule: str, copies: Mapping[int, int] | None = None) -> list[Fact]:
    """The facts that give way under a rule; none when the rule does not decide.

    `person`: what a person stated stays. `newest`: what the newest operation states stays. `most-sources`: what most
    documents state stays; of `copies` (to the document they are copies of: `Memory.copies`) all count as one.
    """

    def source(a: Assertion) -> int | str:
        read = snapshot.made_by(a).document if a.source else None
        return f"operation {a.operation}" if read is None else (copies or {}).get(read, read)

    def score(fact: Fact) -> tuple[int, ...]:
        if rule == "person":
            return (int(fact.person),)
        if rule == "newest":
            return (max(a.operation for a in fact.supports),)
        return (len({source(a) for a in fact.supports}),)

    best = max(map(score, conflict.facts))
    winners = [f for f in conflict.facts if score(f) == best]
    if len(conflict.facts) < 2 or len(winners) != 1:
        return []
    return [f for f in conflict.facts if f is not winners[0]]
