"""Which of the candidates answers a question, in which words, and how surely."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from memllm_cli.answering.looking import Candidate, Line, Looked
from memllm_cli.calibration.answers import Answering
from memllm_cli.memory.search.postings import terms
from memllm_cli.memory.values.names import normal
from memllm_cli.pointing.pointer import Pointer, Span
from memllm_cli.reading.question import heeded
from memllm_cli.types import Query

_SHORTENED = re.compile(r"(?:\.\w{1,3}|(?<!\w)[A-Z][a-z]{0,2})\.$|\.\.$")
"""An end whose full stop may be the word's: Inc., U.S., Jr., ..."""
SPANS = 8
"""Spans of one candidate that are thought of: as many parts an answer can have."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: its value and how likely it is right; the fact's line, or the passage and where in its text it is.

    `query` is what a fact answers: the read that gives it.
    """

    value: str
    probability: float
    candidate: Candidate
    start: int
    end: int
    features: tuple[float, ...]
    line: Line | None = None
    query: Query | None = None
    parts: tuple[tuple[int, int], ...] = ()
    """Where in the text the parts of an answer with several stand, in order."""

    @property
    def person(self) -> bool:
        """Whether a person stated it."""
        return self.line is not None and self.line.fact.person

    @property
    def margin(self) -> float:
        """How much more it says than "not there", in log odds."""
        return self.features[1]

    @property
    def spot(self) -> tuple[int, int, int, int] | None:
        """Document, first and last character of the sentence, and the block, of an answer from text."""
        return self._spot(self.start, self.end)

    @property
    def spots(self) -> list[tuple[int, int, int, int]]:
        """The same of each part, each sentence once."""
        found = [self._spot(a, b) for a, b in self.parts or ((self.start, self.end),)]
        return list({s[:3]: s for s in found if s is not None}.values())

    def _spot(self, start: int, end: int) -> tuple[int, int, int, int] | None:
        found = self.candidate.found
        if found is None:
            return None
        first = found.passage.sentence_at(start)
        last = found.passage.sentence_at(max(start, end - 1))
        begin, stop, _ = found.passage.source(first[0], last[1])
        return found.document, begin, stop, found.passage.source(start, end)[2]


class Decider:
    """A pointer with what its scores mean."""

    def __init__(self, pointer: Pointer, answering: Answering) -> None:
        self.pointer, self.answering = pointer, answering

    def answers(self, question: str, looked: Looked) -> list[Answer]:
        """Answers, the likeliest first, each value once."""
        if not looked.candidates:
            return []
        spans = self.pointer.spans(
            question, [(c.lead, c.text) for c in looked.candidates], SPANS, [c.sentences for c in looked.candidates]
        )
        return self.weighed(question, looked, spans)

    def weighed(self, question: str, looked: Looked, spans: Sequence[Span]) -> list[Answer]:
        """What the pointer's spans come to, the best span first."""
        candidates = looked.candidates
        covering = _Covering(question, candidates)
        found: list[tuple[Span, str, Line | None, Query | None]] = []
        for span in spans:
            candidate = candidates[span.passage]
            if not candidate.lines:
                found.append((span, _tidy(candidate.text[span.start : span.end]), None, None))
            elif (told := _field(candidate, span)) is not None:
                found.append((span, *told))
        out: dict[tuple[str, bool], Answer] = {}
        for number, (span, value, line, query) in enumerate(found):
            form = normal(value)
            if not form:
                continue
            key = form, line is not None
            if key in out or (line is None and not heeded(question, covering.around(span))):
                continue
            own = self._parts(span, [s for s, *_ in found]) if line is None else [s for s, *_, q in found if q == query]
            others = [
                s.margin
                for s, v, *_ in found[:number] + found[number + 1 :]
                if s not in own and not _same(form, normal(v))
            ]
            ahead = span.margin - max(others, default=span.margin - 12)
            features = Answering.features(span.margin, sum(s.share for s in own), covering.of(span), ahead)
            text = candidates[span.passage].text
            if line is None:
                own = [s for s in own if _beside(span, s, candidates[span.passage])]
            if len(own) > 1 and line is None:
                value = ", ".join(dict.fromkeys(_tidy(text[s.start : s.end]) for s in own))
            out[key] = Answer(
                value, self.answering.probability(features) * _holds(line), candidates[span.passage], span.start,
                span.end, features,
                line, query, tuple((s.start, s.end) for s in own) if len(own) > 1 and line is None else (),
            )  # fmt: skip
        return sorted(out.values(), key=lambda a: -a.probability)

    def _parts(self, span: Span, found: Sequence[Span]) -> list[Span]:
        """A span with those beside it that say about as much, in the order of the text."""
        same = [s for s in found if s.passage == span.passage]
        if span.margin < max(s.margin for s in same):
            return [span]
        return sorted((s for s in same if s.margin >= span.margin - self.answering.beside), key=lambda s: s.start)


def _beside(one: Span, other: Span, candidate: Candidate) -> bool:
    """Whether two spans can be parts of one answer: they stand in one sentence, or in rows or items of their own. What
    two sentences say of two things is no list.
    """
    first, last = sorted((one, other), key=lambda s: s.start)
    if candidate.found is None or "\n" in candidate.text[first.start : last.start]:
        return True
    return candidate.found.passage.sentence_at(first.start) == candidate.found.passage.sentence_at(last.start)


def differing(answers: Sequence[Answer], chosen: Answer, least: float) -> Answer | None:
    """What another document answers instead: an answer of text that is at least half as sure as one must be, and more
    likely there than not."""
    for one in answers:
        other = one.candidate.found
        if other is None or one.margin <= 0 or one.probability < least / 2:
            continue
        elsewhere = chosen.candidate.found is None or other.document != chosen.candidate.found.document
        if elsewhere and not _same(normal(one.value), normal(chosen.value)):
            return one
    return None


def _holds(line: Line | None) -> float:
    """How likely the fact is right that an answer rests on: an answer cannot be likelier."""
    known = line.fact.probability if line is not None else None
    return 1.0 if known is None else known


def _tidy(text: str) -> str:
    """A span as an answer: on one line, without marks at its ends that belong to the sentence, nor "of" before it."""
    plain = " ".join(text.split()).strip(",;:|").strip().removeprefix("of ")
    return plain[:-1] if plain.endswith(".") and not _SHORTENED.search(plain) else plain


def _same(one: str, other: str) -> bool:
    """Whether two answers are one, or one says the other."""
    return f" {one} " in f" {other} " or f" {other} " in f" {one} "


def _field(candidate: Candidate, span: Span) -> tuple[str, Line, Query] | None:
    """The side of a fact that a span points at, with the read that gives it; None for its relation."""
    best: tuple[int, str, Line, Query] | None = None
    for line in candidate.lines:
        subject, relation, object_ = line.texts
        for side, (a, b), value, query in (
            ("object", line.object, object_, Query(subject, relation, None)),
            ("subject", line.subject, subject, Query(None, relation, object_)),
        ):
            if side not in line.gives:
                continue
            shared = min(b, span.end) - max(a, span.start)
            if shared > 0 and (best is None or shared > best[0]):
                best = shared, value, line, query
    return None if best is None else best[1:]


class _Covering:
    """How much of a question stands around a span."""

    def __init__(self, question: str, candidates: Sequence[Candidate]) -> None:
        self.candidates = candidates
        self.asked = list(dict.fromkeys(terms(question)))
        self._rare = dict.fromkeys(self.asked, 1.0)
        texts = [terms(f"{c.lead}\n{c.text}") for c in candidates]
        if texts and self.asked:
            holding = {t: sum(t in set(x) for x in texts) for t in self.asked}
            self._rare = {t: 1.0 + (len(texts) - n) / max(1, len(texts)) for t, n in holding.items()}

    def of(self, span: Span) -> float:
        """The share, rare words counting more."""
        if not self.asked:
            return 0.0
        here = set(terms(self.around(span)))
        total = sum(self._rare.values())
        return sum(w for t, w in self._rare.items() if t in here) / total

    def around(self, span: Span) -> str:
        """The lead and the sentence or line of a span."""
        candidate = self.candidates[span.passage]
        text = candidate.text
        if candidate.found is not None:
            first, last = candidate.found.passage.sentence_at(span.start)
            text = text[first : max(last, span.end)]
        else:
            line = next((x for x in candidate.lines if x.start <= span.start < x.end), None)
            text = text[line.start : line.end] if line is not None else text
        return f"{candidate.lead}\n{text}"
