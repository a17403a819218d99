"""Examples for the extractor: a window of a text, and in pieces what is to be found in it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from memllm_cli.corpora.statements import LEAD, Place, Said, Text
from memllm_cli.extracting.heads import FIELDS, FIXED, POINTERS, TRUTHS, WIDEST
from memllm_cli.extracting.layout import IN_LEAD, Line, Window, window
from memllm_cli.pieces import Vocabulary
from memllm_cli.training.extract_model import STYLES, Chosen, spread

Pieces = tuple[int, int]
NOT_SAID = (0, 0)


@dataclass(slots=True)
class Row:
    """What is to be said of an object, or of the words of a subject alone (object before 0). None is not known."""

    object: Pieces
    subject: Pieces
    relation: int
    pointers: dict[str, tuple[Pieces, ...]]
    fixed: int = -1
    known: int = -1
    truth: int = -1
    marks: tuple[bool, bool] | None = None


@dataclass(slots=True)
class Example:
    """A window with its rows."""

    window: Window
    style: int
    complete: bool
    rows: list[Row] = field(default_factory=list)


def example(text: Text, vocabulary: Vocabulary, rng: random.Random | None = None) -> list[Example]:
    """The windows of a text; with `rng` cut anywhere, and without lead or what stands before at times."""
    lead, before = text.lead, list(text.before)
    bounds = [0, len(text.sentences)]
    if rng is not None:
        lead = "" if rng.random() < 0.15 else lead
        before = [] if rng.random() < 0.4 else before[rng.randrange(len(before) + 1) :]
        many = rng.choice((0, 0, 1, 1, 2)) if len(text.sentences) > 2 else 0
        bounds = sorted({*bounds, *(rng.randrange(1, len(text.sentences)) for _ in range(many))})
    lines = [Line(lead, s) for s in (*before, *text.sentences)]
    out = []
    for a, b in pairwise(bounds):
        at = len(before) + a
        while at < len(before) + b:
            made = window(lines, at, len(before) + b, vocabulary)
            out.append(_example(text, made, len(before), bool(lead)))
            at = made.last
    return [e for e in out if e.rows or e.complete]


def _example(text: Text, made: Window, shift: int, lead: bool) -> Example:
    spans: dict[int, list[int]] = {}

    def pieces(place: Place) -> Pieces | None:
        if place.sentence == LEAD and not lead:
            return None
        number = IN_LEAD if place.sentence == LEAD else place.sentence + shift
        if number not in spans:
            spans[number] = [i for i, t in enumerate(made.tokens) if t.sentence == number]
        tokens = made.tokens
        inside = [i for i in spans[number] if tokens[i].start < place.end and tokens[i].end > place.start]
        return (inside[0], inside[-1]) if inside else None

    def several(places: Sequence[Place] | None) -> tuple[Pieces, ...] | None:
        if places is None:
            return None
        if not places:
            return (NOT_SAID,)
        return tuple(p for place in places if (p := pieces(place)) is not None) or None

    out = Example(made, STYLES.index(text.style), text.complete)
    together: dict[Pieces, list[tuple[Said, Row]]] = {}
    for said in text.said:
        at = pieces(said.object)
        number = said.object.sentence + shift
        if at is None or not made.first <= number < made.last or at[1] - at[0] >= WIDEST:
            continue
        own = {k: several(getattr(said, k)) for k in POINTERS if k != "name"}
        subject = (own["subject"] or (NOT_SAID,))[0]
        named = several(said.names)
        if said.names is not None and named is None:
            named = (subject,)
        pointers = {k: v for k, v in {**own, "name": named}.items() if v is not None}
        row = Row(
            at, subject, (own["relation"] or (NOT_SAID,))[0][0], pointers,
            FIXED.index(said.fixed) if said.fixed in FIXED else -1,
            FIELDS.index(said.known) if said.known is not None else -1,
            TRUTHS.index(said.truth) if said.truth is not None else -1, said.marks,
        )  # fmt: skip
        together.setdefault(at, []).append((said, row))
    for rows in together.values():
        for pointer in POINTERS[:-1]:
            every = tuple(dict.fromkeys(p for _, r in rows for p in r.pointers.get(pointer, ())))
            if len(every) > 1:
                every = tuple(p for p in every if p != NOT_SAID)
            for _, r in rows:
                if pointer in r.pointers:
                    r.pointers[pointer] = every
        out.rows += [r for _, r in rows]
    for place, full in text.mentions:
        if (at := pieces(place)) is not None and (to := several(full)) is not None:
            out.rows.append(Row((-1, -1), at, 0, {"name": to}))
    return out


class Batch(NamedTuple):
    """Examples as tensors. `own` numbers the sentences objects may be in, `wanted` says where they are; rows follow."""

    ids: Tensor
    mask: Tensor
    shapes: Tensor
    styles: Tensor
    own: Tensor
    wanted: Tensor
    judged: Tensor
    chosen: Chosen
    pointers: dict[str, Tensor]
    has: dict[str, Tensor]
    may: dict[str, Tensor]
    fixed: Tensor
    known: Tensor
    truth: Tensor
    marks: Tensor
    marked: Tensor


def batch(examples: Sequence[Example], padding: int, device: torch.device) -> Batch:
    """Put examples together."""
    length = max(len(e.window.ids) for e in examples)
    count = len(examples)
    ids = torch.full((count, length), padding)
    shapes = torch.zeros((count, length), dtype=torch.long)
    sentence = torch.full((count, length), IN_LEAD - 1)
    own = torch.full((count, length), -1)
    wanted = torch.zeros((count, length, length))
    judged = torch.zeros((count, length, length), dtype=torch.bool)
    at = torch.arange(length)
    ahead = at[None] - at[:, None]
    near = (ahead >= 0) & (ahead < WIDEST)
    for i, e in enumerate(examples):
        n = len(e.window.ids)
        ids[i, :n] = torch.tensor(e.window.ids)
        shapes[i, :n] = torch.tensor(e.window.shapes)
        sentence[i, :n] = torch.tensor([t.sentence for t in e.window.tokens])
        inside = (sentence[i] >= e.window.first) & (sentence[i] < e.window.last)
        own[i] = torch.where(inside, sentence[i], -1)
        for row in e.rows:
            if row.object[0] >= 0:
                wanted[i, row.object[0], row.object[1]] = 1
        judged[i] = near & (own[i][:, None] == own[i][None]) & (own[i] >= 0)[:, None]
        if not e.complete:
            judged[i] &= wanted[i] > 0
    mask = (at[None] < torch.tensor([len(e.window.ids) for e in examples])[:, None]).long()
    rows = [(i, r) for i, e in enumerate(examples) for r in e.rows]
    where = torch.tensor([i for i, _ in rows], dtype=torch.long)
    chosen = Chosen(
        where, *(torch.tensor(c, dtype=torch.long) for c in zip(
            *((*r.object, *r.subject, r.relation) for _, r in rows), strict=True)),
    ) if rows else Chosen(*(torch.zeros(0, dtype=torch.long) for _ in range(6)))  # fmt: skip
    text = sentence >= IN_LEAD
    text[:, 0] = True
    pointers, has, may = {}, {}, {}
    here = sentence[where, chosen.first.clamp(min=0)] if rows else torch.zeros(0)
    for pointer in POINTERS:
        targets = [
            spread(r.pointers[pointer], length) if pointer in r.pointers else torch.zeros(2, length) for _, r in rows
        ]
        pointers[pointer] = torch.stack(targets) if rows else torch.zeros(0, 2, length)
        has[pointer] = torch.tensor([pointer in r.pointers for _, r in rows], dtype=torch.bool)
        allowed = text[where]
        if pointer in ("relation", "since", "until", "when"):
            allowed = allowed & ((sentence[where] == here[:, None]) | (sentence[where] == IN_LEAD))
            if rows:
                allowed[:, 0] = True
        may[pointer] = allowed
    numbers = {k: torch.tensor([getattr(r, k) for _, r in rows], dtype=torch.long) for k in ("fixed", "known", "truth")}
    marks = torch.tensor([r.marks or (False, False) for _, r in rows], dtype=torch.float).reshape(-1, 2)
    marked = torch.tensor([r.marks is not None for _, r in rows], dtype=torch.bool)
    tensors = dict(
        ids=ids, mask=mask, shapes=shapes, styles=torch.tensor([e.style for e in examples]), own=own, wanted=wanted,
        judged=judged, marks=marks, marked=marked, **numbers,
    )  # fmt: skip
    tables = {"pointers": pointers, "has": has, "may": may}
    return Batch(
        **{k: v.to(device) for k, v in tensors.items()},
        **{k: {n: v.to(device) for n, v in table.items()} for k, table in tables.items()},
        chosen=Chosen(*(v.to(device) for v in chosen)),
    )
