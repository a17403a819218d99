"""The drafter, and the trained model's word on each fact: how likely it would write it from the sentences shown for it.

The drafter reads everything and is fast; it also finds what holds in the world and is not said. The model sees nothing
but the evidence.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace

from memllm_cli.calibration.check import FORMAT, Check, Support
from memllm_cli.protocol import written
from memllm_cli.types import Document, Triple
from memllm_cli.writing.drafts import WORTH, Drafts, Found
from memllm_cli.writing.sentences import Meter
from memllm_cli.writing.stream import StreamWriter
from memllm_cli.writing.together import Job, Lane, together

LOOKED = 0.5
"""Probability of a draft from which on the model is asked."""
EVIDENCE, TITLE = 256, 64
"""Tokens of evidence, and of the document's title, that the model is shown."""


class Checked:
    """The drafter proposes from whole documents; what it is sure of is a fact when the model supports it too."""

    least = WORTH

    def __init__(self, writer: StreamWriter, drafts: Drafts, check: Check) -> None:
        self.writer, self.drafts, self.check = writer, drafts, check
        self.format = f"{Drafts.format}+{FORMAT}"
        self.model = writer.engine.sha256
        self.fullest = drafts.fullest
        self.meter = Meter()

    def read(self, document: Document) -> Generator[int, None, tuple[Found, ...]]:
        """Yield how many sentences are done, return what was found."""
        began = time.perf_counter()
        found = yield from self.drafts.read(document)
        asked = [f for f in found if f.provable and f.probability >= LOOKED]
        given = [(f.triple, [document.sentence(i) for i in sorted(f.sentences)]) for f in asked]
        supported = dict(zip(map(id, asked), supports(self.writer, document.title, given, self.meter), strict=True))
        out = [self._judged(f, supported.get(id(f))) for f in found]
        self.meter.sentences += len(document.sentences)
        self.meter.tokens += self.drafts.drafter.tokens
        self.meter.seconds += time.perf_counter() - began
        return tuple(sorted(out, key=lambda f: -f.probability))

    def tokens(self, text: str) -> int:
        """How many tokens a text has for the drafter, which reads all of it."""
        return self.drafts.tokens(text)

    def close(self) -> None:
        """Give the memory back."""
        self.drafts.close()
        self.writer.engine.close()

    def _judged(self, found: Found, support: Support | None) -> Found:
        if support is None:
            return replace(found, sure=False)
        p = round(self.check.probability(found.probability, support), 4)
        return replace(found, probability=p, sure=p >= self.check.threshold)


def supports(
    writer: StreamWriter, title: str, given: Sequence[tuple[Triple, Sequence[str]]], meter: Meter | None = None
) -> list[Support]:
    """What the model makes of each triple after its sentences; those with the same evidence are read together."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for i, (_, sentences) in enumerate(given):
        groups.setdefault(tuple(sentences), []).append(i)
    out: dict[int, Support] = {}

    def count(tokens: int) -> None:
        if meter is not None:
            meter.tokens += tokens

    jobs = (_job(writer, title, sentences, [(i, given[i][0]) for i in of]) for sentences, of in groups.items())
    for done in together(writer.engine, jobs, count):
        out |= done
    return [out[i] for i in range(len(given))]


def _job(
    writer: StreamWriter, title: str, sentences: Sequence[str], triples: Sequence[tuple[int, Triple]]
) -> Job[dict[int, Support]]:
    tokens = writer.tokens
    close = tokens(written.STYLE.close)[0]

    def job(lane: Lane) -> Generator[list[int], None, dict[int, Support]]:
        head = [*writer.engine.bos(), *tokens(written.header(title))[:TITLE]]
        text = [t for s in sentences for t in tokens(written.sentence(s))][:EVIDENCE]
        *before, last = [*head, *text, *tokens(written.STYLE.opening)]
        yield before
        base = lane.length
        out: dict[int, Support] = {}
        for i, triple in triples:
            lane.rewind(base)
            yield [last]
            nothing = float(lane.pick([close])[0])
            took: list[float] = []
            relation = 0.0
            ids = [(place, t) for place, piece in enumerate(written.item(triple)) for t in tokens(piece)]
            for n, (place, token) in enumerate(ids):
                likely = float(lane.pick([token])[0])
                took.append(likely)
                relation += likely if place == RELATION else 0.0
                if n + 1 < len(ids):
                    yield [token]
            out[i] = Support(sum(took) / len(took), relation, nothing)
        return out

    return job


RELATION = 2
"""Which piece of a triple is its relation."""


def rated(
    writer: StreamWriter, rows: Sequence[tuple[str, Triple, Sequence[str], float]]
) -> Iterator[tuple[float, ...]]:
    """The features of judged facts: title, triple, sentences, probability of the draft. For fitting."""
    for title, triple, sentences, draft in rows:
        (support,) = supports(writer, title, [(triple, sentences)])
        yield Check.features(draft, support)
