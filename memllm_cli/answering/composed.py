"""A text that a person asks for, in a model's words: what is read for it while it is written, and where that stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from memllm_cli.answering.followup import of_topic
from memllm_cli.answering.looking import Looker
from memllm_cli.answering.options import Options
from memllm_cli.answering.pointed import Pointed, Pointing
from memllm_cli.composing.compose import Answered, Composed, Composer
from memllm_cli.engine.base import Engine
from memllm_cli.memory.edit.evidence import Evidence
from memllm_cli.prompts import Message
from memllm_cli.reading.clock import Clock
from memllm_cli.reading.events import Begun, Done, Event, Source, TextCall, TextResult
from memllm_cli.reading.reads import Conversation, Reading, Reads
from memllm_cli.reading.values import best, join

NOTES = 2
"""Passages that a model is shown before it writes."""


class Answering(Protocol):
    """What a text is written with, as in `answer.Answerer`."""

    looker: Looker
    options: Options

    @property
    def pointing(self) -> Pointing | None:
        """What points at answers."""

    @property
    def engine(self) -> Engine:
        """The model that writes."""

    @property
    def reads(self) -> Reads:
        """Its own reads, where nothing points at answers."""


def composed(answerer: Answering, request: str, conversation: Conversation) -> Iterator[Event]:
    """Write what is asked for; the last event is `Done`. Adds the turn to the conversation when it is complete."""
    clock, out, options = Clock(), Composed(), answerer.options
    asked = Conversation([*conversation.messages, Message("user", request)])
    yield Begun()
    notes, places, opening = _notes(answerer, request)
    yield from opening
    sources: list[Source] = []
    evidence: list[Evidence] = []

    def look(question: str, own: str, answered: Answered) -> Iterator[Event]:
        if (pointing := answerer.pointing) is not None:
            found = Pointed()
            question = of_topic(question, request, answerer.looker.linker)
            told = pointing.told(question, options.within)
            yield from pointing.find(question, asked, options.within, found, told, own)
            clock.evaluated += found.tokens
            sources.extend(found.sources)
            evidence.extend(found.evidence)
            answered.value = found.value
            return
        looked = Reading()
        yield from answerer.reads.forced(question, asked, clock, looked)
        if looked.result is not None and looked.result.sources:
            chosen = best(looked.result)
            sources.extend(chosen)
            answered.value = join([s.hit.value for s in chosen])

    composer = Composer(answerer.engine, options.most_tokens, options.temperature, options.seed)
    yield from composer.write(request, conversation.messages, notes, look, clock, out)
    said = out.said.strip()
    conversation.add(request, said)
    yield Done(
        said, len(out.read) + len(out.missing), clock.evaluated, clock.generated, clock.total(),
        clock.first or clock.total(), style="free", backed=bool(out.read),
        outcome="fact" if sources else "text" if evidence else "talk", value=said, sources=tuple(sources),
        evidence=tuple(evidence), values=tuple((v, q) for q, v in out.read),
        missing=tuple(out.missing), doubted=tuple(out.doubted), noted=tuple((name, places[n]) for name, n in out.noted),
    )  # fmt: skip


def _notes(answerer: Answering, request: str) -> tuple[list[str], Sequence[Evidence], list[Event]]:
    """What documents say that the request has words of, and the events of that search."""
    found = answerer.looker.texts.search(request, NOTES, answerer.options.within)
    if not found:
        return [], (), []
    spots = [(f.document, *f.passage.source(0, len(f.passage.text))) for f in found]
    places = answerer.looker.finder.memory.evidence_at(spots)
    notes = [" ".join(f"{f.passage.lead}: {f.passage.text}".split()) for f in found]
    return notes, places, [TextCall(request), TextResult(tuple(places), ())]
