"""The reading loop: a question in, a stream of events out.

First everything in memory that may answer is looked for, facts and text; then a pointer says which of it answers, in
which words, and how surely, or that it is not there. Without a pointer the language model reads facts by itself
(`reads.py`). Free answers are generated with what was found in the context.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from memllm_cli.answering.composed import composed
from memllm_cli.answering.computing import Computed, compute
from memllm_cli.answering.deciding import Decider
from memllm_cli.answering.denying import denied
from memllm_cli.answering.gathering import Gathered, gather
from memllm_cli.answering.looking import Looker
from memllm_cli.answering.options import Options
from memllm_cli.answering.pointed import NEAR, Pointed, Pointing
from memllm_cli.answering.requests import requested
from memllm_cli.answering.smalltalk import offer, small_talk
from memllm_cli.answering.wording import called, worded
from memllm_cli.engine.base import Engine, sample
from memllm_cli.errors import ModelMissing
from memllm_cli.memory.search.find import Finder
from memllm_cli.memory.search.texts import Texts
from memllm_cli.protocol import CallDecoder, TextSegment
from memllm_cli.reading.clock import Clock
from memllm_cli.reading.events import Done, Event, ReadCall, ReadResult, Source, Text
from memllm_cli.reading.formats import Examples, ReadFormat, Trained
from memllm_cli.reading.question import foreign
from memllm_cli.reading.reads import Conversation, FactReads, Reading, Reads
from memllm_cli.reading.standing import day_or_today, shown_of
from memllm_cli.reading.values import best, circles, join
from memllm_cli.types import Query

GROUNDED_BELOW = 1_000_000_000
"""Models with fewer parameters answer grounded by default."""
NOTHING = "Memory has nothing on this."
TOO_MUCH = "That asks for too much at once; be more specific."


def nothing_but(proposals: int) -> str:
    """That memory has nothing, and how many proposals would answer."""
    unsure = f" {proposals} unsure, waiting to be accepted: memllm fact list --proposed"
    return f"{NOTHING}{unsure if proposals else ''}"


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
    def pointing(self) -> Pointing | None:
        """What points at answers, as the options say now; None where nothing does."""
        return Pointing(self.finder, self.looker, self.decider, self.options) if self.decider is not None else None

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
        if self.options.style == "free":
            yield from composed(self, question, conversation)
        elif (reply := small_talk(question)) is not None:
            yield from self._talked(question, f"{reply} {offer(self.finder.memory.snapshot)}".strip(), conversation)
        elif (gathered := self._requested(question)) is not None:
            yield from self._gathered(question, gathered, conversation)
        elif (pointing := self.pointing) is not None:
            yield from self._pointed(question, conversation, pointing)
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
        conversation.add(question, said)
        yield Done(said, 0, 0, 0, clock.total(), clock.total(), value=said)

    def _gathered(self, question: str, gathered: Gathered, conversation: Conversation) -> Iterator[Event]:
        """What memory has on a name, or what a document says."""
        clock = Clock()
        clock.start()
        for number, line in enumerate(gathered.lines):
            yield Text(f"\n{line}" if number else line, backed=True)
        said = "\n".join(gathered.lines)
        conversation.add(question, said)
        yield Done(
            said, 0, 0, 0, clock.total(), clock.first, backed=True, outcome="fact" if gathered.facts else "text",
            value=said, evidence=gathered.evidence,
        )  # fmt: skip

    # -- by the pointer ---------------------------------------------------------------------------------------------

    def _pointed(self, question: str, conversation: Conversation, pointing: Pointing) -> Iterator[Event]:
        clock, found, within = Clock(), Pointed(), self.options.within
        told = pointing.told(question, within)
        if told is None and (made := self._computable(question)) is not None:
            yield from self._computed(question, made, conversation, clock)
            return
        yield from pointing.find(question, conversation, within, found, told)
        talk = not found.value and self._talk(question, conversation, found, clock)
        said = ""
        for piece in (
            self._talking(self.reads.prompt(conversation, question), clock)
            if talk
            else self._grounded(question, found, conversation.questions())
        ):
            clock.start()
            said += piece.text
            yield piece
        said = said.strip()
        outcome = "talk" if talk else "nothing" if not found.value else "fact" if found.result is not None else "text"
        backed = outcome in ("fact", "text")
        conversation.add(question, said, found.asked, found.value if backed else "")
        yield Done(
            said, found.reads, clock.evaluated + found.tokens, clock.generated, clock.total(),
            clock.first or clock.total(), style="grounded", backed=backed, outcome=outcome,
            value=found.value if backed else said if talk else "", sources=found.sources,
            evidence=found.evidence if outcome == "text" else (), probability=found.probability,
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
        conversation.add(question, made.said, said=made.value)
        yield Done(
            made.said, 1, 0, 0, clock.total(), clock.first, style=self.options.style, backed=True, outcome="fact",
            value=made.value, sources=result.sources,
        )  # fmt: skip

    def _talk(self, question: str, conversation: Conversation, found: Pointed, clock: Clock) -> bool:
        """Whether what was written is talk and asks memory for nothing: nothing in memory is near to an answer, and a
        model that was trained to read does not open a read."""
        if (found.probability or 0.0) >= NEAR or self.options.within is not None or foreign(question):
            return False
        try:
            format = self.format
        except ModelMissing:
            return False
        if not isinstance(format, Trained):
            return False
        clock.evaluated += self.engine.load(0, self.reads.prompt(conversation, question))
        return self.reads.opens() < format.weights.opens

    # -- by the model's own reads -----------------------------------------------------------------------------------

    def _read(self, question: str, conversation: Conversation) -> Iterator[Event]:
        clock, looked, reads = Clock(), Reading(), self.reads
        if self.format.trained:
            yield from reads.wanted(question, conversation, clock, looked)
        else:
            yield from reads.forced(question, conversation, clock, looked)
        talk = self.format.trained and not looked.reads and not looked.wanted
        answer, backed = "", False
        for piece in (
            self._talking(self.reads.prompt(conversation, question), clock)
            if talk
            else self._stated(looked.result, question, looked)
        ):
            clock.start()
            answer += piece.text
            backed = backed or piece.backed
            yield piece
        answer = answer.strip()
        outcome = "fact" if backed else "talk" if talk else "nothing"
        value = looked.value if backed else answer if talk else ""
        conversation.add(question, answer, said=value if backed else "")
        yield Done(
            answer, looked.reads, clock.evaluated, clock.generated, clock.total(), clock.first or clock.total(),
            style="grounded", backed=backed, outcome=outcome, value=value, sources=looked.chosen,
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
        said, value = self._worded(question, values, looked.chosen)
        looked.value = value or looked.value
        yield Text(said, backed=True)

    def _grounded(self, question: str, found: Pointed, before: Sequence[str]) -> Iterator[Text]:
        if found.result is not None:
            values = list(dict.fromkeys(s.hit.value for s in found.sources))
            said, value = self._worded(question, values, found.sources)
        elif found.value:
            text = " ".join(f"{e.title} {e.heading} {e.said}" for e in found.evidence)
            said, value = worded(question, [found.value], text, of_documents=True)
        else:
            yield Text(nothing_but(self.looker.waiting(question, before, self.options.within)))
            return
        found.value = value or found.value
        yield Text(said, backed=True)

    def _worded(self, question: str, values: list[str], sources: Sequence[Source]) -> tuple[str, str]:
        """Values of facts in a sentence, and the value alone."""
        snapshot, today = self.finder.memory.snapshot, day_or_today(self.finder.day)
        text = " ".join(called(s.hit.fact, snapshot) for s in sources if s.hit.fact.holds(today))
        return worded(question, values, text)

    def _talking(self, context: list[int], clock: Clock) -> Iterator[Text]:
        """The model's own words to what asks for nothing."""
        context = context[-(self.engine.context - self.options.most_tokens - 1) :]
        clock.evaluated += self.engine.load(0, context)
        generator = np.random.default_rng(self.options.seed)
        decoder = CallDecoder()
        utf8 = codecs.getincrementaldecoder("utf-8")(errors="replace")
        forbidden = (self.format.opening,) if isinstance(self.format, Trained) else ()
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
