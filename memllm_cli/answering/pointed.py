"""Looks for what answers a question and lets the pointer say which of it does, in which words: a fact, or a text."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from memllm_cli.answering.deciding import Answer, Decider, differing
from memllm_cli.answering.followup import in_full
from memllm_cli.answering.looking import Looked, Looker
from memllm_cli.answering.options import Options
from memllm_cli.answering.person import of_person
from memllm_cli.answering.told import retracted, side, surest
from memllm_cli.answering.told import told as told_fact
from memllm_cli.memory.edit.evidence import Evidence
from memllm_cli.memory.history.facts import Fact
from memllm_cli.memory.search.find import Finder
from memllm_cli.reading.events import Event, ReadCall, ReadResult, Source, TextCall, TextResult
from memllm_cli.reading.reads import Conversation, FactReads
from memllm_cli.reading.standing import shown_of, stated_in
from memllm_cli.reading.values import best, join, says
from memllm_cli.types import Query

NEAR = 0.2
"""Probability from which on an answer, too unsure to be given, shows that something is asked of memory."""
FAINT = 0.05
"""Probability below which a sentence is not shown beside others."""
SHOWN = 4
"""Sentences of documents that are shown beside an answer, or in its place."""


@dataclass(slots=True)
class Pointed:
    """What the pointer came to: the answer with its value, the facts or the sentences that carry it, how many reads it
    took, and what another document says instead."""

    answer: Answer | None = None
    value: str = ""
    sources: tuple[Source, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    result: ReadResult | None = None
    otherwise: tuple[str, Evidence] | None = None
    reads: int = 0
    tokens: int = 0
    """Tokens that the pointer read."""
    asked: str = ""
    """The question in full, where it leaned on those before it."""

    @property
    def probability(self) -> float | None:
        """That the answer is right, where it was pointed at."""
        return self.answer.probability if self.answer is not None else None


class Pointing:
    """Points at answers in one memory."""

    def __init__(self, finder: Finder, looker: Looker, decider: Decider, options: Options) -> None:
        self.finder, self.looker, self.decider, self.options = finder, looker, decider, options
        self.reader = FactReads(finder)

    def told(self, question: str, within: Collection[int] | None) -> Fact | None:
        """The fact that a person stated with a question like this one."""
        return told_fact(question, self.finder, self.looker.linker, within)

    def find(
        self,
        question: str,
        conversation: Conversation,
        within: Collection[int] | None,
        found: Pointed,
        told: Fact | None = None,
        own: str = "",
    ) -> Iterator[Event]:
        """The events of a search for what answers, in documents `within` (None: in all); what it came to is in `found`.

        `told` answers without a search. `own` is a word of the answer that another model was about to give: where two
        read the same, one need be less sure.
        """
        self.decider.pointer.tokens = 0
        if told is not None:
            yield from self._read(side(told, self.finder.memory.snapshot, question), told, within, found)
        if not found.value:
            mine = of_person(question, self.options.person, self.looker.linker)
            yield from self._point(mine or question, conversation, within, found, own)
        if not found.value:
            yield from self._leaning(question, conversation, within, found, own)
        found.tokens += self.decider.pointer.tokens

    def _leaning(
        self, question: str, conversation: Conversation, within: Collection[int] | None, found: Pointed, own: str
    ) -> Iterator[Event]:
        """The question as it may lean on those before it; what it asked in full is in `found`."""
        ways = in_full(question, conversation.messages, self.looker.linker, conversation.asked, conversation.said)
        for full in ways:
            yield from self._point(full, conversation, within, found, own, conversation.said)
            if found.value:
                found.asked = full
                return
        found.asked = next((w for w in ways if not conversation.said or not w.startswith(conversation.said)), "")

    def _point(
        self,
        question: str,
        conversation: Conversation,
        within: Collection[int] | None,
        found: Pointed,
        own: str,
        but: str = "",
    ) -> Iterator[Event]:
        """The same for one way to mean it; an answer that says `but` is none."""
        least = self.decider.answering.least
        looked = self.looker.look(question, conversation.questions(), within)
        if looked.sure is not None and not (but and says(but, self._value(*looked.sure))):
            fact, answering_side = looked.sure
            subject, relation, object_ = self.finder.memory.snapshot.texts(fact)
            query = Query(subject, relation, None) if answering_side == "object" else Query(None, relation, object_)
            yield from self._read(query, fact, within, found)
            return
        texts = looked.texts
        if texts:
            yield TextCall(question)
        answers = self._answers(question, looked, but)
        chosen = surest(answers, least, self.finder)
        if chosen is None and looked.narrowed:
            looked = self.looker.look(question, conversation.questions(), within, wide=True)
            if looked.texts and not texts:
                yield TextCall(question)
            texts = looked.texts
            answers = self._answers(question, looked, but)
            chosen = surest(answers, least, self.finder)
        answers = [a for a in answers if not retracted(a, self.finder)]
        if chosen is None and own:
            chosen = next((a for a in answers if a.probability >= NEAR and says(a.value, own)), None)
        found.answer = chosen or (answers[0] if answers else None)
        if chosen is not None and chosen.query is not None and chosen.line is not None:
            yield from self._read(chosen.query, chosen.line.fact, within, found)
        spots = self._spots(answers, chosen if chosen is not None and chosen.query is None else None)
        said = len(chosen.spots) if chosen is not None and chosen.query is None else 0
        places = self.finder.memory.evidence_at([s for _, s in spots])
        answering = 0
        if chosen is not None and chosen.query is None:
            found.value, found.evidence = chosen.value, tuple(places[:said])
            answering = said
            other = differing(answers, chosen, least)
            if other is not None and other.spot is not None:
                where = self.finder.memory.evidence_at([other.spot])
                found.otherwise = (other.value, where[0]) if where else None
        if texts:
            yield TextResult(tuple(places), tuple(a.probability for a, _ in spots), answering)

    def _answers(self, question: str, looked: Looked, but: str) -> list[Answer]:
        answers = self.decider.answers(question, looked)
        return [a for a in answers if not (says(a.value, but) or says(but, a.value))] if but else answers

    def _value(self, fact: Fact, side: str) -> str:
        return self.finder.memory.snapshot.texts(fact)[2 if side == "object" else 0]

    def _spots(self, answers: list[Answer], chosen: Answer | None) -> list[tuple[Answer, tuple[int, int, int, int]]]:
        """The sentences to show, the one that answers first, each once."""
        out: dict[tuple[int, int, int], tuple[Answer, tuple[int, int, int, int]]] = {}
        own = [(chosen, s) for s in chosen.spots] if chosen is not None else []
        for answer, spot in own + [(a, s) for a in answers if (s := a.spot) is not None]:
            if not out or answer.probability >= FAINT or answer is chosen:
                out.setdefault(spot[:3], (answer, spot))
        return list(out.values())[: max(SHOWN, len(own))]

    def _read(self, query: Query, fact: Fact, within: Collection[int] | None, found: Pointed) -> Iterator[Event]:
        """Read what answers, of the documents that are asked; a grounded answer states the best of it.

        `fact` is what was pointed at: where a read returns it not, because of its names, it stands alone.
        """
        snapshot = self.finder.memory.snapshot
        yield ReadCall(query)
        result = self.reader.read(query)
        kept = tuple(s for s in result.sources if stated_in(s.hit.fact, snapshot, within))
        if fact.key not in {s.hit.fact.key for s in kept}:
            kept = self.reader.sources(query, [fact]).sources
        kept = tuple(replace(s, evidence=shown_of(s.evidence, within)) for s in kept)
        result = replace(result, sources=kept, too_many=False)
        found.reads += 1
        yield result
        found.sources = tuple(best(result))
        found.value, found.result = join([s.hit.value for s in found.sources]), result
        if fact.key not in {s.hit.fact.key for s in found.sources}:
            found.answer = None  # what outranks it has another probability
