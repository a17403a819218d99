"""Thresholds of finding (`memory.find.Thresholds`), from how annotated texts name their things.

A text's facts go into memory under the longest name of each thing. Each of its other names then asks for them, and
names of other texts ask for what is not there. Phrases of a relation are asked for as if the table had not held them.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from memllm_cli.calibration.finding import Thresholds
from memllm_cli.corpora.annotated import Annotated
from memllm_cli.evaluation.perplexity import stated
from memllm_cli.memory.edit.memory import ImportRow, Memory
from memllm_cli.memory.search.find import Finder
from memllm_cli.memory.values.names import normal
from memllm_cli.protocol import is_field, written
from memllm_cli.types import Query

STEPS = tuple(round(0.05 * i, 2) for i in range(1, 13))
"""Distances that are tried."""
WRONG = 2.0
"""A wrong answer costs so many right ones."""
COUNTS = (1, 2, 4, 8, 16, 30, 60)
"""Numbers of results."""


Near = tuple[float, bool]
"""A distance, and whether what is found there is right."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A query with the values it should return; none when memory does not know the name."""

    query: Query
    values: frozenset[str]


def remember(memory: Memory, texts: Sequence[Annotated], names: Mapping[str, str]) -> None:
    """Put the annotated facts of texts into a memory."""
    memory.import_facts([ImportRow(t) for t in stated(texts, names)], "evaluation", person=False)


def questions(texts: Sequence[Annotated], strange: Sequence[Annotated], names: Mapping[str, str]) -> list[Asked]:
    """What `texts`, whose facts are known, are asked by other names, and by the names of `strange` ones."""
    known = {normal(n) for t in stated(texts, names) for n in (t.subject, t.object)}
    out: dict[Query, Asked] = {}
    for text, here in [*((t, True) for t in texts), *((t, False) for t in strange)]:
        values: dict[tuple[int, str], set[str]] = {}
        for x in text.labels:
            tail = written.tidy(max(text.surfaces(x.tail), key=len))
            if x.relation in names and x.head != x.tail and is_field(tail):
                values.setdefault((x.head, names[x.relation]), set()).add(normal(tail))
        for (head, relation), wanted in values.items():
            for surface in map(written.tidy, text.surfaces(head)):
                if is_field(surface) and normal(surface) not in known:
                    query = Query(surface, relation, None)
                    out.setdefault(query, Asked(query, frozenset(wanted if here else ())))
    return list(out.values())


def by_entity(finder: Finder, asked: Sequence[Asked], progress: Callable[[int], None]) -> list[list[Near]]:
    """For each query the distance of each answer, and whether it is right."""
    found: list[list[Near]] = []
    finder.thresholds = Thresholds(entity=STEPS[-1], relation=0.0, pair=STEPS[-1])
    for i, one in enumerate(asked):
        hits = finder.find(one.query).hits
        found.append([(2 * h.distance, normal(h.value) in one.values) for h in hits])  # of the relation it is 0
        progress(i + 1)
    return found


def entity_curve(asked: Sequence[Asked], found: Sequence[Sequence[Near]]) -> list[dict[str, float]]:
    """What each distance of an entity gives: shares right, wrong, silent where memory knows, invented where not."""
    held = max(1, sum(bool(one.values) for one in asked))
    absent = max(1, len(asked) - held)
    rows = []
    for most in STEPS:
        counts: Counter[str] = Counter()
        for one, hits_ in zip(asked, found, strict=True):
            near = [right for distance, right in hits_ if distance <= most]
            if not one.values:
                counts["invented"] += bool(near)
            else:
                counts["right" if near and all(near) else "wrong" if near else "silent"] += 1
        rows.append(
            {"distance": most, **{k: round(counts[k] / held, 3) for k in ("right", "wrong", "silent")},
             "invented": round(counts["invented"] / absent, 3)}
        )  # fmt: skip
    return rows


def by_relation(finder: Finder) -> list[Near]:
    """For each phrase that a relation has beside its name: the nearest of the others, and whether it is right."""
    phrases, vectors = finder.relation_vectors()
    distances = 1.0 - vectors @ vectors.T
    counts = Counter(r.id for _, r, _ in phrases)
    nearest: list[Near] = []
    for i, (text, relation, flipped) in enumerate(phrases):
        if counts[relation.id] > 2 and not flipped and normal(text) != normal(relation.name):
            row = np.where(np.arange(len(phrases)) == i, 9.0, distances[i])
            _, other, side = phrases[int(row.argmin())]
            nearest.append((float(row.min()), (other.id, side) == (relation.id, flipped)))
    return nearest


def curve(nearest: Sequence[Near]) -> list[dict[str, float]]:
    """What each distance gives, in shares, of questions to which there is an answer."""
    rows = []
    for most in STEPS:
        near = [right for distance, right in nearest if distance <= most]
        rows.append(
            {"distance": most, "right": round(sum(near) / len(nearest), 3),
             "wrong": round((len(near) - sum(near)) / len(nearest), 3),
             "silent": round(1 - len(near) / len(nearest), 3)}
        )  # fmt: skip
    return rows


def best(rows: Sequence[Mapping[str, float]]) -> float:
    """The distance that balances right and wrong best; the smaller of equal ones."""
    return max(rows, key=lambda r: (r["right"] - WRONG * (r["wrong"] + r.get("invented", 0.0) / 2), -r["distance"]))[
        "distance"
    ]


def results(memory: Memory) -> list[dict[str, float]]:
    """Share of the queries a memory can answer that return more than so many values."""
    snapshot = memory.snapshot
    sides: Counter[tuple[int, int, bool]] = Counter()
    for fact in snapshot.facts():
        sides[fact.key[0], fact.key[1], True] += 1
        sides[fact.key[2], fact.key[1], False] += 1
    return [{"results": n, "more": round(sum(c > n for c in sides.values()) / len(sides), 4)} for n in COUNTS]


def measure(finder: Finder, asked: Sequence[Asked], progress: Callable[[int], None] = lambda n: None) -> dict[str, Any]:
    """Every curve, and the distances that are best: of names, of relations, and of both at once (their mean)."""
    found, phrases = by_entity(finder, asked, progress), by_relation(finder)
    curves = {"entity": entity_curve(asked, found), "relation": curve(phrases)}
    chosen = {name: best(rows) for name, rows in curves.items()}
    rng = random.Random(0)
    both: list[Near] = []
    for one, hits in zip(asked, found, strict=True):
        entity, relation = min(hits, default=(9.0, False)), rng.choice(phrases)
        if one.values:
            within = entity[0] <= chosen["entity"] and relation[0] <= chosen["relation"]
            both.append(((entity[0] + relation[0]) / 2 if within else 9.0, entity[1] and relation[1]))
    curves["pair"] = curve(both)
    return {
        "questions": len(asked), **chosen, "pair": best(curves["pair"]),
        "curves": {**curves, "results": results(finder.memory)},
    }  # fmt: skip
