"""The reading loop: a question in, a stream of events out.

First everything in memory that may answer is looked for, facts and text; then a pointer says which of it answers, in
which words, and how surely, or that it is not there. Without a pointer the language model reads facts by itself
(`reads.py`). Free answers are generated with what was found in the context.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from memllm_cli.answering.computing import Computed, compute
from memllm_cli.answering.deciding import Answer, Decider, differing
from memllm_cli.answering.denying import denied
from memllm_cli.answering.followup import in_full
from memllm_cli.answering.gathering import Gathered, gather
from memllm_cli.answering.looking import Looker
from memllm_cli.answering.requests import requested
from memllm_cli.answering.smalltalk import offer, small_talk
from memllm_cli.answering.told import retracted, side, surest
from memllm_cli.answering.told import told as told_fact
from memllm_cli.answering.wording import called, worded
from memllm_cli.engine.base import Engine, sample
from memllm_cli.errors import ModelMissing
from memllm_cli.memory.edit.evidence import Evidence
from memllm_cli.memory.history.facts import Fact
from memllm_cli.memory.search.find import Finder
from memllm_cli.memory.search.texts import Texts
from memllm_cli.prompts import Message
from memllm_cli.protocol import CallDecoder, TextSegment
from memllm_cli.reading.clock import Clock
from memllm_cli.reading.events import Done, Event, ReadCall, ReadResult, Text, TextCall, TextResult
from memllm_cli.reading.formats import Examples, ReadFormat, Trained
from memllm_cli.reading.question import foreign
from memllm_cli.reading.reads import Conversation, FactReads, Reading, Reads
from memllm_cli.reading.standing import day_or_today, shown_of, stated_in
from memllm_cli.reading.values import best, circles, join, says
from memllm_cli.types import Query

GROUNDED_BELOW = 1_000_000_000
"""Models with fewer parameters answer grounded by default."""
NOTHING = "Memory has nothing on this."
TOO_MUCH = "That asks for too much at once; be more specific."
NEAR = 0.2
"""Probability from which on an answer, too unsure to be given, shows that something is asked of memory."""
FAINT = 0.05
"""Probability below which a sentence is not shown beside others."""
SHOWN = 4
"""Sentences of documents that are shown beside an answer, or in its place."""


@dataclass(slots=True)
class Options:
    """How to answer. `style`: `grounded` or `free`. `within`: ids of the documents to answer from; None for all."""

    style: str = "grounded"
    temperature: float = 0.3
    most_tokens: int = 256
    seed: int = 0
    within: Collection[int] | None = None


def nothing_but(proposals: int) -> str:
    """That memory has nothing, and how many proposals would answer."""
    unsure = f" {proposals} unsure, waiting to be accepted: memllm fact list --proposed"
    return f"{NOTHING}{unsure if proposals else ''}"


@dataclass(slots=True)
class _Pointed:
    """What the pointer came to: the answer, its sentences, and what the context of free words begins with."""

    answer: Answer | None = None
    value: str = ""
    evidence: tuple[Evidence, ...] = ()
    result: ReadResult | None = None
    otherwise: tuple[str, Evidence] | None = None


class Answerer:
    """Answers questions from one memory.

    With a `decider` answers are pointed at; the model (`engine` with the form `format` of its reads, or what `make`
    loads) is needed for free answers only. Without one the model reads facts by itself.
    """

    def __init__(
        self,
        engine: Engine | None,
        finder: Finder,
        options: Options | None = None,
        format: ReadFormat | None = None,
        decider: Decider | None = None,
        texts: Texts | None = None,
        make: Callable[[], ReadFormat] | None = None,
    ) -> None:
        self.finder = finder
        self.options = options or Options()
        self.decider = decider
        self.looker = Looker(finder, texts)
        self.linker = self.looker.linker
        self.facts = FactReads(finder)
        self._format = format or (Examples(engine) if engine is not None else None)
        self._make = make
        self._reads: Reads | None = None

    @property
    def format(self) -> ReadFormat:
        """The model and its form of reads, loaded when they are first needed."""
        if self._format is None:
            assert self._make is not None, "a model, or a way to load one"
            self._format = self._make()
        return self._format

    @property
    def engine(self) -> Engine:
        """The model."""
        return self.format.engine

    @property
    def reads(self) -> Reads:
        """The reads that the model makes."""
        if self._reads is None:
            self._reads = Reads(self.finder, self.linker, self.format, self.options.most_tokens)
        return self._reads

    def close(self) -> None:
        """Give the model's memory back, if it was loaded."""
        if self._format is not None:
            self._format.engine.close()

    def ask(self, question: str, conversation: Conversation | None = None) -> Iterator[Event]:
        """Answer one question; the last event is `Done`. Adds the turn to the conversation when it is complete."""
        conversation = conversation if conversation is not None else Conversation()
        grounded = self.options.style == "grounded"
        if grounded and (reply := small_talk(question)) is not None:
            yield from self._talked(question, f"{reply} {offer(self.finder.memory.snapshot)}".strip(), conversation)
        elif grounded and (gathered := self._requested(question)) is not None:
            yield from self._gathered(question, gathered, conversation)
        elif self.decider is not None:
            yield from self._pointed(question, conversation, self.decider)
        else:
            yield from self._read(question, conversation)

    def _requested(self, question: str) -> Gathered | None:
        """What comes of a request; None for a question, and where nothing does."""
        request = requested(question)
        if request is None:
            return None
        gathered = gather(request, self.finder, self.looker.texts, self.options.within)
        return gathered if gathered.lines else None

    def _talked(self, question: str, said: str, conversation: Conversation) -> Iterator[Event]:
        clock = Clock()
        yield Text(said)
        conversation.messages += [Message("user", question), Message("assistant", said)]
        yield Done(said, 0, 0, 0, clock.total(), clock.total(), value=said)

    def _gathered(self, question: str, gathered: Gathered, conversation: Conversation) -> Iterator[Event]:
        """What memory has on a name, or what a document says."""
        clock = Clock()
        clock.start()
        for number, line in enumerate(gathered.lines):
            yield Text(f"\n{line}" if number else line, backed=True)
        said = "\n".join(gathered.lines)
        conversation.messages += [Message("user", question), Message("assistant", said)]
        yield Done(
            said, 0, 0, 0, clock.total(), clock.first, backed=True, outcome="fact" if gathered.facts else "text",
            value=said, evidence=gathered.evidence,
        )  # fmt: skip

    # -- by the pointer ---------------------------------------------------------------------------------------------

    def _pointed(self, question: str, conversation: Conversation, decider: Decider) -> Iterator[Event]:
        clock, found, reading, before = Clock(), _Pointed(), Reading(), conversation.questions()
        decider.pointer.tokens = 0
        grounded = self.options.style == "grounded"
        if (told := told_fact(question, self.finder, self.linker, self.options.within)) is not None:
            yield from self._facts(side(told, self.finder.memory.snapshot, question), told, found, reading)
        elif grounded and (made := self._computable(question)) is not None:
            yield from self._computed(question, made, conversation, clock)
            return
        if not found.value:
            yield from self._point(question, conversation, decider, found, reading)
        for full in in_full(question, conversation.messages, self.linker) if not found.value else ():
            yield from self._point(full, conversation, decider, found, reading)
            if found.value:
                break
        sure = bool(found.value)
        said = ""
        free = not grounded or (not sure and self._talk(question, conversation, found, clock))
        if free:
            reading.context = self._context(question, conversation, found)
        pieces = self._free(reading.context, clock) if free else self._grounded(question, found, reading, before)
        for piece in pieces:
            clock.start()
            said += piece.text
            yield piece
        said = said.strip()
        outcome = ("fact" if found.result is not None else "text") if sure else "talk" if free else "nothing"
        sources = tuple(reading.chosen)
        if not grounded and sure:
            backed = says(said, found.value)
            outcome, sources = (outcome, sources) if backed else ("talk", ())
        conversation.messages += [Message("user", question), Message("assistant", said)]
        yield Done(
            said, reading.reads, clock.evaluated + decider.pointer.tokens, clock.generated, clock.total(),
            clock.first or clock.total(), style=self.options.style, backed=outcome in ("fact", "text"), outcome=outcome,
            value=found.value if outcome in ("fact", "text") else "" if outcome == "nothing" else said,
            sources=sources, evidence=found.evidence if outcome == "text" else (),
            probability=found.answer.probability if found.answer is not None else None,
            otherwise=found.otherwise if outcome == "text" else None,
        )  # fmt: skip

    def _computable(self, question: str) -> Computed | None:
        """What is computed of facts, and what a document denies."""
        asked = question, self.finder, self.linker, self.options.within
        return compute(*asked) or denied(*asked)

    def _computed(self, question: str, made: Computed, conversation: Conversation, clock: Clock) -> Iterator[Event]:
        """What the store computed, with the facts it rests on as the rows of a read."""
        query = Query(None, f"{made.operation} of {made.relation}", made.led)
        result = self.facts.sources(query, made.facts)
        within = self.options.within
        shown = (replace(s, evidence=shown_of(s.evidence, within)) for s in result.sources)
        result = replace(result, sources=tuple(shown))
        yield ReadCall(query)
        yield result
        clock.start()
        yield Text(made.said, backed=True)
        conversation.messages += [Message("user", question), Message("assistant", made.said)]
        yield Done(
            made.said, 1, 0, 0, clock.total(), clock.first, style=self.options.style, backed=True, outcome="fact",
            value=made.value, sources=result.sources,
        )  # fmt: skip

    def _point(
        self, question: str, conversation: Conversation, decider: Decider, found: _Pointed, reading: Reading
    ) -> Iterator[Event]:
        looked = self.looker.look(question, conversation.questions(), self.options.within)
        if looked.sure is not None:
            fact, answering_side = looked.sure
            subject, relation, object_ = self.finder.memory.snapshot.texts(fact)
            query = Query(subject, relation, None) if answering_side == "object" else Query(None, relation, object_)
            yield from self._facts(query, fact, found, reading)
            return
        texts = looked.texts
        if texts:
            yield TextCall(question)
        answers = decider.answers(question, looked)
        chosen = surest(answers, decider.answering.least, self.finder)
        if chosen is None and looked.narrowed:
            looked = self.looker.look(question, conversation.questions(), self.options.within, wide=True)
            if looked.texts and not texts:
                yield TextCall(question)
            texts = looked.texts
            answers = decider.answers(question, looked)
            chosen = surest(answers, decider.answering.least, self.finder)
        answers = [a for a in answers if not retracted(a, self.finder)]
        found.answer = chosen or (answers[0] if answers else None)
        if chosen is not None and chosen.query is not None and chosen.line is not None:
            yield from self._facts(chosen.query, chosen.line.fact, found, reading)
        spots = self._spots(answers, chosen if chosen is not None and chosen.query is None else None)
        said = len(chosen.spots) if chosen is not None and chosen.query is None else 0
        places = self.finder.memory.evidence_at([s for _, s in spots])
        answering = 0
        if chosen is not None and chosen.query is None:
            found.value, found.evidence = chosen.value, tuple(places[:said])
            answering = said
            other = differing(answers, chosen, decider.answering.least)
            if other is not None and other.spot is not None:
                where = self.finder.memory.evidence_at([other.spot])
                found.otherwise = (other.value, where[0]) if where else None
        if texts:
            yield TextResult(tuple(places), tuple(a.probability for a, _ in spots), answering)

    def _spots(self, answers: list[Answer], chosen: Answer | None) -> list[tuple[Answer, tuple[int, int, int, int]]]:
        """The sentences to show, the one that answers first, each once."""
        out: dict[tuple[int, int, int], tuple[Answer, tuple[int, int, int, int]]] = {}
        own = [(chosen, s) for s in chosen.spots] if chosen is not None else []
        for answer, spot in own + [(a, s) for a in answers if (s := a.spot) is not None]:
            if not out or answer.probability >= FAINT or answer is chosen:
                out.setdefault(spot[:3], (answer, spot))
        return list(out.values())[: max(SHOWN, len(own))]

    def _facts(self, query: Query, fact: Fact, found: _Pointed, reading: Reading) -> Iterator[Event]:
        """Read what answers, of the documents that are asked; a grounded answer states the best of it.

        `fact` is what was pointed at: where a read returns it not, because of its names, it stands alone.
        """
        snapshot, within = self.finder.memory.snapshot, self.options.within
        yield ReadCall(query)
        result = self.facts.read(query)
        kept = tuple(s for s in result.sources if stated_in(s.hit.fact, snapshot, within))
        if fact.key not in {s.hit.fact.key for s in kept}:
            kept = self.facts.sources(query, [fact]).sources
        kept = tuple(replace(s, evidence=shown_of(s.evidence, within)) for s in kept)
        result = reading.result = replace(result, sources=kept, too_many=False)
        reading.reads += 1
        yield result
        reading.chosen = tuple(best(result))
        found.value, found.result = join([s.hit.value for s in reading.chosen]), result
        if fact.key not in {s.hit.fact.key for s in reading.chosen}:
            found.answer = None  # what outranks it has another probability

    def _talk(self, question: str, conversation: Conversation, found: _Pointed, clock: Clock) -> bool:
        """Whether what was written is talk and asks memory for nothing: nothing in memory is near to an answer, and a
        model that was trained to read does not open a read."""
        near = found.answer is not None and found.answer.probability >= NEAR
        if near or self.options.within is not None or foreign(question):
            return False
        try:
            format = self.format
        except ModelMissing:
            return False
        if not isinstance(format, Trained):
            return False
        clock.evaluated += self.engine.load(0, self.reads.prompt(conversation, question))
        return self.reads.opens() < format.weights.opens

    def _context(self, question: str, conversation: Conversation, found: _Pointed) -> list[int]:
        """The conversation, with what was found as the result of a call."""
        context = self.reads.prompt(conversation, question)
        if found.result is not None:
            _, call = self.format.call(found.result.query)
            return [*context, *call, *self.reads.told(found.result)]
        if found.evidence:
            return [*context, *self.format.texts(question, [e.said for e in found.evidence])]
        return context

    # -- by the model's own reads -----------------------------------------------------------------------------------

    def _read(self, question: str, conversation: Conversation) -> Iterator[Event]:
        clock, looked, reads = Clock(), Reading(), self.reads
        grounded = self.options.style == "grounded"
        if self.format.trained:
            yield from reads.wanted(question, conversation, clock, looked)
        else:
            yield from reads.forced(question, conversation, clock, looked)
        result, answer = looked.result, ""
        pieces: Iterator[Text]
        in_vain = looked.wanted and (result is None or not result.sources)
        if in_vain or (grounded and (looked.reads or not self.format.trained)):
            pieces = self._stated(result, question, looked)
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
        nothing = in_vain or (grounded and (looked.reads > 0 or not self.format.trained))
        outcome = "fact" if backed else "nothing" if nothing else "talk"
        value = looked.value if backed else "" if outcome == "nothing" else answer
        conversation.messages += [Message("user", question), Message("assistant", answer)]
        yield Done(
            answer, looked.reads, clock.evaluated, clock.generated, clock.total(), clock.first or clock.total(),
            style=self.options.style, backed=backed, outcome=outcome, value=value, sources=looked.chosen,
            wanted=looked.wanted, opened=looked.opened, weighed=looked.weighed,
        )  # fmt: skip

    def _stated(self, result: ReadResult | None, question: str, looked: Reading) -> Iterator[Text]:
        if result is None or not result.sources:
            if result is not None and result.too_many:
                yield Text(TOO_MUCH)
            elif result is not None and result.proposals:
                yield Text(nothing_but(result.proposals))
            else:
                yield Text(NOTHING)
            return
        chosen = [s for s in result.sources if s.hit.fact.key in looked.told] or best(result)
        values = list(dict.fromkeys(s.hit.value for s in chosen))
        looked.value = join(values)
        looked.chosen = tuple(s for s in chosen if s.hit.value in values)
        yield from self._said(question, values, looked)

    def _grounded(self, question: str, found: _Pointed, reading: Reading, before: Sequence[str]) -> Iterator[Text]:
        if found.result is not None:
            values = list(dict.fromkeys(s.hit.value for s in reading.chosen))
            yield from self._said(question, values, reading)
            found.value = reading.value or found.value
        elif found.value:
            text = " ".join(f"{e.title} {e.heading} {e.said}" for e in found.evidence)
            said, value = worded(question, [found.value], text, of_documents=True)
            found.value = value or found.value
            yield Text(said, backed=True)
        else:
            yield Text(nothing_but(self.looker.waiting(question, before, self.options.within)))

    def _said(self, question: str, values: list[str], looked: Reading) -> Iterator[Text]:
        snapshot, today = self.finder.memory.snapshot, day_or_today(self.finder.day)
        text = " ".join(called(s.hit.fact, snapshot) for s in looked.chosen if s.hit.fact.holds(today))
        said, value = worded(question, values, text)
        looked.value = value or looked.value
        yield Text(said, backed=True)

    def _free(self, context: list[int], clock: Clock) -> Iterator[Text]:
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
