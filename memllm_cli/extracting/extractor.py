"""Statements that a text makes: subject, relation and object in its own words, their truth and their time."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from memllm_cli.extracting.heads import FIELDS, FIXED, TRUTHS, WIDEST, Array, Heads, Objects
from memllm_cli.extracting.layout import IN_LEAD, Line, Window, windows
from memllm_cli.pieces import Vocabulary

LEAST = -2.2
"""Log odds below which a span is not looked at."""
MOST = 96
"""Objects of one window at most."""
SAME = 0.35
"""Share of pieces that two objects have in common from which on they are one, the likelier."""
SEVERAL, LOWEST, SUBJECTS = -0.3, -1.5, 6
"""How much less than that of the likeliest, in nats, the share of another subject of the same object can be, and how
little by itself; and how many there can be."""
KNOWN = -0.7
"""Log probability from which on a relation is one known by name."""
COST = 0.1
"""What a piece of a span that is pointed at costs, in nats: of several subjects one begins and another ends."""
OTHER = 3.0
"""Nats by which another name than the words of a sentence must be likelier to be the subject's."""
STANDS_FOR = frozenset(
    "i me my mine myself you your yours yourself he him his himself she her hers herself it its itself we us our ours "
    "ourselves they them their theirs themselves this that these those who whom whose which what there here one ones "
    "each both some any such others another".split()
)
"""Words that name nothing by themselves."""
_REACH = 6
"""Beginnings and ends that are tried together."""
TOGETHER = 1600
"""Pieces that go through the encoder at once."""

Vectors = Callable[[Sequence[Sequence[int]]], list[Array]]


class Span(NamedTuple):
    """Characters `[start, end)` of a sentence by its number, of the lead (`IN_LEAD`); with the log of its share."""

    sentence: int
    start: int
    end: int
    share: float
    first: int
    last: int


class Pair(NamedTuple):
    """A subject and an object, in their words, that a sentence (by its number) may say something of."""

    sentence: int
    subject: str
    object: str


@dataclass(frozen=True, slots=True)
class Statement:
    """What a sentence says of something.

    `subject` is empty where it is the document. `words` are those of the sentence that stand for the subject, empty
    where there are none. `place` is where the object stands in the sentence of number `sentence`. `scores` are the logs
    that its probability is computed from: of the object (odds), of subject, name, relation and truth (shares).
    """

    subject: str
    relation: str
    object: str
    sentence: int
    place: tuple[int, int]
    words: str
    truth: str
    ended: bool
    about: bool
    since: str
    until: str
    when: str
    by: str
    field: bool
    chain: tuple[int, ...]
    """Sentences that the words and the name stand in, besides its own."""
    scores: tuple[float, ...]


class Extractor:
    """An encoder (ids of several sequences to their vectors) and heads."""

    def __init__(self, encoder: Vectors, vocabulary: Vocabulary, heads: Heads) -> None:
        self.encoder, self.vocabulary, self.heads = encoder, vocabulary, heads
        self.tokens = 0
        """Pieces of the last text."""
        self.meant: dict[Pair, tuple[str, bool]] = {}
        """Truth of the pairs of the last text, and whether it is no longer so."""

    def statements(self, lines: Sequence[Line], least: float = LEAST, pairs: Sequence[Pair] = ()) -> list[Statement]:
        """The statements of a text, by place. Leaves in `meant` how it means some pairs that others found in it."""
        reading = self.reading(lines, least, pairs)
        while True:
            try:
                next(reading)
            except StopIteration as end:
                found: list[Statement] = end.value
                return found

    def reading(
        self, lines: Sequence[Line], least: float = LEAST, pairs: Sequence[Pair] = ()
    ) -> Generator[int, None, list[Statement]]:
        """The same, yielding how many sentences are done."""
        self.tokens = 0
        self.meant = {}
        self._pairs: dict[int, list[Pair]] = {}
        for pair in pairs:
            self._pairs.setdefault(pair.sentence, []).append(pair)
        out: list[Statement] = []
        waiting: list[Window] = []
        size = 0
        for window in windows(lines, self.vocabulary):
            if waiting and size + len(window.ids) > TOGETHER:
                out += self._read(waiting, lines, least)
                yield waiting[-1].last
                waiting, size = [], 0
            waiting.append(window)
            size += len(window.ids)
            self.tokens += len(window.ids)
        out += self._read(waiting, lines, least)
        return sorted(out, key=lambda s: (s.sentence, s.place))

    def _read(self, chosen: Sequence[Window], lines: Sequence[Line], least: float) -> list[Statement]:
        out = []
        for window, vectors in zip(chosen, self.encoder([w.ids for w in chosen]), strict=True):
            x = self.heads.shaped(vectors, window.shapes)
            reading = _Reading(self.heads, window, lines, x)
            out += reading.statements(least)
            for number in range(window.first, window.last):
                for pair in self._pairs.get(number, ()):
                    if (meant := reading.meant(pair)) is not None:
                        self.meant[pair] = meant
        return out


class _Reading:
    """One window."""

    def __init__(self, heads: Heads, window: Window, lines: Sequence[Line], x: Array) -> None:
        self.heads, self.window, self.lines, self.x = heads, window, lines, x
        self.sentence = np.array([t.sentence for t in window.tokens])
        own = (self.sentence >= window.first) & (self.sentence < window.last)
        self.own = np.where(own, self.sentence, -1)
        self.text = self.sentence >= IN_LEAD
        self.text[0] = True  # "not said here"

    def statements(self, least: float) -> list[Statement]:
        objects = _apart(self.heads.objects(self.x, self.own, least, 3 * MOST))
        if not objects.spans:
            return []
        keys = self.heads.keys(self.x)
        n = len(objects.spans)
        here = self.own[[a for a, _ in objects.spans]]
        near = (self.sentence[None] == here[:, None]) | (self.sentence == IN_LEAD)[None]
        near[:, 0] = True
        every = np.broadcast_to(self.text, near.shape)

        def spans(
            pointer: str, may: NDArray[np.bool_], many: int = 1, queries: Array = objects.vectors
        ) -> list[list[Span]]:
            scores = self.heads.pointed(pointer, queries, keys)
            return [self._spans(s, m, many) for s, m in zip(scores, may, strict=True)]

        subjects = spans("subject", every, SUBJECTS)
        relations = spans("relation", near)
        since, until, when = (spans(p, near) for p in ("since", "until", "when"))
        by = spans("by", every)
        fixed, field = self.heads.fixed(objects.vectors), self.heads.field(objects.vectors)
        pairs = [(i, s) for i in range(n) for s in subjects[i]]
        which = np.array([i for i, _ in pairs])
        said = np.array([(s.first, s.last) for _, s in pairs])
        scores = self.heads.pointed("name", self.heads.naming(objects.vectors[which], self.x, said), keys)
        names = [self._name(s, m, subject) for s, m, (_, subject) in zip(scores, every[which], pairs, strict=True)]
        relation = np.array([relations[i][0].first for i, _ in pairs])
        truths, marks = self.heads.truth(objects.vectors[which], self.x, said[:, 0], relation)
        out = []
        for row, (i, subject) in enumerate(pairs):
            name = names[row]
            first, last = objects.spans[i]
            place = self.window.tokens[first].start, self.window.tokens[last].end
            words, known, share = self._relation(relations[i][0], fixed[i], field[i])
            truth = int(truths[row].argmax())
            apart = [s.sentence for s in (subject, name) if s.first and s.sentence not in (IN_LEAD, here[i])]
            out.append(
                Statement(
                    subject=self._said(name), relation=words,
                    object=self._text(Span(int(here[i]), *place, 0.0, first, last)), sentence=int(here[i]),
                    place=place, words=self._said(subject), truth=TRUTHS[truth], ended=bool(marks[row, 0] > 0),
                    about=bool(marks[row, 1] > 0), since=self._said(since[i][0]), until=self._said(until[i][0]),
                    when=self._said(when[i][0]), by=self._said(by[i][0]), field=known, chain=tuple(apart),
                    scores=(
                        float(objects.scores[i]), subject.share, name.share, share, float(truths[row, truth])
                    ),
                )
            )  # fmt: skip
        return out

    def meant(self, pair: Pair) -> tuple[str, bool] | None:
        """How a sentence means a pair: its truth, whether it is no longer so; None where it has no such object."""
        span = self._place(pair.object, pair.sentence)
        if span is None:
            return None
        first, last = (np.array([i]) for i in span)
        subject = self._place(pair.subject, pair.sentence) or (0, 0)
        vectors = self.heads.vectors(self.x, first, last)
        truths, marks = self.heads.truth(vectors, self.x, np.array([subject[0]]), np.array([0]))
        return TRUTHS[int(truths[0].argmax())], bool(marks[0, 0] > 0)

    def _place(self, words: str, sentence: int) -> tuple[int, int] | None:
        """The first and the last piece of some words in a sentence."""
        at = self.lines[sentence].text.casefold().find(words.casefold())
        tokens = self.window.tokens
        inside = [
            i
            for i in np.flatnonzero(self.sentence == sentence).tolist()
            if at >= 0 and tokens[i].start < at + len(words) and tokens[i].end > at
        ]
        return (inside[0], inside[-1]) if inside else None

    def _name(self, scores: Array, may: NDArray[np.bool_], subject: Span) -> Span:
        """The fullest name of a subject; its own words where no other name is much likelier."""
        stands = subject.first and self._text(subject).casefold() in STANDS_FOR
        if stands:
            may = may.copy()
            may[subject.first : subject.last + 1] = False
        found = self._spans(scores, may, 1)[0]
        if stands or not subject.first:
            return found if found.first or not subject.first else subject
        logs = _shares(scores, may)
        own = float(logs[0, subject.first] + logs[1, subject.last]) / 2
        if not found.first or own + OTHER > found.share:
            return subject._replace(share=max(own, found.share))
        return found

    def _relation(self, said: Span, fixed: Array, field: Array) -> tuple[str, bool, float]:
        """The words for a relation, whether it is one known by name, and the log of its share."""
        known = int(field.argmax())
        if known and field[known] >= KNOWN:
            return FIELDS[known], True, float(field[known])
        if said.first:
            return self._text(said), False, said.share
        return FIXED[int(fixed.argmax())], False, said.share + float(fixed.max())

    def _said(self, span: Span) -> str:
        return self._text(span) if span.first else ""

    def _text(self, span: Span) -> str:
        text = self.window.lead if span.sentence == IN_LEAD else self.lines[span.sentence].text
        return " ".join(text[span.start : span.end].split())

    def _spans(self, scores: Array, may: NDArray[np.bool_], many: int) -> list[Span]:
        """The likeliest spans of scores (2, pieces); the first piece alone means none, an answer like another."""
        logs = _shares(scores, may)
        begins, ends = (np.argpartition(-row, min(_REACH, len(row) - 1))[:_REACH] for row in logs)
        found = []
        for a in begins:
            for b in ends:
                if (a == b == 0) or (0 < a <= b < a + WIDEST and self.sentence[a] == self.sentence[b]):
                    found.append((float(logs[0, a] + logs[1, b]) / 2 - COST * float(b - a), int(a), int(b)))
        found.sort(reverse=True)
        out: list[Span] = []
        for share, a, b in found:
            if out and (share < out[0].share + SEVERAL or share < LOWEST or not a or not out[0].first):
                break
            if any(a <= s.last and s.first <= b for s in out):
                continue
            tokens = self.window.tokens
            out.append(Span(tokens[a].sentence, tokens[a].start, tokens[b].end, share, a, b))
            if len(out) == many:
                break
        return out or [Span(IN_LEAD, 0, 0, float(logs[:, 0].mean()), 0, 0)]


def _shares(scores: Array, may: NDArray[np.bool_]) -> Array:
    """The log of each piece's share, of a row's beginnings and of its ends (2, pieces)."""
    logs = np.where(may, scores, np.float32(-1e4))
    top = logs.max(-1, keepdims=True)
    out: Array = logs - top - np.log(np.exp(logs - top).sum(-1, keepdims=True))
    return out


def _apart(objects: Objects) -> Objects:
    """Objects without those that share most of their pieces with a likelier one."""
    kept: list[int] = []
    for n, (a, b) in enumerate(objects.spans):
        for m in kept:
            c, d = objects.spans[m]
            common = min(b, d) - max(a, c) + 1
            if common > SAME * (max(b, d) - min(a, c) + 1):
                break
        else:
            kept.append(n)
            if len(kept) == MOST:
                break
    return Objects(tuple(objects.spans[n] for n in kept), objects.scores[kept], objects.vectors[kept])
