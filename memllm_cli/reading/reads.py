"""Reads of facts that a model makes: forced ones of a model without training, and those that a trained one opens.

A read is decoded under a constraint: the candidates come with a prior, the model's probabilities decide among them, and
where one token is possible it is fed without being asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from memllm_cli.memory.history.facts import Fact, Key
from memllm_cli.memory.history.snapshot import Snapshot
from memllm_cli.memory.search.find import Finder, Hit
from memllm_cli.memory.values.literals import ENTITY
from memllm_cli.prompts import Message
from memllm_cli.reading.candidates import every
from memllm_cli.reading.clock import Clock
from memllm_cli.reading.events import ReadCall, ReadResult, Source
from memllm_cli.reading.formats import ReadFormat, Trained
from memllm_cli.reading.link import ALIKE, SECOND, SURE, Candidate, Linker
from memllm_cli.reading.search import Choice, choose
from memllm_cli.reading.values import telling
from memllm_cli.types import Query, Triple

MOST_READS = 2
MOST_ABOUT = 4
"""Values of a read that a second one may be about."""
UNTHINKABLE = 0.002
"""Probability of a second read below which it is not thought of, which costs a few evaluations."""


@dataclass(slots=True)
class Conversation:
    """Questions and answers so far, oldest first, without calls.

    `asked` is the last question in full, `said` what it was answered; "" where they are not known.
    """

    messages: list[Message] = field(default_factory=list)
    asked: str = ""
    said: str = ""

    def add(self, question: str, answer: str, asked: str = "", said: str = "") -> None:
        """A turn is complete; `asked` is the question in full, `said` the answer alone, "" where there is none."""
        self.messages += [Message("user", question), Message("assistant", answer)]
        self.asked, self.said = asked or question, said

    def questions(self) -> list[str]:
        """Earlier questions, newest first."""
        return [m.text for m in reversed(self.messages) if m.role == "user"]

    def drop_last(self) -> str | None:
        """Take the last question and its answer back; returns the question."""
        self.asked = self.said = ""
        while self.messages:
            if (message := self.messages.pop()).role == "user":
                return message.text
        return None


@dataclass(slots=True)
class Reading:
    """What has been read for a question: how often, what was returned last, the context with it.

    `opened` is how likely the model found a read each time it could begin one, `weighed` the features of a second read
    that memory could answer (`Weights.features`).
    """

    reads: int = 0
    wanted: bool = False
    """Whether a model that was trained to read opened the first read by itself."""
    result: ReadResult | None = None
    told: Collection[Key] = ()
    """Facts that a person stated with a question like this one."""
    chosen: tuple[Source, ...] = ()
    """What carries the answer."""
    value: str = ""
    """The answer alone."""
    context: list[int] = field(default_factory=list)
    opened: list[float] = field(default_factory=list)
    weighed: tuple[float, ...] = ()


class FactReads:
    """Reads of facts in one memory."""

    def __init__(self, finder: Finder) -> None:
        self.finder = finder

    def look(self, query: Query, looked: Reading) -> Iterator[ReadCall | ReadResult]:
        """Make a read; what it returned is `looked.result` then."""
        yield ReadCall(query)
        looked.reads += 1
        looked.result = self.read(query)
        yield looked.result

    def sources(self, query: Query, facts: Sequence[Fact]) -> ReadResult:
        """Facts that something was computed of, as what a read returned."""
        snapshot, evidence = self.finder.memory.snapshot, self.finder.memory.sources(facts)
        return ReadResult(
            query,
            tuple(
                Source(
                    Hit(f, texts[0], "subject", 0.0)
                    if query.subject is None and query.object
                    else Hit(f, texts[2], "object", 0.0),
                    texts,
                    telling(evidence[f.key], Triple(*texts)),
                    True,
                )
                for f in facts
                for texts in (snapshot.texts(f),)
            ),
        )

    def read(self, query: Query) -> ReadResult:
        """What memory answers, with where it is stated."""
        found = self.finder.find(query)
        evidence = self.finder.memory.sources([h.fact for h in found.hits])
        snapshot = self.finder.memory.snapshot
        sources = tuple(
            Source(
                h, texts := snapshot.texts(h.fact), telling(evidence[h.fact.key], Triple(*texts)), is_many(snapshot, h)
            )
            for h in found.hits
        )
        return ReadResult(query, sources, found.too_many, found.proposals)


class Reads(FactReads):
    """The reads of one model over one memory, of the form `format`; `room` tokens are left for an answer."""

    def __init__(self, finder: Finder, linker: Linker, format: ReadFormat, room: int) -> None:
        super().__init__(finder)
        self.engine, self.linker, self.format, self.room = format.engine, linker, format, room

    def forced(
        self, question: str, conversation: Conversation, clock: Clock, looked: Reading
    ) -> Iterator[ReadCall | ReadResult]:
        """A read of what the question may be asking; a second one of another sense when the first gives nothing."""
        candidates = self.linker.candidates(question, conversation.questions())
        looked.context = self.prompt(conversation, question)
        while candidates and looked.reads < MOST_READS:
            choice = self._chosen(looked, candidates, clock)
            query = choice.candidate.query
            yield from self.look(query, looked)
            if looked.result is not None and (looked.result.sources or looked.result.too_many):
                looked.context = [*choice.context, *self.told(looked.result)]
                return
            candidates = self._others(candidates, query)  # the read leaves no trace, and another sense is tried

    def wanted(
        self, question: str, conversation: Conversation, clock: Clock, looked: Reading
    ) -> Iterator[ReadCall | ReadResult]:
        """Reads where the model opens one; where it does not and the words are plain, one is made all the same."""
        assert isinstance(self.format, Trained)
        weights, before = self.format.weights, conversation.questions()
        looked.context = self.prompt(conversation, question)
        clock.evaluated += self.engine.load(0, looked.context)
        looked.opened.append(self.opens())
        looked.wanted = looked.opened[0] >= weights.opens
        if not looked.wanted and not self._plain(question, before):
            return
        candidates = every(self.linker, question, weights, before)
        if not candidates:
            return
        choice = self._chosen(looked, candidates, clock)
        yield from self._follow(choice, looked)
        looked.told = choice.candidate.told
        if looked.told:  # a person has answered this very question
            return
        while looked.reads < MOST_READS and looked.result is not None and looked.result.sources:
            about = [s.hit.entity for s in looked.result.sources][:MOST_ABOUT]
            if len(looked.context) >= self.engine.context - self.room:
                return
            clock.evaluated += self.engine.load(0, looked.context)
            looked.opened.append(self.opens())
            if looked.opened[-1] < UNTHINKABLE:
                return
            first = looked.result.query
            candidates = [
                c for c in every(self.linker, question, weights, before, about)
                if c.query.relation != first.relation or (c.answerable and _same_side(c.query, first))
            ]  # fmt: skip
            if not candidates:
                return
            choice = self._chosen(looked, candidates, clock)
            if choice.candidate.answerable:
                looked.weighed = weights.features(looked.opened[-1], choice.candidate.fit, choice.likely)
            if not weights.another(looked.opened[-1], choice.candidate.answerable, choice.candidate.fit, choice.likely):
                return
            yield from self._follow(choice, looked)

    def opens(self) -> float:
        """The probability that the model begins a read here."""
        assert isinstance(self.format, Trained)
        return float(np.exp(self.engine.pick(0, [self.format.opening])[0]))

    def _chosen(self, looked: Reading, candidates: Sequence[Candidate], clock: Clock) -> Choice:
        choice = choose(self.engine, self.format, looked.context, candidates)
        clock.evaluated += choice.evaluated
        return choice

    def _follow(self, choice: Choice, looked: Reading) -> Iterator[ReadCall | ReadResult]:
        """Read what was chosen; what it returns joins the context."""
        yield from self.look(choice.candidate.query, looked)
        if looked.result is not None and looked.result.sources:
            looked.context = [*choice.context, *self.told(looked.result)]

    def _plain(self, question: str, before: Sequence[str]) -> bool:
        """Whether the words of a question name what memory has: the safety net below the model."""
        return any(c.answerable and c.fit >= SURE for c in self.linker.candidates(question, before))

    def told(self, result: ReadResult) -> list[int]:
        """The tokens of what a read returned."""
        return self.format.results([s.hit.value for s in result.sources])

    def prompt(self, conversation: Conversation, question: str) -> list[int]:
        """The tokens of a conversation with a question, as much of it as there is room for."""
        history = conversation.messages[-12:]
        room = self.engine.context - self.room - 128
        while True:
            ids = self.format.prompt(history, question)
            if len(ids) <= room or not history:
                return ids[:1] + ids[-(room - 1) :] if len(ids) > room else ids
            history = history[2:]

    def _others(self, candidates: Sequence[Candidate], query: Query) -> list[Candidate]:
        """What else may be asked after a read that returned nothing: a fitting relation, or a like value (a date)."""
        relations = self.finder.memory.snapshot.relations
        kind = relations.get(query.relation)[0].object_type

        def alike(c: Candidate) -> bool:
            return kind not in (ENTITY, "text") and relations.get(c.query.relation)[0].object_type == kind

        return [c for c in candidates if c.query != query and c.answerable and c.fit >= (ALIKE if alike(c) else SECOND)]


def _same_side(one: Query, other: Query) -> bool:
    return (one.subject is None) == (other.subject is None)


def is_many(snapshot: Snapshot, hit: Hit) -> bool:
    """Whether the side that a hit gives takes many values."""
    relation = snapshot.relations.by_id[hit.fact.key[1]]
    return not (relation.one_object if hit.side == "object" else relation.one_subject)
