"""Where a text could be read for: the places at which memory could give the name that follows (MemLLM, section 3.3)."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from memllm_cli.corpora.annotated import Annotated
from memllm_cli.protocol import is_field, written
from memllm_cli.types import Query

QUERIES = 3
"""Queries of one read at most."""
_VAGUE_OBJECT = frozenset(
    "P27 P17 P495 P140 P19 P20 P937 P740 P276 P205 P551 P577 P272 P364 P1001 P400 P131 P159 P571 P108 P569 P570 "
    "P69".split()
)
"""Relations of which the object alone asks for too much (section 3.3)."""
_VAGUE_SUBJECT = frozenset("P30 P150".split())
"""The same for the subject."""


@dataclass(frozen=True, slots=True)
class Due:
    """A read that is due at character `at`, right before a name: what is asked, and the true values of each query."""

    at: int
    queries: tuple[Query, ...]
    values: tuple[tuple[str, ...], ...]
    relations: tuple[str, ...]
    """External id and side of each query."""
    target: tuple[str, str]
    """The name as it stands there, and at its fullest."""


def due(text: Annotated, names: Mapping[str, str], rng: random.Random) -> list[Due]:
    """The reads of a text, from left to right: each at the first mention of a name that memory can give.

    `names` gives relations' names by external id. A read asks for the name by what was named before it; names that
    stood in the text already are not asked for.
    """
    first = [min((m.start, m.end) for m in name.mentions) if name.mentions else None for name in text.names]
    asked: dict[int, list[tuple[int, Query, str, str]]] = {}
    answers: dict[tuple[str, str], list[str]] = {}
    for label in text.labels:
        head, tail = first[label.head], first[label.tail]
        if label.relation not in names or head is None or tail is None or label.head == label.tail:
            continue
        target, known = (label.tail, label.head) if tail[0] > head[0] else (label.head, label.tail)
        if max(head, tail)[0] < min(head, tail)[1]:
            continue  # one stands inside the other
        subject_known = target == label.tail
        place = first[target]
        assert place is not None
        surface = _fullest(text, known, place[0])
        if not is_field(surface) or label.relation in (_VAGUE_SUBJECT if subject_known else _VAGUE_OBJECT):
            continue
        relation = names[label.relation]
        query = Query(surface, relation, None) if subject_known else Query(None, relation, surface)
        key = f"{label.relation}{'>' if subject_known else '<'}", surface.casefold()
        answers.setdefault(key, []).append(_fullest(text, target, len(text.text)))
        asked.setdefault(target, []).append((place[0], query, key[0], surface.casefold()))
    out = []
    stood = [(m.start, text.text[m.start : m.end].casefold()) for name in text.names for m in name.mentions]
    for target, found in asked.items():
        place = first[target]
        assert place is not None
        surface = text.text[place[0] : place[1]]
        if any(start < place[0] and other == surface.casefold() for start, other in stood) or not is_field(surface):
            continue
        chosen = found if len(found) <= QUERIES else [found[i] for i in sorted(rng.sample(range(len(found)), QUERIES))]
        values = [tuple(v for v in dict.fromkeys(answers[key, who]) if is_field(v)) for _, _, key, who in chosen]
        queries_ = tuple(q for _, q, _, _ in chosen)
        names_ = written.tidy(surface), _fullest(text, target, len(text.text))
        out.append(Due(place[0], queries_, tuple(values), tuple(k for _, _, k, _ in chosen), names_))
    return sorted(out, key=lambda d: d.at)


def _fullest(text: Annotated, name: int, before: int) -> str:
    """The longest mention of a name that begins before a character."""
    mentions = [m for m in text.names[name].mentions if m.start < before]
    best = max(mentions, key=lambda m: (m.end - m.start, -m.start))
    return written.tidy(text.text[best.start : best.end])


def pieces(text: Annotated, cuts: Sequence[int]) -> Iterator[tuple[str, int]]:
    """The sentences of a text, tidied, cut at some characters; each piece with the character it begins at."""
    before = ""
    for start, end in text.sentences:
        bounds = [start, *(c for c in cuts if start < c < end), end]
        for a, b in pairwise(bounds):
            piece = written.tidy(text.text[a:b])
            if not piece:
                continue
            yield (piece if before.endswith(("(", "[", "“")) and a != start else f" {piece}"), a
            before = piece


def plainly(text: Annotated) -> str:
    """A text with its title as a reader sees it, without reads."""
    return written.header(text.title) + "".join(piece for piece, _ in pieces(text, ()))
