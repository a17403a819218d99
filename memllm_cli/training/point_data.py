"""Examples for the pointer: a question with a passage and where it answers, and with passages that do not."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from memllm_cli.corpora.questions import Question, Questions
from memllm_cli.memory.search.postings import Postings, rank, terms
from memllm_cli.memory.values.passages import Passage, passages
from memllm_cli.pieces import Vocabulary
from memllm_cli.pointing.layout import Sequence_, sequence

NEAR = 6
"""Of the passages of a document that are most like a question, a wrong one is drawn from so many."""


@dataclass(frozen=True, slots=True)
class Example:
    """A sequence with the pieces (first, last) that answer; (0, 0) where none do."""

    sequence: Sequence_
    first: int
    last: int


def examples(
    data: Questions, vocabulary: Vocabulary, most: int, wrong: float, rng: random.Random, short: float = 0.0
) -> list[Example]:
    """At most `most` questions, with their passages; with a share `wrong` also one that does not answer.

    A share `short` of passages is cut to the sentences around the answer, as a search for sentences returns them.
    """
    asked = [q for q in data.questions if q.spans or not q.answers]
    rng.shuffle(asked)
    cut = [list(passages(d)) for d in data.documents]
    found: dict[int, Postings] = {}
    out: list[Example] = []
    for question in asked[:most]:
        here = cut[question.document]
        if not here:
            continue
        if question.document not in found:
            found[question.document] = Postings.build([terms(f"{p.lead} {p.text}") for p in here])
        if question.spans:
            out += _right(question, here, vocabulary, rng, short)
        if not question.spans or rng.random() < wrong:
            out += _wrong(question, data, here, found[question.document], vocabulary, rng)
    return out


def _right(
    question: Question, here: Sequence[Passage], vocabulary: Vocabulary, rng: random.Random, short: float
) -> list[Example]:
    for passage in here:
        place = passage.place(*question.spans[0])
        if place is None:
            continue
        text, start = passage.text, 0
        if rng.random() < short:
            at = next(i for i, s in enumerate(passage.sentences) if s[0] <= place[0] < s[1])
            first = max(0, at - rng.choice((0, 0, 1)))
            last = min(len(passage.sentences) - 1, at + rng.choice((0, 0, 1)))
            start = passage.sentences[first][0]
            text = text[start : max(passage.sentences[last][1], place[1])]
        made = sequence(question.text, passage.lead, text, vocabulary)
        inside = [i for i, (a, b) in enumerate(made.offsets) if a < place[1] - start and b > place[0] - start]
        if inside:
            return [Example(made, made.first + inside[0], made.first + inside[-1])]
    return []


def _wrong(
    question: Question, data: Questions, here: Sequence[Passage], known: Postings, vocabulary: Vocabulary,
    rng: random.Random,
) -> list[Example]:  # fmt: skip
    """A passage near to the question that does not hold an answer's words; of another document where there is none."""
    scores = rank([known], terms(question.text))[0][0]
    near = [here[i] for i in np.argsort(-scores)[:NEAR]]
    bare = [
        p for p in near
        if not any(p.place(*s) for s in question.spans) and not _says(p, question)
    ]  # fmt: skip
    if not question.answers:
        bare = near[:2]
    elif not bare:
        other = data.documents[rng.randrange(len(data.documents))]
        bare = [p for p in list(passages(other))[:3] if not _says(p, question)]
    if not bare:
        return []
    chosen = rng.choice(bare)
    return [Example(sequence(question.text, chosen.lead, chosen.text, vocabulary), 0, 0)]


def _says(passage: Passage, question: Question) -> bool:
    return any(a.lower() in passage.text.lower() for a in question.answers)
