"""Annotated texts as streams for the writer: sentences, each followed by the call about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from memllm_cli.corpora.annotated import Annotated, Label
from memllm_cli.corpora.docred import RELATIONS
from memllm_cli.memory.values.relations import Relation
from memllm_cli.protocol import is_field, written
from memllm_cli.training.streams import Stream, Tokenize
from memllm_cli.types import Triple

LONGEST = 768
"""Tokens of a window."""
CONTEXT = 2
"""Sentences of the window before that are read again."""


@dataclass(frozen=True, slots=True)
class Told:
    """A sentence, the triples it states, and whether it may state more that is known to hold.

    The triples stand in the order of their later name. `open` sentences teach nothing about closing the call.
    """

    text: str
    triples: tuple[Triple, ...]
    open: bool


def told(text: Annotated, names: Mapping[str, str]) -> list[Told]:
    """What each sentence states. `names` gives relations' names by external id; others are left out.

    A triple belongs to the first sentence of its evidence that has one of its names while the other has been named by
    then; without such evidence to the first sentence that has both. One that has neither is not taught: no sentence
    states it (MemLLM, section 3.2: only what the text supports is taught). Sentences with names that may be related are
    open, and all those of a text in which not all of DocRED's relations are marked in full.
    """
    count = len(text.sentences)
    inside = [{m.sentence for m in name.mentions} for name in text.names]
    found: list[list[tuple[tuple[int, int], Triple]]] = [[] for _ in range(count)]
    open_ = [False] * count
    for label in text.labels:
        if label.relation not in names or not (inside[label.head] and inside[label.tail]):
            continue
        place = _place(label, inside)
        if place is None:  # no sentence states it, so every sentence may be closed without it
            continue
        head, tail = _mention(text, label.head, place), _mention(text, label.tail, place)
        triple = Triple(text.text[slice(*head)], names[label.relation], text.text[slice(*tail)])
        if not (is_field(triple.subject) and is_field(triple.object)):
            open_[place] = True
        elif triple.subject.casefold() != triple.object.casefold():
            found[place].append(((max(head[0], tail[0]), min(head[0], tail[0])), triple))
    for unsure in text.unsure:
        for i in inside[unsure.head] | inside[unsure.tail]:
            open_[i] = True
    complete = text.exhaustive >= RELATIONS
    out = []
    for (start, end), triples, more in zip(text.sentences, found, open_, strict=True):
        ordered = tuple(dict.fromkeys(t for _, t in sorted(triples, key=lambda item: item[0])))
        out.append(Told(text.text[start:end], ordered, more or not complete))
    return out


def _place(label: Label, inside: Sequence[set[int]]) -> int | None:
    head, tail = inside[label.head], inside[label.tail]
    for i in sorted(label.evidence, reverse=len(label.evidence) == 2 and not set(label.evidence) & head & tail):
        if (i in head or i in tail) and min(head) <= i and min(tail) <= i:
            return i
    return min(head & tail, default=None)


def _mention(text: Annotated, name: int, sentence: int) -> tuple[int, int]:
    """Where a name stands: in the sentence, or the nearest place before it."""
    mentions = text.names[name].mentions
    here = [m for m in mentions if m.sentence == sentence] or [m for m in mentions if m.sentence < sentence][-1:]
    best = max(here or mentions[:1], key=lambda m: m.end - m.start)
    return best.start, best.end


def streams(
    title: str, sentences: Sequence[Told], tokenize: Tokenize, start: Sequence[int], longest: int = LONGEST
) -> Iterator[Stream]:
    """Windows of at most `longest` tokens; each after the first repeats the last sentences, without their calls.

    `start` is what every sequence begins with. A sentence that does not fit a window is left out.
    """
    head = [*start, *tokenize(written.header(title))]
    ids: list[int] = list(head)
    weights = [0.0] * len(ids)
    triples = 0
    before: list[list[int]] = []
    for one in sentences:
        plain = list(tokenize(written.sentence(one.text)))
        called, counts = _call(one, tokenize)
        if len(ids) + len(plain) + len(called) > longest:
            if any(weights):
                yield Stream(tuple(ids), tuple(weights), triples)
            ids = [*head, *(t for s in before for t in s)]
            weights, triples = [0.0] * len(ids), 0
            if len(ids) + len(plain) + len(called) > longest:
                continue
        ids += [*plain, *called]
        weights += [0.0] * len(plain) + counts
        triples += len(one.triples)
        before = [s for s in [*before, plain] if len(s) <= longest // 4][-CONTEXT:]
    if any(weights):
        yield Stream(tuple(ids), tuple(weights), triples)


def _call(one: Told, tokenize: Tokenize) -> tuple[list[int], list[float]]:
    """Tokens of a call and their weights: the opening is forced, and an open call does not teach its end."""
    pieces = written.call(one.triples)
    ids: list[int] = []
    weights: list[float] = []
    for i, piece in enumerate(pieces):
        tokens = list(tokenize(piece))
        free = i > 0 and not (one.open and i == len(pieces) - 1)
        ids += tokens
        weights += [1.0 if free else 0.0] * len(tokens)
    return ids, weights


def names(table: Sequence[Relation]) -> dict[str, str]:
    """How relations are written, by external id; a second id of a row is its other direction."""
    out: dict[str, str] = {}
    for relation in table:
        first, *others = relation.external.split("|")
        out[first] = relation.name
        out.update(dict.fromkeys(others, relation.inverse))
    out.pop("", None)
    return out


def prepare(
    texts: Sequence[Annotated], table: Sequence[Relation], tokenize: Tokenize, start: Sequence[int]
) -> list[Stream]:
    """The streams of texts."""
    by_id = names(table)
    return [stream for text in texts for stream in streams(text.title, told(text, by_id), tokenize, start)]


def shown(title: str, sentences: Sequence[Told]) -> str:
    """A text as the writer sees it, its calls in it."""
    parts = [written.sentence(s.text) + "".join(written.call(s.triples)) for s in sentences]
    return written.header(title) + "".join(parts)
