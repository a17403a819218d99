"""Triples that the drafter proposes for a text, with scores and the sentences that support them."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from memllm_cli.drafting.heads import Array, Heads, Pairs
from memllm_cli.drafting.layout import LONGEST, Window, windows
from memllm_cli.drafting.names import Mention, by_surface, mentions, united
from memllm_cli.pieces import Vocabulary

UNITE = 1.0
"""Log odds from which on two names are taken for one thing."""
FLOOR = -4.0
"""Margin below which a triple is not worth mentioning."""
MOST_NAMES = 80
"""Names of one window at most; pairs grow with their square."""
_FULL_STOP = re.compile(r"(?<=\w{5})\.$")
"""The end of a sentence and not of a name: abbreviations are shorter."""


class TokenVectors(Protocol):
    """The encoder."""

    def __call__(self, ids: Sequence[int], added: Array, /) -> Array:
        """Vectors (tokens, width) of one window; `added` (tokens, width) joins the vectors of the pieces."""

    def close(self) -> None:
        """Give the memory back."""


@dataclass(frozen=True, slots=True)
class Drafted:
    """A proposed triple.

    `relation` is an index into the drafter's relations. `margin` is its score above the threshold (positive: it
    holds), `subject_score` and `object_score` the log probability of the names as names, `sentences` those that
    support it, the most telling first, `together` whether one sentence has both names.
    """

    subject: str
    relation: int
    object: str
    margin: float
    subject_kind: str
    object_kind: str
    subject_score: float
    object_score: float
    sentences: tuple[int, ...]
    together: bool


@dataclass(frozen=True, slots=True)
class _Name:
    surface: str
    kind: str
    score: float
    sentences: frozenset[int]


class Drafter:
    """Encoder and heads for one set of relations: `rows` (relations, hidden) and `bias` as in `heads.Heads`."""

    def __init__(self, encoder: TokenVectors, vocabulary: Vocabulary, heads: Heads, rows: Array, bias: Array) -> None:
        self.encoder = encoder
        self.vocabulary = vocabulary
        self.heads = heads
        self.rows, self.bias = rows, bias
        self.tokens = 0
        """Tokens of the last text."""

    def draft(
        self,
        text: str,
        sentences: Sequence[tuple[int, int]],
        floor: float = FLOOR,
        gold: Callable[[Window], list[list[Mention]]] | None = None,
    ) -> list[Drafted]:
        """Triples of a text, the surest first, each once. `sentences` are character ranges.

        `gold` gives the names of a window instead of the tagger, to know what finding them costs.
        """
        reading = self.drafting(text, sentences, floor, gold)
        while True:
            try:
                next(reading)
            except StopIteration as end:
                drafted: list[Drafted] = end.value
                return drafted

    def drafting(
        self,
        text: str,
        sentences: Sequence[tuple[int, int]],
        floor: float = FLOOR,
        gold: Callable[[Window], list[list[Mention]]] | None = None,
    ) -> Generator[int, None, list[Drafted]]:
        """The same, yielding how many sentences are done."""
        best: dict[tuple[str, int, str], Drafted] = {}
        self.tokens = 0
        for window in windows(text, sentences, self.vocabulary, LONGEST):
            self.tokens += len(window.ids)
            for drafted in self._window(text, window, floor, gold):
                key = (drafted.subject.lower(), drafted.relation, drafted.object.lower())
                if key not in best or best[key].margin < drafted.margin:
                    best[key] = drafted
            yield max(window.sentence) + 1
        return sorted(best.values(), key=lambda d: -d.margin)

    def close(self) -> None:
        """Give the encoder's memory back."""
        self.encoder.close()

    def _window(
        self, text: str, window: Window, floor: float, gold: Callable[[Window], list[list[Mention]]] | None
    ) -> list[Drafted]:
        x = self.encoder(window.ids, self.heads.added(window.shapes, window.first))
        tags = self.heads.tags(x)
        groups = by_surface(text, mentions(window, tags))[:MOST_NAMES] if gold is None else gold(window)
        if len(groups) < 2:
            return []
        pairs = self._pairs(x, tags, groups)
        if gold is None:
            joined = united(groups, pairs.same, UNITE)
            if len(joined) < len(groups):
                groups = joined
                if len(groups) < 2:
                    return []
                pairs = self._pairs(x, tags, groups)
        names = [_name(text, tags, g) for g in groups]
        margins = pairs.margins
        margins[np.arange(len(names)), np.arange(len(names))] = -np.inf
        attended = _by_sentence(window, pairs.attention)
        out = []
        for i, j, r in zip(*np.nonzero(margins > floor), strict=True):
            support, together = _support(names[i], names[j], attended[i, j], window.sentence[1])
            out.append(
                Drafted(
                    names[i].surface, int(r), names[j].surface, float(margins[i, j, r]), names[i].kind, names[j].kind,
                    names[i].score, names[j].score, support, together,
                )
            )  # fmt: skip
        return out

    def _pairs(self, x: Array, tags: Array, groups: Sequence[Sequence[Mention]]) -> Pairs:
        return self.heads.pairs(x, tags, [[m.place for m in g] for g in groups], self.rows, self.bias)


def _name(text: str, tags: Array, group: Sequence[Mention]) -> _Name:
    """One thing by its fullest name, the first of the longest."""
    best = max(group, key=lambda m: (m.end - m.start, -m.start))
    score = max(float(tags[m.place.start : m.place.end].max(-1).mean()) for m in group)
    surface = _FULL_STOP.sub("", " ".join(text[best.start : best.end].split()))
    return _Name(surface, best.kind, score, frozenset(m.place.sentence for m in group))


def _by_sentence(window: Window, attention: Array) -> Array:
    """Attention (n, n, sentences of the window), counted from the window's first sentence."""
    first = window.sentence[1]
    count = max(window.sentence) - first + 1
    member = np.zeros((len(window.sentence), count), dtype=np.float32)
    for token, sentence in enumerate(window.sentence):
        if sentence >= 0:
            member[token, sentence - first] = 1
    out: Array = attention @ member
    return out


def _support(head: _Name, tail: _Name, attended: Array, first: int) -> tuple[tuple[int, ...], bool]:
    """Sentences that support a pair: of those with both names the most attended, else the most attended of each."""
    both = head.sentences & tail.sentences

    def most(of: frozenset[int]) -> int:
        return max(of, key=lambda s: (float(attended[s - first]), -s))

    if both:
        leading = most(both)
        return (leading,), True
    chosen = [most(head.sentences), most(tail.sentences)]
    chosen.sort(key=lambda s: -float(attended[s - first]))
    return tuple(dict.fromkeys(chosen)), False
