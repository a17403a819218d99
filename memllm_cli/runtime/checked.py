"""The drafter, and the trained model's word on each fact: how likely it would write it from the sentences shown for it.

The drafter reads everything and is fast; it also finds what holds in the world and is not said. The model sees nothing
but the evidence.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from memllm_cli.drafting.probability import chance
from memllm_cli.errors import DamagedError
from memllm_cli.protocol import written
from memllm_cli.runtime.stream import StreamWriter
from memllm_cli.runtime.together import Job, Lane, together
from memllm_cli.runtime.write import Meter
from memllm_cli.runtime.writers import WORTH, Drafts, Found
from memllm_cli.types import Document, Triple

FORMAT = "check-1"
FEATURES = ("one", "draft", "all", "relation", "close")
LOOKED = 0.5
"""Probability of a draft from which on the model is asked."""
EVIDENCE, TITLE = 256, 64
"""Tokens of evidence, and of the document's title, that the model is shown."""


@dataclass(frozen=True, slots=True)
class Support:
    """What the model makes of a triple after its evidence, in nats: the mean of all its tokens, those of its relation
    together, and how likely there is nothing to write."""

    all: float
    relation: float
    close: float


@dataclass(frozen=True, slots=True)
class Check:
    """A fact's probability from that of its draft and its support: a logistic regression fitted on judged facts.

    From `threshold` on eight in ten of those were right.
    """

    weights: tuple[float, ...]
    threshold: float

    @staticmethod
    def features(draft: float, support: Support) -> tuple[float, ...]:
        """One for each of `FEATURES`."""
        p = min(max(draft, 1e-3), 1 - 1e-3)
        bounded = (max(support.all, -8.0), max(support.relation, -12.0), max(support.close, -12.0))
        return 1.0, math.log(p / (1 - p)), *bounded

    def probability(self, draft: float, support: Support) -> float:
        """Between 0 and 1."""
        return chance(self.weights, self.features(draft, support))


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


def read_check(path: Path) -> Check | None:
    """What was fitted for an adapter, in its configuration; None when nothing was. Raises DamagedError."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8")).get("combination", {}).get(FORMAT)
        if raw is None:
            return None
        weights = tuple(float(w) for w in raw["weights"])
        if len(weights) != len(FEATURES):
            raise ValueError("its check has another number of weights")
        return Check(weights, float(raw["threshold"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedError(f"{path} cannot be used: {error}", "Train it again: memllm train --help") from error


def rated(
    writer: StreamWriter, rows: Sequence[tuple[str, Triple, Sequence[str], float]]
) -> Iterator[tuple[float, ...]]:
    """The features of judged facts: title, triple, sentences, probability of the draft. For fitting."""
    for title, triple, sentences, draft in rows:
        (support,) = supports(writer, title, [(triple, sentences)])
        yield Check.features(draft, support)
