"""What may be said of memory now: facts that hold, of the documents that are asked, and sentences nobody took back."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date

from memllm_cli.memory.edit.evidence import Evidence
from memllm_cli.memory.edit.memory import Memory
from memllm_cli.memory.history.facts import Fact
from memllm_cli.memory.history.snapshot import Snapshot
from memllm_cli.reading.values import says


def day_or_today(day: int | None) -> int:
    """The day (an ordinal) on which facts must hold."""
    return date.today().toordinal() if day is None else day


def stated_in(fact: Fact, snapshot: Snapshot, within: Collection[int] | None) -> bool:
    """Whether one of some documents states a fact; of all, any fact."""
    return within is None or any(snapshot.made_by(a).document in within for a in fact.supports)


def shown_of(evidence: Iterable[Evidence], within: Collection[int] | None) -> tuple[Evidence, ...]:
    """Of some evidence what stands in one of some documents; of all, everything."""
    return tuple(e for e in evidence if within is None or e.document in within)


def standing(
    facts: Iterable[Fact], snapshot: Snapshot, day: int | None, within: Collection[int] | None = None
) -> list[Fact]:
    """Facts, no proposals, of some documents, that hold on a day; without one today's alone, where there are any."""
    groups: dict[tuple[int, int], list[Fact]] = {}
    for fact in facts:
        if not fact.proposed and stated_in(fact, snapshot, within):
            groups.setdefault((fact.key[0], fact.key[1]), []).append(fact)
    today, out = day_or_today(day), []
    for group in groups.values():
        now = [f for f in group if f.holds(today)]
        out += now if now or day is not None else group
    return out


def taken_back(memory: Memory, document: int, start: int, end: int, day: int | None, value: str = "") -> bool:
    """Whether a stretch of a document states facts (of them those with a value, if one is given) none of which is left:
    somebody removed them, set others in their place, or ended them, or the document itself denies them."""
    snapshot, today = memory.snapshot, day_or_today(day)
    gone = False
    for id_ in memory.stated_at(document, start, end):
        statement = snapshot.history.statement(id_)
        if statement is None or not snapshot.counts(statement.operation):
            continue
        if statement.proposed and statement.truth != "denied":
            continue
        names = (snapshot.name(statement.subject), snapshot.name(statement.object))
        if value and not any(says(value, name) or says(name, value) for name in names):
            continue
        fact = snapshot.fact(snapshot.key(statement))
        if fact is not None and not fact.proposed and fact.holds(today):
            return False
        gone = True
    return gone
