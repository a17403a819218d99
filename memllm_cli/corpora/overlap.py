"""What texts to train on share with texts to report on: titles, sentences, triples."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from memllm_cli.corpora.annotated import Annotated

SHORTEST = 6
"""Words a sentence must have for its being shared to mean anything."""
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Overlap:
    """Of `reported` texts how many share a title, and a sentence, with one trained on; of their `triples` (as words)
    how many occur there."""

    reported: int
    titles: int
    sentences: int
    triples: int
    shared: int


def overlap(trained: Iterable[Annotated], reported: Sequence[Annotated]) -> Overlap:
    """Compare, letter case and punctuation aside."""
    titles: set[str] = set()
    sentences: set[str] = set()
    triples: set[tuple[str, str, str]] = set()
    for text in trained:
        titles.add(text.title.casefold())
        sentences |= _sentences(text)
        triples |= _triples(text)
    told = [_triples(text) for text in reported]
    return Overlap(
        len(reported),
        sum(text.title.casefold() in titles for text in reported),
        sum(bool(_sentences(text) & sentences) for text in reported),
        sum(map(len, told)),
        sum(len(t & triples) for t in told),
    )


def _sentences(text: Annotated) -> set[str]:
    found = ([w.casefold() for w in _WORD.findall(text.text[a:b])] for a, b in text.sentences)
    return {" ".join(words) for words in found if len(words) >= SHORTEST}


def _triples(text: Annotated) -> set[tuple[str, str, str]]:
    return {
        (h.casefold(), label.relation, t.casefold())
        for label in text.labels
        for h in text.surfaces(label.head)[:1]
        for t in text.surfaces(label.tail)[:1]
    }
