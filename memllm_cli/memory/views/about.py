"""What memory has about a name, and what a document says, in its own words: facts with their sources, and sentences.

Sentences are chosen, never written: those whose words stand for most of what the text speaks of, and that repeat each
other least (after SumBasic, Nenkova and Vanderwende 2005).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from memllm_cli.memory.edit.evidence import Evidence
from memllm_cli.memory.edit.memory import Memory
from memllm_cli.memory.history.facts import Fact
from memllm_cli.memory.search.postings import terms
from memllm_cli.memory.search.texts import Texts
from memllm_cli.memory.values.names import normal
from memllm_cli.memory.values.passages import Passage

SENTENCES = 6
"""Sentences that are shown."""
PASSAGES = 30
"""Passages that are looked at for sentences about a name."""
SHORT, LONG = 5, 60
"""Words of a sentence that says something, and of one that can be taken in."""


@dataclass(frozen=True, slots=True)
class Group:
    """Facts of one relation about a name; `flipped` when the name is their object."""

    relation: str
    flipped: bool
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class About:
    """What memory has: names it is called by, facts by relation, sentences."""

    names: tuple[str, ...]
    groups: tuple[Group, ...]
    sentences: tuple[Evidence, ...]


def about(memory: Memory, texts: Texts, name: str, within: Iterable[int] | None = None) -> About:
    """Facts about a name, and the sentences with it that say most."""
    snapshot = memory.snapshot
    entities = list(dict.fromkeys(snapshot.canonical(i) for i in snapshot.called(name)))
    groups: dict[tuple[str, bool], list[Fact]] = {}
    for entity in entities:
        for fact in snapshot.about(entity):
            relation, flipped = snapshot.relations.by_id[fact.key[1]], fact.key[0] != entity
            groups.setdefault((relation.inverse if flipped else relation.name, flipped), []).append(fact)
    names = tuple(dict.fromkeys(s for e in entities for s in (snapshot.name(e), *snapshot.aliases(e)))) or (name,)
    found = texts.search(" ".join(names[:3]), PASSAGES, None if within is None else set(within))
    wanted = [f" {w} " for n in names if (w := normal(_plain(n)))]
    spots = [
        (f.document, f.passage, s)
        for f in found
        for s in f.passage.sentences
        if any(n in f" {normal(_plain(f.passage.text[s[0] : s[1]]))} " for n in wanted)
    ]
    ordered = tuple(
        Group(relation, flipped, tuple(sorted(facts, key=lambda f: (not f.person, f.key))))
        for (relation, flipped), facts in sorted(groups.items(), key=lambda g: (g[0][1], g[0][0]))
    )
    return About(names, ordered, _shown(memory, spots, set(terms(" ".join(names)))))


def summary(memory: Memory, texts: Texts, document: int, most: int = SENTENCES) -> tuple[list[Fact], list[Evidence]]:
    """The facts of a document, and the sentences that carry it, in its order."""
    snapshot = memory.snapshot
    uri = snapshot.history.documents[document].uri
    spots = [(document, p, s) for p in texts.of(document) for s in p.sentences]
    chosen = _shown(memory, spots, set(), most)
    return [f for f in snapshot.of_source(uri) if not f.proposed], sorted(chosen, key=lambda e: e.start)


def _plain(text: str) -> str:
    return "".join(c if c.isalnum() or c.isspace() or c in "'’-" else " " for c in text)


def _shown(
    memory: Memory, spots: Sequence[tuple[int, Passage, tuple[int, int]]], known: set[str], most: int = SENTENCES
) -> tuple[Evidence, ...]:
    chosen = _telling([p.text[a:b] for _, p, (a, b) in spots], known, most)
    places = []
    for i in chosen:
        document, passage, (a, b) = spots[i]
        begin, end, block = passage.source(a, b)
        places.append((document, begin, end, block))
    return tuple(memory.evidence_at(places))


def _telling(sentences: Sequence[str], known: set[str], most: int) -> list[int]:
    """Which sentences say most of what all of them speak of, the first ones a little more, the best first."""
    words = [[t for t in terms(s) if t not in known] for s in sentences]
    counts = Counter(t for w in words for t in set(w))
    total = max(1, sum(counts.values()))
    weight = {t: n / total for t, n in counts.items()}
    left = {i for i, s in enumerate(sentences) if SHORT <= len(s.split()) <= LONG and words[i]}
    out: list[int] = []
    while left and len(out) < most:
        best = max(
            left,
            key=lambda i: (
                sum(weight[t] for t in set(words[i])) / math.sqrt(len(set(words[i]))) * (1 + 0.5 / (1 + i)), -i,
            ),
        )  # fmt: skip
        out.append(best)
        left.discard(best)
        for t in set(words[best]):
            weight[t] *= 0.1
    return out
