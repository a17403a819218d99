"""Lists, counts, sums and largest values over facts, by the store and not by a model.

Only over rows that are complete by their nature, those of tables, of imports and of people; and only where every word
of the question is accounted for: by what is computed, by the relation it is computed of, by names that the rows lead
to, and by what the rows stand under (title, headings, names of columns). All else is left to whoever reads.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice

from memllm_cli.answering.amounts import KINDS, amounts, written
from memllm_cli.memory.edit.evidence import Evidence
from memllm_cli.memory.history.facts import Fact
from memllm_cli.memory.history.snapshot import Snapshot
from memllm_cli.memory.search.find import Finder
from memllm_cli.memory.search.postings import terms
from memllm_cli.reading.link import Linker
from memllm_cli.reading.standing import standing

MOST = 500
"""Facts that are computed with at most."""
_COUNT = re.compile(r"^(?:how many|(?:what is )?the number of|count)\b", re.IGNORECASE)
_LIST = re.compile(r"^(?:which|list(?: the| all)*|name(?: the| all)*|show(?: me)?(?: the| all)*)\b", re.IGNORECASE)
_VALUE = re.compile(r"^(?:how|what(?:['’]s| is| was| are| were)\b)", re.IGNORECASE)
_EXCEPT = re.compile(r"n['’]t\b|\b(?:no|not|without|except|excluding|never|neither|nor|other than|besides)\b", re.I)
_BOUND = re.compile(r"\bat (?:least|most)\b|\b(?:more|less|fewer|greater|higher|lower) than\b", re.IGNORECASE)
_WORDS: dict[str, str] = {
    **dict.fromkeys(("total", "sum", "altogether", "combined"), "sum"),
    **dict.fromkeys(("average", "mean"), "average"),
    **dict.fromkeys(("difference",), "difference"),
    **dict.fromkeys(("most", "highest", "largest", "biggest", "greatest", "maximum", "longest"), "largest"),
    **dict.fromkeys(("latest", "newest"), "latest"),
    **dict.fromkeys(("least", "lowest", "smallest", "fewest", "minimum", "shortest", "cheapest"), "smallest"),
    **dict.fromkeys(("earliest", "oldest"), "earliest"),
}
"""Words of the language that ask for something computed: a closed class."""
EXTREMES = ("largest", "smallest", "latest", "earliest")
_TERMS = {w: set(terms(w)) for w in _WORDS}
_TOTALS = set(terms("total subtotal sum grand overall all altogether"))
"""Words of what a row is called that adds up the others."""
_ASKING = set(terms("how much between"))
"""Words that belong to the way such a question is put."""


@dataclass(frozen=True, slots=True)
class Computed:
    """What was computed: `value` for programs, `said` for people, the facts it rests on, the first of them leading.

    `led` is what the subjects were looked for by; None where none was.
    """

    operation: str
    relation: str
    value: str
    said: str
    facts: tuple[Fact, ...]
    led: str | None = None


@dataclass(slots=True)
class _Asked:
    """A question: the operation, its words but for those that name the operation, and the names in it.

    `names` are groups of entities, one for each name that is written; `named` their words. `beside` are the words
    before and behind the one that asks for an extreme: it must stand with what is compared, not what is asked.
    """

    operation: str
    words: set[str]
    value: bool
    beside: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    names: list[tuple[int, ...]] = field(default_factory=list)
    named: set[str] = field(default_factory=set)


def compute(question: str, finder: Finder, linker: Linker, within: Collection[int] | None = None) -> Computed | None:
    """What a question asks to be computed; None when it asks nothing of the kind, or not of complete rows alone."""
    asked = _read(question)
    if asked is None:
        return None
    snapshot = finder.memory.snapshot
    for mention in linker.mentioned(question):
        if set(terms(mention.surface)) <= set().union(*_TERMS.values()):
            continue  # a row called "Total" is not what "total" means
        asked.names.append(mention.entities)
        asked.named |= set(terms(mention.surface))
    if _stated(snapshot, asked, question):
        return None
    rows = _Rows(finder, within)
    if asked.operation in ("count", "list"):
        return _subjects(rows, asked)
    fitting = {r: own for r in snapshot.relations.by_id if (own := _own(snapshot, r, asked.words))}
    for relation, own in sorted(fitting.items(), key=lambda r: -len(r[1])):
        held = rows.of(snapshot.facts(relation=relation))
        if not held or not _stands(asked, own) or not rows.complete(held, relation):
            continue
        chosen = rows.fitting(held, asked, asked.words - own)
        if chosen and len(chosen) > 1 and (found := _reckoned(snapshot, asked, relation, chosen)) is not None:
            return found
    return None


def _read(question: str) -> _Asked | None:
    """What is asked for; None where nothing is to be computed, or less than all rows are meant by words for it."""
    plain = " ".join(question.split())
    if _EXCEPT.search(plain) or _BOUND.search(plain):
        return None
    if (counted := _COUNT.match(plain)) is not None:
        return _Asked("count", set(terms(plain[counted.end() :])), True)
    found = [w for w in re.findall(r"[a-z]+", plain.casefold()) if w in _WORDS]
    found = [w for w in found if w != "mean" or re.search(r"\bthe mean\b", plain, re.IGNORECASE)]
    if found:
        if len({_WORDS[w] for w in found}) > 1:
            return None
        named = set().union(*(_TERMS[w] for w in found))
        before, _, behind = plain.casefold().partition(found[0])
        beside = tuple(t for t in terms(before) if t not in _ASKING), tuple(terms(behind))
        value = _VALUE.match(plain) is not None and (_WORDS[found[0]] not in EXTREMES or not beside[0])
        return _Asked(_WORDS[found[0]], set(terms(plain)) - named - _ASKING, value, beside)
    listed = _LIST.match(plain)
    return None if listed is None else _Asked("list", set(terms(plain[listed.end() :])), False)


def _stated(snapshot: Snapshot, asked: _Asked, question: str) -> bool:
    """Whether memory has what is asked as a fact: a relation with the word for it in its name ("total cost"), or what a
    person stated of a name in the question."""
    words = set(terms(question))
    for entity in _every(asked.names):
        if len(snapshot.history.about(entity, MOST + 1)) > MOST:
            continue
        stated = (f.key[1] for f in snapshot.about(entity) if f.person and f.key[0] == entity)
        if any(_own(snapshot, relation, words) for relation in stated):
            return True
    special = set().union(*_TERMS.values()) | set(terms("number count"))
    return any(_own(snapshot, r, words) & special for r in snapshot.relations.by_id)


def _stands(asked: _Asked, own: Collection[str]) -> bool:
    """Whether the word for an extreme stands right before the relation, or last and right behind it."""
    if asked.operation not in EXTREMES:
        return True
    before, behind = asked.beside
    return set(behind[: len(own)]) == own if behind else set(before[-len(own) :]) == own


def _every(names: Iterable[tuple[int, ...]]) -> list[int]:
    return [e for entities in names for e in entities]


def _own(snapshot: Snapshot, relation: int, words: Collection[str]) -> set[str]:
    """The words of the longest name of a relation that stands in a question; a unit in brackets does not count."""
    known = snapshot.relations.by_id[relation]
    called = (set(terms(re.sub(r"\(.*?\)", " ", n))) for n in (known.name, *known.aliases))
    return max((c for c in called if c <= set(words)), key=len, default=set())


class _Rows:
    """Facts that can be computed with, and whether they are what a question means."""

    def __init__(self, finder: Finder, within: Collection[int] | None) -> None:
        self.memory, self.snapshot = finder.memory, finder.memory.snapshot
        self.day, self.within = finder.day, within

    def of(self, facts: Iterable[Fact]) -> list[Fact]:
        """Those that hold; none where there are too many to look at."""
        found = list(islice(facts, MOST + 1))
        return standing(found, self.snapshot, self.day, self.within) if len(found) <= MOST else []

    def complete(self, facts: Sequence[Fact], relation: int) -> bool:
        """Whether memory has all that the tables say of one relation: no cell is left out as unsure, and none twice."""
        documents = {e.document for places in self.memory.evidence(facts).values() for e in places}
        for fact in self.snapshot.facts(relation=relation, proposed=True):
            said = {self.snapshot.made_by(a).document for a in fact.supports}
            if fact.proposed and said & documents and not _adds_up(self.snapshot, fact):
                return False
        called = {n.casefold() for n in (self.snapshot.relation_name(relation), *self._aliases(relation))}
        for document in documents:
            read = self.memory.document(document)
            seen = Counter(
                (read.blocks[b.parent].parent, read.blocks[b.parent].label, b.label, read.block(i))
                for i, b in enumerate(read.blocks)
                if b.kind == "cell" and b.parent is not None and _bare(b.label) in called
            )
            if any(n > 1 for n in seen.values()):
                return False
        return True

    def _aliases(self, relation: int) -> tuple[str, ...]:
        return tuple(self.snapshot.relations.by_id[relation].aliases)

    def fitting(self, facts: Sequence[Fact], asked: _Asked, left: Collection[str]) -> list[Fact] | None:
        """Of facts of one relation those that the names and the words that are left mean; None where they do not say.

        A fact that no document states stands under nothing: with words left it cannot be told whether it is meant.
        """
        one = asked.operation == "difference"
        led = [f for f in facts if not asked.names or (any if one else all)(self._leads(f, n) for n in asked.names)]
        words = set(left) - asked.named
        evidence = self.memory.evidence(led)
        out = []
        for fact in led:
            places = [e for e in evidence[fact.key] if self.within is None or e.document in self.within]
            if places and not any(e.block is not None and e.block.cells for e in places):
                return None
            if words and not places:
                return None
            if not words or any(words <= _above(e) for e in places):
                out.append(fact)
        return out

    def _leads(self, fact: Fact, entities: Collection[int]) -> bool:
        """Whether the subject of a fact is one of some names, or has a fact that leads to one."""
        subject = fact.key[0]
        if subject in entities:
            return True
        return any(f.key[0] == subject and f.key[2] in entities for f in self.snapshot.about(subject))


def _bare(label: str) -> str:
    return re.sub(r"\(.*?\)", "", label).strip().casefold()


def _adds_up(snapshot: Snapshot, fact: Fact) -> bool:
    """Whether a row is called a total."""
    called = terms(snapshot.texts(fact)[0])
    return bool(called) and set(called) <= _TOTALS


def _above(evidence: Evidence) -> set[str]:
    """The words of what a row of a table stands under, and of the names of its columns."""
    block = evidence.block
    assert block is not None
    names = (name for name, _ in block.cells)
    return set(terms(" ".join((evidence.title, evidence.heading, *block.path, block.table, *names))))


def _subjects(rows: _Rows, asked: _Asked) -> Computed | None:
    """The subjects that have a fact which leads to the names of the question, or how many they are."""
    snapshot = rows.snapshot
    if not asked.names or (asked.operation == "list" and not asked.words - asked.named):
        return None
    groups: dict[int, list[Fact]] = {}
    for entity in _every(asked.names):
        if len(snapshot.history.about(entity, MOST + 1)) > MOST:
            return None
        for fact in rows.of(snapshot.about(entity)):
            if fact.key[2] == entity:
                groups.setdefault(fact.key[1], []).append(fact)
    for relation, facts in sorted(groups.items(), key=lambda g: -len(g[1])):
        left = asked.words - _own(snapshot, relation, asked.words)
        if asked.operation == "list" and not left - asked.named:
            continue
        if chosen := rows.fitting(facts, asked, left):
            chosen.sort(key=lambda f: f.newest.id)
            subjects = list(dict.fromkeys(snapshot.texts(f)[0] for f in chosen))
            led = snapshot.texts(chosen[0])[2]
            listed, count = ", ".join(subjects), str(len(subjects))
            value, said = (count, f"{count}: {listed}") if asked.operation == "count" else (listed, listed)
            return Computed(asked.operation, snapshot.relation_name(relation), value, said, tuple(chosen), led)
    return None


def _reckoned(snapshot: Snapshot, asked: _Asked, relation: int, rows: Sequence[Fact]) -> Computed | None:
    """A sum, an average, a difference, or the row with the largest or smallest value; None where units differ."""
    rows = [f for f in rows if not _adds_up(snapshot, f)]
    operation, name = asked.operation, snapshot.relation_name(relation)
    dated = operation in ("latest", "earliest")
    read = amounts([snapshot.texts(f)[2] for f in rows], ("date",) if dated else KINDS)
    if read is None or (read.unit == "date") != dated or (not dated and _holds_sum(read.numbers)):
        return None
    if operation in ("sum", "average", "difference"):
        if len({f.key[0] for f in rows}) < len(rows):
            return None  # two versions of a table, or two rows of one name
        parts = [snapshot.texts(f)[2] for f in rows]
        if operation == "difference" and len(rows) != 2:
            return None
        if read.unit == "duration" or (value := written(operation, read)) is None:
            return None
        sign = " + " if operation == "sum" else " and "
        shown = sign.join(parts[:8]) + (f"{sign}…" if len(parts) > 8 else "")
        said = f"{value} (of {len(rows)})" if operation == "average" else f"{value} ({shown})"
        return Computed(operation, name, value, said, tuple(rows))
    best: Decimal = (max if operation in ("largest", "latest") else min)(read.numbers)
    leading = [f for f, a in zip(rows, read.numbers, strict=True) if a == best]
    others = [f for f, a in zip(rows, read.numbers, strict=True) if a != best]
    subjects = ", ".join(dict.fromkeys(snapshot.texts(f)[0] for f in leading))
    amount = snapshot.texts(leading[0])[2]
    value, beside = (amount, subjects) if asked.value else (subjects, amount)
    return Computed(operation, name, value, f"{value} ({beside})", (*leading, *others))


def _holds_sum(numbers: Sequence[Decimal]) -> bool:
    """Whether one of some numbers may be the sum of all others: a total, or a row like any other."""
    total = sum(numbers, Decimal(0))
    return len(numbers) > 2 and any(n and 2 * n == total for n in numbers)
