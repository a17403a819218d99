"""Which relations the words of a text point to. Counts words only; knows nothing of vectors or models."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from memllm_cli.memory.history.snapshot import Snapshot
from memllm_cli.memory.values.names import normal
from memllm_cli.memory.values.relations import Relation, Relations

STOP = frozenset(
    "a an the of in on at to for by from with under is are was were be been do does did has have had what which who "
    "whom whose when where how why that this it its their his her and or please tell me you i my about there any "
    "many much as not he she they".split()
)


def stem(word: str) -> str:
    """A crude stem, enough to match `borders` with `border` and `created` with `creates`."""
    word = word.casefold()
    for ending in ("ies", "ing", "ed", "es", "s", "e", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def stems(text: str) -> set[str]:
    """Stems of the words that carry meaning; of all words if none does."""
    bare = [w.strip(".,;:!?\"'“”‘’()[]") for w in text.split()]
    return {stem(w) for w in bare if w and w.casefold() not in STOP}


@dataclass(frozen=True, slots=True)
class Phrase:
    """One way to say a relation."""

    relation: int
    flipped: bool
    text: str
    stems: frozenset[str]
    weight: float


class Phrases:
    """The phrases of all relations, by the words in them."""

    def __init__(self, relations: Relations) -> None:
        counts: dict[str, int] = {}
        raw = [(r.id, flipped, normal(p), stems(p) or {stem(p)}) for p, r, flipped in relations.phrases()]
        for relation in relations.by_id.values():
            for s in {s for p, _ in relation.phrases() for s in stems(p)}:
                counts[s] = counts.get(s, 0) + 1
        self._idf = {s: math.log(1 + len(relations) / c) for s, c in counts.items()}
        self._rare = math.log(1 + len(relations))
        self.all = [
            Phrase(i, flipped, text, frozenset(s), sum(self._idf.get(x, self._rare) for x in s))
            for i, flipped, text, s in raw
        ]

    def weight(self, words: set[str]) -> float:
        """How much a set of stems says, rarer ones more."""
        return sum(self._idf.get(s, self._rare) for s in words)

    def scores(self, question: str) -> dict[tuple[int, str], float]:
        """For a question without its names: how well a relation fits (0 to 1), by the side whose name is known."""
        present = stems(question)
        total = self.weight(present) or 1.0
        plain = f" {normal(re.sub('[?!.,;:]', ' ', question))} "
        out: dict[tuple[int, str], float] = {}
        for phrase in self.all:
            common = self.weight(present & phrase.stems)
            if not common:
                continue
            score = 2 * common / (phrase.weight + total)
            if f" {phrase.text} " in plain:
                score = max(score, 0.55 + 0.45 * min(1.0, phrase.weight / total))
            key = (phrase.relation, "object" if phrase.flipped else "subject")
            out[key] = max(out.get(key, 0.0), score)
        return out

    def named(self, sentence: str, most: int = 6) -> list[int]:
        """Relations that a sentence says in words: all meaningful words of one of their phrases occur in it."""
        present = stems(sentence)
        best: dict[int, float] = {}
        for phrase in self.all:
            if phrase.stems <= present:
                best[phrase.relation] = max(best.get(phrase.relation, 0.0), phrase.weight)
        return [i for i, _ in sorted(best.items(), key=lambda item: -item[1])[:most]]


MOST_ALIKE = 6
"""Relations in which the same words occur, above which they say little by themselves."""


@dataclass(frozen=True, slots=True)
class Alike:
    """Two relations that may be one, and why; the first would become the second."""

    first: Relation
    second: Relation
    reason: str


def alike(snapshot: Snapshot) -> Iterator[Alike]:
    """Relations out of documents that may say what another one says: in the same words, or of the same things.

    Names alone propose and never join: "born in" a year and a town are not one.
    """
    own = [r for r in snapshot.relations.by_id.values() if r.is_own]
    seen: set[tuple[int, int]] = set()
    words: dict[frozenset[str], list[Relation]] = {}
    for relation in snapshot.relations.by_id.values():
        for name in {relation.name, *relation.aliases}:
            meaning = frozenset(stems(name))
            if meaning and relation not in words.setdefault(meaning, []):
                words[meaning].append(relation)
    pairs: dict[tuple[int, int], int] = {}
    for fact in snapshot.facts():
        others = [k[1] for k in _beside(snapshot, fact.key[0], fact.key[2]) if k[1] != fact.key[1]]
        for other in others:
            key = (min(fact.key[1], other), max(fact.key[1], other))
            pairs[key] = pairs.get(key, 0) + 1
    by_id = snapshot.relations.by_id
    for (a, b), count in sorted(pairs.items(), key=lambda p: -p[1]):
        if a not in by_id or b not in by_id or not (by_id[a].is_own or by_id[b].is_own):
            continue
        if all(stems(by_id[i].name) - STOP for i in (a, b)):
            seen.add((a, b))
            yield _ordered(by_id[a], by_id[b], f"said of the same two things, {count // 2 or 1} times")
    for relations in words.values():
        if len(relations) > MOST_ALIKE:
            continue
        for first, second in combinations(relations, 2):
            key = (min(first.id, second.id), max(first.id, second.id))
            if key not in seen and (first in own or second in own):
                seen.add(key)
                yield _ordered(first, second, "the same words")


def _beside(snapshot: Snapshot, subject: int, object_: int) -> list[tuple[int, int, int]]:
    """Facts of the same two things."""
    return [f.key for f in snapshot.about(subject) if f.key[0] == subject and f.key[2] == object_]


def _ordered(first: Relation, second: Relation, reason: str) -> Alike:
    """A known relation, or the shorter name, is the one that stays."""
    keeps = min((first, second), key=lambda r: (r.is_own, len(r.name), r.id))
    return Alike(second if keeps is first else first, keeps, reason)
