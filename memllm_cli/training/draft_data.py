"""Annotated texts as examples for the drafter, and batches of them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from memllm_cli.corpora.annotated import Annotated
from memllm_cli.drafting.heads import Place
from memllm_cli.drafting.layout import Window, windows
from memllm_cli.pieces import SHAPES, Vocabulary
from memllm_cli.types import KINDS

UNKNOWN = -100
"""Tag of a token that no loss is taken of."""
_PERHAPS = {i: UNKNOWN for i, name in enumerate(SHAPES) if name not in ("lower", "mark", "special")}
"""Where not all names are marked, what is written in lower case is none, and of the rest nothing is known."""


@dataclass(frozen=True, slots=True)
class Example:
    """One window of an annotated text.

    `names` holds for each thing its mentions by surface (lower case); `labels` are (head, relation, tail, evidence
    sentences), relations by index; `known` the indices of relations that are annotated in full.
    """

    text: str
    window: Window
    tags: tuple[int, ...]
    names: tuple[Mapping[str, tuple[Place, ...]], ...]
    labels: tuple[tuple[int, int, int, tuple[int, ...]], ...]
    known: frozenset[int]
    unsure: tuple[tuple[int, int, int], ...] = ()
    """(head, relation, tail) of which no loss is taken."""


def examples(text: Annotated, vocabulary: Vocabulary, relations: Mapping[str, int]) -> Iterator[Example]:
    """The windows of a text. `relations` gives indices by external id; labels of others are left out."""
    for window in windows(text.text, text.sentences, vocabulary):
        tags = [0 if text.all_names else _PERHAPS.get(shape, 0) for shape in window.shapes]
        names: list[Mapping[str, tuple[Place, ...]]] = []
        for name in text.names:
            by_surface: dict[str, list[Place]] = {}
            for mention in name.mentions:
                place = window.place(mention.start, mention.end)
                if place is None:
                    continue
                surface = normal(text.text[mention.start : mention.end])
                by_surface.setdefault(surface, []).append(place)
                if name.kind and not any(t > 0 for t in tags[place.start : place.end]):
                    kind = 1 + 2 * KINDS.index(name.kind)
                    tags[place.start : place.end] = [kind, *[kind + 1] * (place.end - place.start - 1)]
            names.append({s: tuple(p) for s, p in by_surface.items()})
        labels = [
            (label.head, relations[label.relation], label.tail, label.evidence)
            for label in text.labels
            if label.relation in relations and names[label.head] and names[label.tail]
        ]
        known = frozenset(relations[r] for r in text.exhaustive if r in relations)
        unsure = tuple((x.head, relations[x.relation], x.tail) for x in text.unsure if x.relation in relations)
        yield Example(text.text, window, tuple(tags), tuple(names), tuple(labels), known, unsure)


def normal(surface: str) -> str:
    """How names are compared: letter case and white space aside."""
    return " ".join(surface.lower().split())


@dataclass(frozen=True, slots=True)
class Batch:
    """Padded tensors (texts, tokens) of some examples."""

    examples: tuple[Example, ...]
    ids: Tensor
    shapes: Tensor
    first: Tensor
    mask: Tensor
    tags: Tensor


def batch(chosen: Sequence[Example], device: torch.device) -> Batch:
    """Pad examples to the longest."""
    length = max(len(e.window.ids) for e in chosen)

    def padded(rows: Sequence[Sequence[int]], value: int) -> Tensor:
        return torch.tensor([[*row, *[value] * (length - len(row))] for row in rows], device=device)

    windows_ = [e.window for e in chosen]
    return Batch(
        tuple(chosen),
        padded([w.ids for w in windows_], 0),
        padded([w.shapes for w in windows_], SHAPES.index("special")),
        padded([w.first for w in windows_], 0),
        padded([[1] * len(w.ids) for w in windows_], 0),
        padded([e.tags for e in chosen], UNKNOWN),
    )


def batches(pool: Sequence[Example], size: int, seed: int, epoch: int) -> list[list[Example]]:
    """All examples once, in an order that seed and epoch decide, those of like length together."""
    rng = random.Random(f"{seed}/{epoch}")
    order = list(pool)
    rng.shuffle(order)
    out = []
    for start in range(0, len(order), 12 * size):
        bucket = sorted(order[start : start + 12 * size], key=lambda e: len(e.window.ids))
        out += [bucket[i : i + size] for i in range(0, len(bucket), size)]
    rng.shuffle(out)
    return out
