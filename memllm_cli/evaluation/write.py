"""Writing: triples found in annotated documents against those annotated, document by document."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from memllm_cli.corpora.annotated import Annotated
from memllm_cli.corpora.score import Found as Triple
from memllm_cli.corpora.score import Score, judged, score
from memllm_cli.drafting.layout import Window
from memllm_cli.drafting.names import Mention
from memllm_cli.memory.values.relations import Relations
from memllm_cli.types import Document, Sentence
from memllm_cli.types import Triple as Statement
from memllm_cli.writing.drafts import DocumentWriter, Found, GoldNames

LOCATION = frozenset({"P131", "P17"})
"""The two relations that make up more than a third of Re-DocRED."""
BINS = 10


@dataclass(slots=True)
class Run:
    """What a writer found in some documents."""

    texts: list[Annotated] = field(default_factory=list)
    found: list[list[tuple[Triple, float]]] = field(default_factory=list)
    """For each document triples by external id, with their probabilities."""
    seconds: float = 0.0
    malformed: int = 0

    def at(self, least: float) -> list[set[Triple]]:
        """Triples that are at least so probable."""
        return [{t for t, p in triples if p >= least} for triples in self.found]

    def score(self, least: float = 0.0, without: frozenset[str] = frozenset()) -> Score:
        """Against what is annotated."""
        return score(self.texts, self.at(least), without)


def run(
    writer: DocumentWriter, relations: Relations, texts: Sequence[Annotated], progress: Callable[[int], None]
) -> Run:
    """Let a writer read each document as it would read a file."""
    out = Run()
    for i, text in enumerate(texts):
        began = time.perf_counter()
        found = finished(writer.read(document(text)))
        out.seconds += time.perf_counter() - began
        out.texts.append(text)
        out.found.append([(triple, p) for f in found for triple, p in external(f, relations)])
        progress(i + 1)
    return out


def document(text: Annotated) -> Document:
    """An annotated text as a document."""
    sentences = tuple(Sentence(start, end, i + 1) for i, (start, end) in enumerate(text.sentences))
    return Document(f"corpus:{text.title}", text.title, "text/plain", "", text.text, sentences)


def gold_names(texts: Sequence[Annotated]) -> GoldNames:
    """The annotated names of the documents in a window, by thing."""
    by_text = {t.text: t for t in texts}  # titles repeat

    def names(document: Document, window: Window) -> list[list[Mention]]:
        out = []
        for name in by_text[document.text].names:
            places = [(m, window.place(m.start, m.end)) for m in name.mentions]
            group = [Mention(m.start, m.end, name.kind, place) for m, place in places if place]
            if group:
                out.append(group)
        return out

    return names


def finished(reading: Iterator[int]) -> tuple[Found, ...]:
    """What a writer returns at the end."""
    while True:
        try:
            next(reading)
        except StopIteration as end:
            found: tuple[Found, ...] = end.value
            return found


def external(found: Found, relations: Relations) -> Iterator[tuple[Triple, float]]:
    """The ways a triple was said, with external ids. Nothing is derived: a side that was not told does not count."""
    for said, probability in found.said or ((found.triple, found.probability),):
        yield as_external(said, relations), probability


def as_external(said: Statement, relations: Relations) -> Triple:
    """A triple with its relation's external id, from the side it is annotated from."""
    relation, flipped = relations.get(said.relation)
    ids = relation.external.split("|")
    if flipped and len(ids) == 1:
        return said.object, ids[0], said.subject
    return said.subject, ids[1 if flipped else 0], said.object


def figures(result: Run, least: float, seed: int = 0) -> dict[str, Any]:
    """The figures of a run for triples at least so probable, shares in percent."""
    all_ = result.score(least)
    other = result.score(least, LOCATION)
    low, high = all_.interval(seed)
    count = max(1, len(result.texts))
    return {
        "documents": len(result.texts),
        "precision": _percent(all_.micro.precision),
        "recall": _percent(all_.micro.recall),
        "f1": _percent(all_.micro.f1),
        "f1_interval": [_percent(low), _percent(high)],
        "macro_f1": _percent(all_.macro_f1),
        "without_locations": {"f1": _percent(other.micro.f1), "macro_f1": _percent(other.macro_f1)},
        "malformed": result.malformed,
        "triples_per_document": round(sum(map(len, result.at(least))) / count, 1),
        "documents_per_minute": round(60 * count / max(1e-9, result.seconds), 1),
        "errors": dict(all_.errors.most_common()),
        "least_probability": round(least, 4),
    }


def apart(result: Run, least: float, relations: frozenset[str]) -> dict[str, float]:
    """Precision, recall and F1 of some relations alone, in percent."""
    others = frozenset(x.relation for text in result.texts for x in text.labels)
    others |= {t[1] for found in result.found for t, _ in found}
    micro = result.score(least, others - relations).micro
    return {"precision": _percent(micro.precision), "recall": _percent(micro.recall), "f1": _percent(micro.f1)}


def calibration(result: Run) -> list[dict[str, float]]:
    """For tenths of probability: how many triples, what they were given and how many of them are right."""
    rows = []
    all_ = judged(result.texts, result.found)
    for i in range(BINS):
        inside = [(p, ok) for p, ok in all_ if i / BINS <= p < (i + 1) / BINS or (i == BINS - 1 and p == 1)]
        if inside:
            rows.append(
                {
                    "from": i / BINS,
                    "count": len(inside),
                    "given": round(sum(p for p, _ in inside) / len(inside), 3),
                    "right": round(sum(ok for _, ok in inside) / len(inside), 3),
                }
            )
    return rows


def _percent(share: float) -> float:
    return round(100 * share, 1)
