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
ANY = 0.2
"""Of the wrong passages the share that is drawn from all of them."""


@dataclass(frozen=True, slots=True)
class Example:
    """A sequence with the pieces (first, last) of every span that answers; none where the text does not."""

    sequence: Sequence_
    spans: tuple[tuple[int, int], ...] = ()


def examples(
    data: Questions, vocabulary: Vocabulary, most: int, wrong: float, rng: random.Random, short: float = 0.0
) -> list[Example]:
    """At most `most` questions, with their passages; with a share `wrong` also one that does not answer.

    A share `short` of passages is cut to a few sentences, those around the answer where there is one: much of what is
    read is as short.
    """
    asked = [q for q in data.questions if q.spans or not q.answers]
    rng.shuffle(asked)
    cut = [list(passages(d)) for d in data.documents]
    every = [p for here in cut for p in here]
    among: dict[int, tuple[list[Passage], Postings]] = {}
    out: list[Example] = []
    for question in asked[:most]:
        if not cut[question.document]:
            continue
        key = question.document if data.alone else -1
        if key not in among:
            known = cut[key] if data.alone else every
            among[key] = known, Postings.build([terms(f"{p.lead} {p.text}") for p in known])
        if question.spans:
            out += _right(question, cut[question.document], vocabulary, rng, short)
        if not question.spans or rng.random() < wrong:
            out += _wrong(question, cut[question.document], *among[key], vocabulary, rng, short)
    return out


def _right(
    question: Question, here: Sequence[Passage], vocabulary: Vocabulary, rng: random.Random, short: float
) -> list[Example]:
    """The passage that holds the answer; of several the one that holds most of its parts."""
    held = [(p, [x for s in question.spans if (x := p.place(*s)) is not None]) for p in here]
    passage, places = max(held, key=lambda h: len(h[1]))
    if not places:
        return []
    text, start = passage.text, 0
    if rng.random() < short:
        at = [i for a, _ in places for i, s in enumerate(passage.sentences) if s[0] <= a < s[1]]
        first = max(0, min(at) - rng.choice((0, 0, 1)))
        last = min(len(passage.sentences) - 1, max(at) + rng.choice((0, 0, 1)))
        start = passage.sentences[first][0]
        text = text[start : max(passage.sentences[last][1], *(b for _, b in places))]
    made = sequence(question.text, passage.lead, text, vocabulary)
    spans = []
    for a, b in sorted(places)[: None if question.every else 1]:
        inside = [i for i, (c, d) in enumerate(made.offsets) if c < b - start and d > a - start]
        if inside:
            spans.append((made.first + inside[0], made.first + inside[-1]))
    return [Example(made, tuple(spans))] if spans else []


def _wrong(
    question: Question, own: Sequence[Passage], among: Sequence[Passage], known: Postings, vocabulary: Vocabulary,
    rng: random.Random, short: float,
) -> list[Example]:  # fmt: skip
    """A passage that does not hold an answer's words: one near to the question or, for a share `ANY`, any.

    It is cut short as often as those that answer, or a short text would seem to answer because it is short.
    """
    scores = rank([known], terms(question.text))[0][0]
    near = [among[i] for i in np.argsort(-scores)[:NEAR] if scores[i] > 0]
    mine = {id(p) for p in own}
    held = {id(p) for p in own if any(p.place(*s) for s in question.spans)}
    if rng.random() < ANY:
        near = rng.sample(among, min(NEAR, len(among)))
    elif not question.answers:
        near = [p for p in near if id(p) in mine][:2] or near[:1]
    bare = [p for p in near if id(p) not in held and not _says(p, question)]
    if not bare:
        return []
    chosen = rng.choice(bare)
    text = chosen.text
    if rng.random() < short:
        first = rng.randrange(len(chosen.sentences))
        last = min(len(chosen.sentences) - 1, first + rng.choice((0, 0, 1, 2)))
        text = text[chosen.sentences[first][0] : chosen.sentences[last][1]]
    return [Example(sequence(question.text, chosen.lead, text, vocabulary))]


def _says(passage: Passage, question: Question) -> bool:
    return any(a.lower() in passage.text.lower() for a in question.answers)
