"""Triples found against triples annotated, document by document.

A found name stands for the annotated thing that has a mention of equal text, letter case and white space aside;
a triple with a name that stands for nothing is wrong. Triples that become equal by this count once. Relations that
are not annotated in a text are left out: nothing is known of them.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from memllm_cli.corpora.annotated import Annotated

Found = tuple[str, str, str]
"""Subject, external id of the relation, object."""
_Mapped = tuple[int | str, str, int | str]


def plain(name: str) -> str:
    """How names are compared."""
    return " ".join(name.lower().split())


@dataclass(slots=True)
class Counts:
    """Right, wrong and missed triples."""

    right: int = 0
    wrong: int = 0
    missed: int = 0

    @property
    def precision(self) -> float:
        """Share of the found that are right; 0 when nothing was found."""
        return self.right / max(1, self.right + self.wrong)

    @property
    def recall(self) -> float:
        """Share of the annotated that were found."""
        return self.right / max(1, self.right + self.missed)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.right / max(1, 2 * self.right + self.wrong + self.missed)

    def add(self, other: Counts) -> None:
        """Count another's too."""
        self.right += other.right
        self.wrong += other.wrong
        self.missed += other.missed


@dataclass(slots=True)
class Score:
    """Counts of each document and each relation, and the kinds of what is wrong."""

    documents: list[Counts] = field(default_factory=list)
    relations: dict[str, Counts] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)

    @property
    def micro(self) -> Counts:
        """All counts together."""
        total = Counts()
        for counts in self.relations.values():
            total.add(counts)
        return total

    @property
    def macro_f1(self) -> float:
        """Mean F1 of the relations that are annotated at least once."""
        values = [c.f1 for c in self.relations.values() if c.right + c.missed]
        return sum(values) / max(1, len(values))

    def interval(self, seed: int = 0, rounds: int = 1000) -> tuple[float, float]:
        """95 % interval of the micro F1 by drawing documents with replacement."""
        rng = random.Random(seed)
        values = []
        for _ in range(rounds):
            total = Counts()
            for counts in rng.choices(self.documents, k=len(self.documents)):
                total.add(counts)
            values.append(total.f1)
        values.sort()
        return values[int(0.025 * rounds)], values[int(0.975 * rounds) - 1]


def score(texts: Sequence[Annotated], found: Iterable[Collection[Found]], without: Collection[str] = ()) -> Score:
    """Compare. `without` names relations left out on both sides."""
    out = Score()
    for text, triples in zip(texts, found, strict=True):
        things = named(text)
        gold = {(x.head, x.relation, x.tail) for x in text.labels if x.relation not in without}
        got = {mapped(t, things) for t in triples if t[1] not in without and known(text, t[1])}
        counts = Counts(len(got & gold), len(got - gold), len(gold - got))
        out.documents.append(counts)
        for relation in {r for _, r, _ in got | gold}:
            here = out.relations.setdefault(relation, Counts())
            g, f = {t for t in gold if t[1] == relation}, {t for t in got if t[1] == relation}
            here.add(Counts(len(f & g), len(f - g), len(g - f)))
        pairs = {(h, t) for h, _, t in gold}
        out.errors.update(_error(t, gold, pairs) for t in got - gold)
    return out


def known(text: Annotated, relation: str) -> bool:
    """Whether a relation that is not marked in a text is known not to hold."""
    return not text.exhaustive or relation in text.exhaustive


def named(text: Annotated) -> dict[str, int]:
    """Things of a text by the names they have."""
    return {plain(s): i for i in range(len(text.names)) for s in text.surfaces(i)}


def mapped(triple: Found, things: Mapping[str, int]) -> _Mapped:
    """A found triple with things for names."""
    head, tail = plain(triple[0]), plain(triple[2])
    return things.get(head, head), triple[1], things.get(tail, tail)


def judged(texts: Sequence[Annotated], found: Iterable[Iterable[tuple[Found, float]]]) -> list[tuple[float, bool]]:
    """Every triple's probability and whether it is annotated, the likeliest first; equal ones count once."""
    out = []
    for text, triples in zip(texts, found, strict=True):
        things = named(text)
        gold = {(x.head, x.relation, x.tail) for x in text.labels}
        best: dict[_Mapped, float] = {}
        for triple, probability in triples:
            if not known(text, triple[1]):
                continue
            key = mapped(triple, things)
            best[key] = max(best.get(key, 0.0), probability)
        out += [(p, key in gold) for key, p in best.items()]
    return sorted(out, key=lambda x: -x[0])


def annotated(texts: Iterable[Annotated]) -> int:
    """How many different triples are annotated."""
    return sum(len({(x.head, x.relation, x.tail) for x in text.labels}) for text in texts)


def thresholds(texts: Sequence[Annotated], found: Iterable[Iterable[tuple[Found, float]]]) -> dict[str, float]:
    """Where 8 in 10 are right with the recall there, and where F1 is best, for a configuration."""
    ranked, total = judged(texts, found), annotated(texts)
    threshold, recall = surest(ranked, total)
    best = fullest(ranked, total)
    return {"threshold": round(threshold, 4), "recall_at_threshold": round(recall, 4), "fullest": round(best, 4)}


def surest(ranked: Sequence[tuple[float, bool]], total: int, wanted: float = 0.8) -> tuple[float, float]:
    """The lowest probability from which on a share `wanted` is right, and the recall of `total` there.

    `ranked` as from `judged`. (1.0, 0.0) when there is none; fewer than 20 triples say nothing.
    """
    best, hits = (1.0, 0.0), 0
    for i, (p, ok) in enumerate(ranked, 1):
        hits += ok
        last = i == len(ranked) or ranked[i][0] < p
        if last and i >= 20 and hits / i >= wanted:
            best = (p, hits / max(1, total))
    return best


def fullest(ranked: Sequence[tuple[float, bool]], total: int) -> float:
    """The probability from which on triples give the highest F1."""
    best, at, hits = -1.0, 0.0, 0
    for i, (p, ok) in enumerate(ranked, 1):
        hits += ok
        if (f1 := 2 * hits / max(1, i + total)) > best:
            best, at = f1, p
    return at


def _error(triple: _Mapped, gold: Collection[_Mapped], pairs: Collection[tuple[int | str, int | str]]) -> str:
    head, relation, tail = triple
    if isinstance(head, str) or isinstance(tail, str):
        return "name"
    if (tail, relation, head) in gold:
        return "direction"
    return "relation" if (head, tail) in pairs else "unsupported"
