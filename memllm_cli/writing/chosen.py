"""A trained model as a writer of documents: choosing among the drafts, or freely."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace

from memllm_cli.calibration.choice import Combination
from memllm_cli.memory.values.literals import ENTITY, fits
from memllm_cli.memory.values.relations import Relations
from memllm_cli.protocol import written
from memllm_cli.types import Document, Triple
from memllm_cli.writing.drafts import WORTH, Drafts, Found
from memllm_cli.writing.sentences import Meter
from memllm_cli.writing.stream import CONTEXT, LONGEST, StreamWriter, Writing, Wrote
from memllm_cli.writing.together import Job, Lane, together

SEQUENCES = 8
"""Windows of a document that are read together."""
LOOKED = 0.2
"""Drafts that are less probable are not shown to the model: it would not make facts of them, and they are many."""
TEXT = LONGEST // 2
"""Tokens of text in a window, before any call."""


class Chosen:
    """The drafter proposes, the trained model chooses; a fact's probability comes from both."""

    least = WORTH

    def __init__(self, writer: StreamWriter, drafts: Drafts, combination: Combination) -> None:
        self.writer, self.drafts, self.combination = writer, drafts, combination
        self.format = f"{Drafts.format}+{writer.format}"
        self.model = writer.engine.sha256
        self.fullest = combination.fullest
        self.meter = Meter()

    def read(self, document: Document) -> Generator[int, None, tuple[Found, ...]]:
        """Yield how many sentences are done, return what was found."""
        found, scored = yield from self.scored(document)
        return tuple(sorted((self._together(f, scored) for f in found), key=lambda f: -f.probability))

    def scored(
        self, document: Document
    ) -> Generator[int, None, tuple[tuple[Found, ...], Mapping[tuple[str, str, str], Wrote]]]:
        """The drafts, and what the model wrote for each way of saying one."""
        began = time.perf_counter()
        reading = self.drafts.read(document)
        while True:
            try:
                next(reading)
            except StopIteration as end:
                found: tuple[Found, ...] = end.value
                break
        said = [(t, max(f.sentences)) for f in found for t, p in sorted(f.said, key=lambda way: -way[1]) if p >= LOOKED]
        by_sentence: list[list[tuple[int, Triple]]] = [[] for _ in document.sentences]
        for number, (triple, sentence) in enumerate(said):
            by_sentence[sentence].append((number, triple))
        jobs = [
            _job(self.writer, document, range_, by_sentence)
            for range_ in _windows(self.writer, document)
            if any(by_sentence[i] for i in range_)
        ]
        scored: dict[tuple[str, str, str], Wrote] = {}
        for wrote in _counted(self.writer, jobs, self.meter):
            scored |= {_key(w.triple): w for w in wrote}
            yield max((w.sentence for w in wrote), default=0) + 1
        self.meter.sentences += len(document.sentences)
        self.meter.seconds += time.perf_counter() - began
        return found, scored

    def tokens(self, text: str) -> int:
        """How many tokens a text has for the model."""
        return len(self.writer.tokens(text))

    def close(self) -> None:
        """Give the memory back."""
        self.drafts.close()
        self.writer.engine.close()

    def _together(self, found: Found, scored: Mapping[tuple[str, str, str], Wrote]) -> Found:
        ways = []
        for triple, draft in found.said:
            wrote = scored.get(_key(triple))
            # what was not looked at (unlikely, one of too many, or of a monstrous sentence) stays unlikely
            ways.append((triple, self.combination.probability(draft, wrote) if wrote else min(draft, LOOKED)))
        best = round(max(p for _, p in ways), 4)
        sure = found.provable and best >= self.combination.threshold
        return replace(found, probability=best, sure=sure, said=tuple((t, round(p, 4)) for t, p in ways))


ALONE = 0.5
"""Score from which on what the model writes without drafts is a fact. The scale is the model's own."""


class Free:
    """The trained model alone, under the constraint that names stand in the text."""

    least = 0.0

    def __init__(self, writer: StreamWriter, relations: Relations, threshold: float = ALONE) -> None:
        self.writer, self.relations, self.threshold = writer, relations, threshold
        self.format = writer.format
        self.model = writer.engine.sha256
        self.meter = Meter()

    def read(self, document: Document) -> Generator[int, None, tuple[Found, ...]]:
        """Yield how many sentences are done, return what was written."""
        began = time.perf_counter()
        jobs = [_job(self.writer, document, range_, None) for range_ in _windows(self.writer, document)]
        best: dict[tuple[str, str, str], Found] = {}
        for wrote in _counted(self.writer, jobs, self.meter):
            for w in wrote:
                self._add(best, document, w)
            yield max((w.sentence for w in wrote), default=0) + 1
        self.meter.sentences += len(document.sentences)
        self.meter.seconds += time.perf_counter() - began
        return tuple(best.values())

    def tokens(self, text: str) -> int:
        """How many tokens a text has for the model."""
        return len(self.writer.tokens(text))

    def close(self) -> None:
        """Give the memory back."""
        self.writer.engine.close()

    def _add(self, best: dict[tuple[str, str, str], Found], document: Document, wrote: Wrote) -> None:
        said = replace(
            wrote.triple,
            subject=_as_written(document, wrote.sentence, wrote.triple.subject),
            object=_as_written(document, wrote.sentence, wrote.triple.object),
        )
        relation, flipped = self.relations.get(said.relation)
        head, tail = (said.object, said.subject) if flipped else (said.subject, said.object)
        probability = round(math.exp((wrote.relation + wrote.rest) / 2), 4)
        readable = relation.object_type == ENTITY or fits(tail, relation.object_type)
        key = (head.casefold(), relation.name, tail.casefold())
        known = best.get(key)
        sentences = tuple(sorted({wrote.sentence, *(known.sentences if known else ())}))
        probability = max(probability, known.probability if known else 0.0)
        best[key] = Found(
            Triple(head, relation.name, tail), sentences, probability, readable and probability >= self.threshold,
            (*(known.said if known else ()), (said, probability)),
        )  # fmt: skip


def scores_of(chosen: Chosen, document: Document) -> Iterator[tuple[Triple, tuple[float, ...]]]:
    """Every way a draft of a document was said, with the features of its probability, for fitting."""
    reading = chosen.scored(document)
    while True:
        try:
            next(reading)
        except StopIteration as end:
            found, scored = end.value
            break
    for f in found:
        for triple, draft in f.said:
            if (wrote := scored.get(_key(triple))) is not None:
                yield triple, Combination.features(draft, wrote)


def spoken(relations: Relations) -> list[str]:
    """How relations are written: by name, and those that are annotated from both sides by their inverse too."""
    table = relations.by_id.values()
    return [*(r.name for r in table), *(r.inverse for r in table if "|" in r.external)]


def _key(triple: Triple) -> tuple[str, str, str]:
    return triple.subject.casefold(), triple.relation, triple.object.casefold()


def _windows(writer: StreamWriter, document: Document) -> Iterator[range]:
    """Sentences that are read in one go: so many that there is as much room for calls as for text."""
    start, size = 0, 0
    for i in range(len(document.sentences)):
        length = len(writer.tokens(written.sentence(document.sentence(i))))
        if i > start and size + length > TEXT:
            yield range(start, i)
            start, size = i, 0
        size += length
    if start < len(document.sentences):
        yield range(start, len(document.sentences))


def _job(
    writer: StreamWriter, document: Document, range_: range, drafts: Sequence[Sequence[tuple[int, Triple]]] | None
) -> Job[list[Wrote]]:
    def job(lane: Lane) -> Writing:
        before = [document.sentence(i) for i in range(max(0, range_.start - CONTEXT), range_.start)]
        sentences = [(i, document.sentence(i)) for i in range_]
        return writer.window(lane, document.title, before, sentences, drafts and [drafts[i] for i in range_])

    return job


def _counted(writer: StreamWriter, jobs: Sequence[Job[list[Wrote]]], meter: Meter) -> Iterator[list[Wrote]]:
    def count(tokens: int) -> None:
        meter.tokens += tokens

    return together(writer.engine, jobs, count)


def _as_written(document: Document, sentence: int, name: str) -> str:
    """A name as it stands in the text, whose spaces the model does not see."""
    for text in (document.sentence(sentence), document.text):
        if (place := written.located(text, name)) is not None:
            return text[slice(*place)]
    return name
