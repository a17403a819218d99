"""The read loop: a question in, a stream of events out.

A read is decoded under a constraint: the candidates come from `link.py` with a prior, the model's probabilities
decide among them, and where one token is possible it is fed without being asked for. Grounded answers state the
value as the memory has it; free answers are generated with the results in the context.
"""

from __future__ import annotations

import codecs
import re
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from memllm_cli.engine.base import Engine, sample
from memllm_cli.memory.edit.evidence import Evidence
from memllm_cli.memory.history.facts import Key
from memllm_cli.memory.history.snapshot import Snapshot
from memllm_cli.memory.search.find import Finder, Hit
from memllm_cli.memory.values.literals import ENTITY
from memllm_cli.memory.values.names import normal
from memllm_cli.prompts import Message
from memllm_cli.protocol import (
    CallDecoder,
    TextSegment,
)
from memllm_cli.reading.candidates import every
from memllm_cli.reading.events import Done, Event, ReadCall, ReadResult, Source, Text
from memllm_cli.reading.formats import Examples, ReadFormat, Trained
from memllm_cli.reading.link import ALIKE, SECOND, SURE, Candidate, Linker
from memllm_cli.reading.question import asked
from memllm_cli.reading.search import Choice, choose
from memllm_cli.reading.smalltalk import offer, small_talk
from memllm_cli.types import Query, Triple

GROUNDED_BELOW = 1_000_000_000
"""Models with fewer parameters answer grounded by default."""
MOST_READS = 2
MOST_ABOUT = 4
"""Values of a read that a second one may be about."""
CIRCLE = 16
"""Tokens that end an answer when they are said again."""
UNTHINKABLE = 0.002
"""Probability of a second read below which it is not thought of, which costs a few evaluations."""
NOTHING = "Memory has nothing on this."


@dataclass(slots=True)
class Options:
    """How to answer. `style`: `grounded` or `free`."""

    style: str = "grounded"
    temperature: float = 0.3
    most_tokens: int = 256
    seed: int = 0


@dataclass(slots=True)
class Conversation:
    """Questions and answers so far, oldest first, without calls."""

    messages: list[Message] = field(default_factory=list)

    def questions(self) -> list[str]:
        """Earlier questions, newest first."""
        return [m.text for m in reversed(self.messages) if m.role == "user"]

    def drop_last(self) -> str | None:
        """Take the last question and its answer back; returns the question."""
        while self.messages:
            if (message := self.messages.pop()).role == "user":
                return message.text
        return None


class Answerer:
    """Answers questions from one memory with one model, whose reads have the form `format`."""

    def __init__(
        self, engine: Engine, finder: Finder, options: Options | None = None, format: ReadFormat | None = None
    ) -> None:
        self.engine = engine
        self.finder = finder
        self.linker = Linker(finder)
        self.options = options or Options()
        self.format = format or Examples(engine)

    def ask(self, question: str, conversation: Conversation | None = None) -> Iterator[Event]:
        """Answer one question; the last event is `Done`. Adds the turn to the conversation when it is complete."""
        conversation = conversation if conversation is not None else Conversation()
        clock = _Clock()
        grounded = self.options.style == "grounded"
        if grounded and (reply := small_talk(question)) is not None:
            said = f"{reply} {offer(self.finder.memory.snapshot)}".strip()
            yield Text(said)
            conversation.messages += [Message("user", question), Message("assistant", said)]
            yield Done(said, 0, 0, 0, clock.total(), clock.total(), value=said)
            return
        looked = _Looked()
        if self.format.trained:
            yield from self._wanted(question, conversation, clock, looked)
        else:
            yield from self._forced(question, conversation, clock, looked)
        result, answer = looked.result, ""
        pieces: Iterator[Text]
        asked_in_vain = looked.wanted and (result is None or not result.sources)
        if asked_in_vain or (grounded and (looked.reads or not self.format.trained)):
            pieces = self._grounded(result, question, looked)
        else:
            pieces = self._free(looked.context, clock)
        backed = False
        for piece in pieces:
            clock.start()
            answer += piece.text
            backed = backed or piece.backed
            yield piece
        answer = answer.strip()
        if not grounded and result is not None:
            looked.chosen = tuple(s for s in result.sources if says(answer, s.hit.value))
            looked.value = answer
            backed = bool(looked.chosen)
        nothing = asked_in_vain or (grounded and (looked.reads > 0 or not self.format.trained))
        outcome = "fact" if backed else "nothing" if nothing else "talk"
        value = looked.value if backed else "" if outcome == "nothing" else answer
        conversation.messages += [Message("user", question), Message("assistant", answer)]
        first = clock.first or clock.total()
        yield Done(
            answer, looked.reads, clock.evaluated, clock.generated, clock.total(), first,
            style="grounded" if grounded else "free", backed=backed, outcome=outcome,
            value=value, sources=looked.chosen, wanted=looked.wanted, opened=looked.opened,
            weighed=looked.weighed,
        )  # fmt: skip

    def _forced(
        self, question: str, conversation: Conversation, clock: _Clock, looked: _Looked
    ) -> Iterator[ReadCall | ReadResult]:
        """A read of what the question may be asking; a second one of another sense when the first gives nothing."""
        candidates = self.linker.candidates(question, conversation.questions())
        prompt = self._prompt(conversation, question) if candidates or self.options.style != "grounded" else []
        looked.context = prompt
        while candidates and looked.reads < MOST_READS:
            choice = self._chosen(looked, candidates, clock)
            query = choice.candidate.query
            yield from self._look(query, looked)
            if looked.result is not None and (looked.result.sources or looked.result.too_many):
                looked.context = [*choice.context, *self._told(looked.result)]
                return
            candidates = self._others(candidates, query)  # the read leaves no trace, and another sense is tried

    def _wanted(
        self, question: str, conversation: Conversation, clock: _Clock, looked: _Looked
    ) -> Iterator[ReadCall | ReadResult]:
        """Reads where the model opens one; where it does not and the words are plain, one is made all the same."""
        assert isinstance(self.format, Trained)
        weights, before = self.format.weights, conversation.questions()
        looked.context = self._prompt(conversation, question)
        clock.evaluated += self.engine.load(0, looked.context)
        looked.opened.append(self._opens())
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
            if len(looked.context) >= self.engine.context - self.options.most_tokens:
                return
            clock.evaluated += self.engine.load(0, looked.context)
            looked.opened.append(self._opens())
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

    def _opens(self) -> float:
        """The probability that the model begins a read here."""
        assert isinstance(self.format, Trained)
        return float(np.exp(self.engine.pick(0, [self.format.opening])[0]))

    def _chosen(self, looked: _Looked, candidates: Sequence[Candidate], clock: _Clock) -> Choice:
        choice = choose(self.engine, self.format, looked.context, candidates)
        clock.evaluated += choice.evaluated
        return choice

    def _follow(self, choice: Choice, looked: _Looked) -> Iterator[ReadCall | ReadResult]:
        """Read what was chosen; what it returns joins the context."""
        yield from self._look(choice.candidate.query, looked)
        if looked.result is not None and looked.result.sources:
            looked.context = [*choice.context, *self._told(looked.result)]

    def _plain(self, question: str, before: Sequence[str]) -> bool:
        """Whether the words of a question name what memory has: the safety net below the model."""
        return any(c.answerable and c.fit >= SURE for c in self.linker.candidates(question, before))

    def _look(self, query: Query, looked: _Looked) -> Iterator[ReadCall | ReadResult]:
        yield ReadCall(query)
        looked.reads += 1
        looked.result = self._read(query)
        yield looked.result

    def _told(self, result: ReadResult) -> list[int]:
        return self.format.results([s.hit.value for s in result.sources])

    def _prompt(self, conversation: Conversation, question: str) -> list[int]:
        history = conversation.messages[-12:]
        room = self.engine.context - self.options.most_tokens - 128
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

    def _read(self, query: Query) -> ReadResult:
        found = self.finder.find(query)
        evidence = self.finder.memory.evidence([h.fact for h in found.hits])
        snapshot = self.finder.memory.snapshot
        sources = tuple(
            Source(
                h, texts := snapshot.texts(h.fact), telling(evidence[h.fact.key], Triple(*texts)), _many(snapshot, h)
            )
            for h in found.hits
        )
        return ReadResult(query, sources, found.too_many, found.proposals)

    def _grounded(self, result: ReadResult | None, question: str, looked: _Looked) -> Iterator[Text]:
        if result is None or not result.sources:
            if result is not None and result.too_many:
                yield Text("That asks for too much at once; be more specific.")
            elif result is not None and result.proposals:
                yield Text(f"{NOTHING} {result.proposals} unsure, waiting to be accepted: memllm fact list --proposed")
            else:
                yield Text(NOTHING)
            return
        what = asked(question)
        chosen = [s for s in result.sources if s.hit.fact.key in looked.told] or best(result)
        values = list(dict.fromkeys(s.hit.value for s in chosen))
        said = looked.value = join(values)
        looked.chosen = tuple(s for s in chosen if s.hit.value in values)
        if what.yes_no:
            stated = [v for v in values if says(question, v)]
            said = f"Yes: {join(stated)}" if stated else f"Memory says: {said}"
            looked.value = "Yes" if stated else looked.value
        yield Text(said, backed=True)

    def _free(self, context: list[int], clock: _Clock) -> Iterator[Text]:
        context = context[-(self.engine.context - self.options.most_tokens - 1) :]
        clock.evaluated += self.engine.load(0, context)
        generator = np.random.default_rng(self.options.seed)
        decoder = CallDecoder()
        utf8 = codecs.getincrementaldecoder("utf-8")(errors="replace")
        forbidden = (self.format.opening,) if isinstance(self.format, Trained) else ()  # its reads are made above
        begun = False
        said: list[int] = []
        for _ in range(self.options.most_tokens):
            token = sample(self.engine.logits(0), self.options.temperature, forbidden=forbidden, generator=generator)
            if token in self.engine.stops or circles([*said, token]):
                break
            said.append(token)
            clock.generated += 1
            for segment in decoder.feed(utf8.decode(self.engine.piece(token))):
                if isinstance(segment, TextSegment):  # a call the model makes up here is dropped
                    text = segment.text if begun else segment.text.lstrip()
                    begun = begun or bool(text)
                    if text:
                        yield Text(text)
            self.engine.feed({0: [token]})
        for segment in decoder.flush():
            if isinstance(segment, TextSegment):
                yield Text(segment.text)


def circles(tokens: Sequence[int], length: int = CIRCLE) -> bool:
    """Whether the last `length` tokens have been said before: small models go on like that for ever."""
    last = list(tokens[-length:])
    return len(last) == length and any(
        list(tokens[i : i + length]) == last for i in range(len(tokens) - 2 * length + 1)
    )


def telling(evidence: Sequence[Evidence], fact: Triple) -> tuple[Evidence, ...]:
    """Evidence in its order, but what names the object first, and of that what names the subject too.

    Of two sentences one may only say what the other is about: "Its capital is Sylvania City."
    """
    return tuple(
        sorted(evidence, key=lambda e: (not says(e.sentence, fact.object), not says(e.sentence, fact.subject)))
    )


def carrying(evidence: Sequence[Evidence], value: str) -> tuple[Evidence, ...]:
    """Of evidence the first, which tells most, and what has the answer in it; not what only says who is meant."""
    return tuple(e for n, e in enumerate(evidence) if n == 0 or says(e.said, value))


def best(result: ReadResult) -> list[Source]:
    """The sources a grounded answer states, one a value.

    Of a side that takes many values all that have the best authority: what a person stated leaves out what others
    state beside it, and what a table states leaves out what a model wrote. Of a side that takes one, the first.
    """
    if not result.sources:
        return []
    top = result.sources[0]
    if not top.many:
        return [top]
    kept = [s for s in result.sources if s.hit.fact.authority == top.hit.fact.authority]
    near = [s for s in kept if s.hit.fact.key[1] == top.hit.fact.key[1] and s.hit.distance <= top.hit.distance]
    return list({s.hit.value: s for s in reversed(near)}.values())[::-1]


def says(text: str, value: str) -> bool:
    """Whether a text holds a value: its words side by side, in any order ("4,200 EUR" holds "EUR 4,200")."""
    wanted = sorted(_words(value))
    if not wanted:
        return value.strip() in text
    words = _words(text)
    return any(sorted(words[i : i + len(wanted)]) == wanted for i in range(len(words) - len(wanted) + 1))


def _words(text: str) -> list[str]:
    text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", normal(text))
    for sign, code in (("€", " eur "), ("$", " usd "), ("£", " gbp ")):
        text = text.replace(sign, code)
    return re.findall(r"\w+", text)


def join(values: Sequence[str]) -> str:
    """`A`, `A and B`, `A, B and C`; each value once."""
    values = list(dict.fromkeys(values))
    return values[0] if len(values) == 1 else f"{', '.join(values[:-1])} and {values[-1]}"


def _same_side(one: Query, other: Query) -> bool:
    return (one.subject is None) == (other.subject is None)


def _many(snapshot: Snapshot, hit: Hit) -> bool:
    relation = snapshot.relations.by_id[hit.fact.key[1]]
    return not (relation.one_object if hit.side == "object" else relation.one_subject)


@dataclass(slots=True)
class _Looked:
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


class _Clock:
    def __init__(self) -> None:
        self._began = time.perf_counter()
        self.first = 0.0
        self.evaluated = 0
        self.generated = 0

    def start(self) -> None:
        if not self.first:
            self.first = self.total()

    def total(self) -> float:
        return time.perf_counter() - self._began
