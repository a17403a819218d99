"""Asking memory with patterns: partial triples, and joins of them over variables. Exact; no model, no similarity."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from memllm_cli.errors import UsageError
from memllm_cli.memory.history.facts import Fact, is_kind
from memllm_cli.memory.history.snapshot import Snapshot
from memllm_cli.memory.values.literals import KINDS
from memllm_cli.memory.values.names import normal
from memllm_cli.memory.values.relations import Relation
from memllm_cli.protocol.grammar import parse_pattern

Binding = dict[str, int]
"""Entity of each variable; a variable in the relation's place is bound to the relation."""

Way = tuple[Binding, tuple[Fact, ...]]
"""A binding, and the facts that allow it."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A partial triple in a relation's canonical direction. Ids are None where anything fits."""

    subject: frozenset[int] | None
    relation: Relation | None
    object: frozenset[int] | None
    subject_variable: str = ""
    relation_variable: str = ""
    object_variable: str = ""


def entities(snapshot: Snapshot, name: str, part: bool = False) -> frozenset[int]:
    """Entities and values a name can mean; with `part`, those that contain it when none is called so."""
    found = frozenset(i for kind in KINDS for i in snapshot.called(name, kind))
    if found or not part:
        return found
    form = normal(name)
    if not form:
        return found
    return frozenset(
        snapshot.canonical(e.id)
        for e in snapshot.entities()
        if form in normal(e.name) or any(form in normal(n) for n in snapshot.surfaces(snapshot.canonical(e.id)))
    )


def pattern(snapshot: Snapshot, fields: tuple[str, str, str], part: bool = False) -> Pattern:
    """What three fields mean: empty for anything, `?x` for a variable, else a name or a relation.

    Raises NotFound for a relation that does not exist, UsageError for a variable without a name.
    """
    subject, relation, object_ = (f.strip() for f in fields)
    variables = [f[1:] if f.startswith("?") else "" for f in (subject, relation, object_)]
    for text, variable in zip((subject, relation, object_), variables, strict=True):
        if text.startswith("?") and not variable.isidentifier():
            raise UsageError(f"'{text}' is no variable.", "A variable is a question mark and a word: ?x")
    wanted: Relation | None = None
    flipped = False
    if relation and not variables[1]:
        wanted, flipped = snapshot.relations.get(relation)
    sides = [
        None if not text or variable else entities(snapshot, text, part)
        for text, variable in ((subject, variables[0]), (object_, variables[2]))
    ]
    names = [variables[0], variables[2]]
    if flipped:
        sides.reverse()
        names.reverse()
    return Pattern(sides[0], wanted, sides[1], names[0], variables[1], names[1])


def facts_of(
    snapshot: Snapshot, text: str, proposed: bool | None = False, part: bool = False, every: bool = False
) -> list[Fact]:
    """Facts (or proposals) that a pattern means as it is typed, each once, those stated first in front; with `part`,
    names need only contain what was typed, with `every` also what documents say without stating it.

    Raises UsageError for a malformed pattern and NotFound for a relation that does not exist.
    """
    wanted = pattern(snapshot, parse_pattern(text) if text else ("", "", ""), part)
    found = {f.key: f for f in matching(snapshot, wanted, proposed, every)}
    return sorted(found.values(), key=lambda f: f.supports[0].id)


def matching(snapshot: Snapshot, wanted: Pattern, proposed: bool | None = False, every: bool = False) -> Iterator[Fact]:
    """Facts that fit a pattern (with `proposed` the proposals instead, with None both), variables left aside.

    With `every` also what documents say without stating it.
    """
    relation = wanted.relation.id if wanted.relation is not None else None
    for fact in _near(snapshot, wanted.subject, relation, wanted.object):
        if not (every or is_kind(fact, proposed)):
            continue
        if (
            (relation is None or fact.key[1] == relation)
            and (wanted.subject is None or fact.key[0] in wanted.subject)
            and (wanted.object is None or fact.key[2] in wanted.object)
        ):
            yield fact


def _near(
    snapshot: Snapshot, subjects: frozenset[int] | None, relation: int | None, objects: frozenset[int] | None
) -> Iterable[Fact]:
    """Facts among which those wanted are: by the index of the side that is given."""
    if subjects is None and objects is None:
        return snapshot.facts(None, relation, every=True)
    if relation is not None:
        if subjects is not None:
            return (f for s in sorted(subjects) for f in snapshot.group(relation, subject=s))
        return (f for o in sorted(objects or ()) for f in snapshot.group(relation, object=o))
    ids = subjects if subjects is not None else objects
    return (f for i in sorted(ids or ()) for f in snapshot.about(i, every=True))


def join(
    snapshot: Snapshot, patterns: Sequence[Pattern], proposed: bool | None = False, day: int | None = None
) -> Iterator[Way]:
    """Every way to satisfy all patterns: what the variables stand for, and the facts, in the order of the patterns.

    Patterns with most known are followed first. `day` (an ordinal) leaves out facts that do not hold then.
    """

    def step(left: tuple[int, ...], bound: Binding, used: dict[int, Fact]) -> Iterator[Way]:
        if not left:
            yield bound, tuple(used[i] for i in range(len(patterns)))
            return
        best = min(left, key=lambda i: (_cost(patterns[i], bound), i))
        rest = tuple(i for i in left if i != best)
        for fact in matching(snapshot, _bound(patterns[best], bound, snapshot), proposed):
            if day is not None and not fact.holds(day):
                continue
            more = _take(patterns[best], fact, bound)
            if more is not None:
                yield from step(rest, more, {**used, best: fact})

    return step(tuple(range(len(patterns))), {}, {})


def _cost(p: Pattern, bound: Mapping[str, int]) -> int:
    known = [
        p.subject is not None or p.subject_variable in bound,
        p.object is not None or p.object_variable in bound,
    ]
    return 4 - 2 * sum(known) - (p.relation is not None)


def _bound(p: Pattern, bound: Mapping[str, int], snapshot: Snapshot) -> Pattern:
    subject = frozenset({bound[p.subject_variable]}) if p.subject_variable in bound else p.subject
    object_ = frozenset({bound[p.object_variable]}) if p.object_variable in bound else p.object
    relation = p.relation
    if p.relation_variable in bound:
        relation = snapshot.relations.by_id[bound[p.relation_variable]]
    return Pattern(subject, relation, object_)


def _take(p: Pattern, fact: Fact, bound: Binding) -> Binding | None:
    """The binding with what a fact gives the pattern's variables; None where it contradicts itself."""
    out = dict(bound)
    for variable, value in zip((p.subject_variable, p.relation_variable, p.object_variable), fact.key, strict=True):
        if variable and out.setdefault(variable, value) != value:
            return None
    return out
