"""Counts, sums and largest values over facts, by the store and not by a model.

Only where every word of the question is accounted for: by what is computed, by the relation it is computed of, by a
name that the facts must lead to, and by what the facts stand under (title, headings, names of columns). Everything else
is left to whoever reads.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from memllm_cli.memory.edit.evidence import Evidence
from memllm_cli.memory.history.facts import Fact, Key
from memllm_cli.memory.history.snapshot import Snapshot
from memllm_cli.memory.search.find import Finder
from memllm_cli.memory.search.postings import terms
from memllm_cli.memory.values.literals import normalise
from memllm_cli.reading.link import Linker

MOST = 500
"""Facts that are computed with at most."""
_KINDS = ("money", "number", "date", "duration")
_COUNT = re.compile(r"^(?:how many|(?:what is )?the number of|count)\b", re.IGNORECASE)
_WORDS: dict[str, str] = {
    **dict.fromkeys(("total", "sum", "altogether", "combined"), "sum"),
    **dict.fromkeys(("average", "mean"), "average"),
    **dict.fromkeys(
        ("most", "highest", "largest", "biggest", "greatest", "maximum", "longest", "latest", "newest"), "largest"
    ),
    **dict.fromkeys(
        ("least", "lowest", "smallest", "fewest", "minimum", "shortest", "earliest", "oldest", "cheapest"), "smallest"
    ),
}
"""Words of the language that ask for something computed: a closed class."""
_YEAR = {"D": Decimal(1), "W": Decimal(7), "M": Decimal("30.44"), "Y": Decimal("365.25")}


@dataclass(frozen=True, slots=True)
class Computed:
    """What was computed: `value` for programs, `said` for people, the facts it rests on, the first of them leading."""

    operation: str
    relation: str
    value: str
    said: str
    facts: tuple[Fact, ...]


def compute(question: str, finder: Finder, linker: Linker, within: Collection[int] | None = None) -> Computed | None:
    """What a question asks to be computed; None when it asks nothing of the kind, or not of facts alone."""
    counts = _COUNT.search(question.strip())
    asked = next((_WORDS[w] for w in re.findall(r"[a-z]+", question.casefold()) if w in _WORDS), None)
    if counts is None and asked is None:
        return None
    snapshot = finder.memory.snapshot
    plain = _COUNT.sub(" ", question.strip())
    rest = {t for t in terms(plain) if t not in _OPERATIONS}
    mentioned = linker.mentioned(question)
    names = {t for m in mentioned for t in terms(m.surface)}
    filters = {e for m in mentioned for e in m.entities}
    facts = _current(snapshot, finder, within)
    if counts is not None:
        return _counted(snapshot, finder, facts, filters, rest - names)
    groups: dict[int, list[Fact]] = {}
    for fact in facts:
        groups.setdefault(fact.key[1], []).append(fact)
    fitting = sorted(
        (r for r in groups if (own := _own(snapshot, r)) and own <= rest), key=lambda r: -len(_own(snapshot, r))
    )
    for relation in fitting:
        rows = [f for f in groups[relation] if not filters or _leads(snapshot, f, filters)]
        left = rest - names - _own(snapshot, relation)
        if len(rows) > 1 and len(rows) <= MOST and _accounted(finder, rows, left):
            return _reckoned(snapshot, asked or "", relation, rows)
    return None


_OPERATIONS = {t for w in _WORDS for t in terms(w)}


def _current(snapshot: Snapshot, finder: Finder, within: Collection[int] | None) -> list[Fact]:
    today = date.today().toordinal() if finder.day is None else finder.day
    return [
        f for f in snapshot.facts()
        if f.holds(today) and (within is None or any(snapshot.made_by(a).document in within for a in f.supports))
    ]  # fmt: skip


def _own(snapshot: Snapshot, relation: int) -> set[str]:
    return set(terms(re.sub(r"\(.*?\)", " ", snapshot.relations.by_id[relation].name)))


def _leads(snapshot: Snapshot, fact: Fact, filters: Collection[int]) -> bool:
    """Whether the subject of a fact is one of some names, or has a fact that leads to one."""
    subject = fact.key[0]
    return subject in filters or any(f.key[0] == subject and f.key[2] in filters for f in snapshot.about(subject))


def _accounted(finder: Finder, facts: Sequence[Fact], left: Collection[str]) -> bool:
    """Whether the words that are left stand above the facts: in titles, headings and names of columns."""
    if not left:
        return True
    evidence: dict[Key, list[Evidence]] = finder.memory.evidence(list(facts[:50]))
    above = {
        t for places in evidence.values() for e in places
        for t in terms(" ".join((
            e.title, e.heading, *(e.block.path if e.block else ()), e.block.table if e.block else "",
            *(name for name, _ in (e.block.cells if e.block else ())),
        )))
    }  # fmt: skip
    return set(left) <= above


def _counted(
    snapshot: Snapshot, finder: Finder, facts: Sequence[Fact], filters: Collection[int], left: Collection[str]
) -> Computed | None:
    """How many subjects have a fact that leads to a name of the question."""
    groups: dict[int, list[Fact]] = {}
    for fact in facts:
        if fact.key[2] in filters:
            groups.setdefault(fact.key[1], []).append(fact)
    for relation, rows in sorted(groups.items(), key=lambda g: -len(g[1])):
        if len(rows) <= MOST and _accounted(finder, rows, set(left) - _own(snapshot, relation)):
            subjects = list(dict.fromkeys(snapshot.texts(f)[0] for f in rows))
            said = f"{len(subjects)}: {', '.join(subjects)}"
            return Computed("count", snapshot.relation_name(relation), str(len(subjects)), said, tuple(rows))
    return None


def _reckoned(snapshot: Snapshot, operation: str, relation: int, rows: Sequence[Fact]) -> Computed | None:
    """A sum, an average, or the subject with the largest or smallest value; None where units differ."""
    for kind in _KINDS:
        read = [_amount(snapshot.texts(f)[2], kind) for f in rows]
        if all(r is not None for r in read) and len({r[1] for r in read if r}) == 1:
            amounts = [r[0] for r in read if r]
            unit = next(r[1] for r in read if r)
            break
    else:
        return None
    name = snapshot.relation_name(relation)
    if operation in ("sum", "average"):
        if unit in ("date", "duration"):
            return None
        total = sum(amounts, Decimal(0))
        value = total if operation == "sum" else (total / len(amounts)).quantize(Decimal("0.01"))
        text = f"{value.normalize():,f} {unit}".strip()
        parts = " + ".join(snapshot.texts(f)[2] for f in rows[:8]) + (" + …" if len(rows) > 8 else "")
        said = f"{text} ({parts})" if operation == "sum" else f"{text} (of {len(rows)})"
        return Computed(operation, name, text, said, tuple(rows))
    choose: Callable[..., Decimal] = max if operation == "largest" else min
    best = choose(amounts)
    leading = [f for f, a in zip(rows, amounts, strict=True) if a == best]
    others = [f for f, a in zip(rows, amounts, strict=True) if a != best]
    subjects = list(dict.fromkeys(snapshot.texts(f)[0] for f in leading))
    value_text = snapshot.texts(leading[0])[2]
    return Computed(operation, name, ", ".join(subjects), f"{', '.join(subjects)} ({value_text})", (*leading, *others))


def _amount(text: str, kind: str) -> tuple[Decimal, str] | None:
    """A value as a number to compare, and its unit."""
    form = normalise(text, kind)
    if kind == "date":
        match = re.fullmatch(r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?", form)
        if match is None or not re.search(r"\d", text):
            return None
        return Decimal(int(match[1]) * 10_000 + int(match[2] or 0) * 100 + int(match[3] or 0)), "date"
    if kind == "duration":
        match = re.fullmatch(r"(\d+)([DWMY])", form)
        return (Decimal(match[1]) * _YEAR[match[2]], "duration") if match else None
    match = re.fullmatch(r"([+-]?\d+(?:\.\d+)?)(?: (.+))?", form)
    if match is None or (kind == "money" and not match[2]):
        return None
    return Decimal(match[1]), match[2] or ""
