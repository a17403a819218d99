"""What a trained reader's choices weigh (`calibration.reads.Weights`), fitted to questions it was not trained on."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from memllm_cli.answering.answer import Answerer
from memllm_cli.calibration.logistic import fit
from memllm_cli.calibration.reads import Weights
from memllm_cli.corpora.exchange import Exchange
from memllm_cli.memory.values.names import normal
from memllm_cli.reading.candidates import every
from memllm_cli.reading.events import Done, ReadCall
from memllm_cli.reading.formats import Trained
from memllm_cli.reading.search import Tree
from memllm_cli.types import Query

NEAR = (0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0, 60.0)
KNOWN = (0.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0)
"""Values that are tried."""
OPENS = (*(round(0.05 * i, 2) for i in range(1, 20)), 0.97, 0.99)
"""Probabilities of opening a read that are tried."""
WRONG = 2.0
"""An everyday prompt that opens a read costs so many questions that open none."""
ABSENT = 0.1
"""Share of the questions that ask for what memory does not hold, as expected in use; an answer there is wrong."""


@dataclass(frozen=True, slots=True)
class Way:
    """A query that may be chosen: its log probability, how near its relation is, whether memory can answer it, whether
    it is the one that the question asks."""

    likely: float
    near: float
    known: bool
    right: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """What there was to choose from for a question; `held` says whether memory holds what it asks. `opened` is how
    likely a read was."""

    ways: tuple[Way, ...]
    held: bool
    opened: float


def first(answerer: Answerer, one: Exchange, held: bool) -> Seen:
    """The first read of a question: every query that memory can answer, and the likeliest of all."""
    assert isinstance(answerer.format, Trained)
    engine, format = answerer.engine, answerer.format
    context = format.prompt([], one.question)
    engine.load(0, context)
    opened = math.exp(float(engine.pick(0, [format.opening])[0]))
    candidates = {tuple(format.call(c.query)[1]): c for c in every(answerer.linker, one.question, Weights())}
    if not candidates:
        return Seen((), held, opened)
    tree = Tree(engine, context, list(candidates))
    free = tree.best(dict.fromkeys(candidates, 0.0))[0]
    return Seen(
        tuple(
            Way(tree.likely(tokens), c.fit, c.answerable, _same(c.query, one.hops[0].query))
            for tokens, c in candidates.items()
            if c.answerable or tokens == free
        ),
        held,
        opened,
    )


def _same(one: Query, other: Query) -> bool:
    return one.relation == other.relation and all(
        (a is None) == (b is None) and normal(a or "") == normal(b or "")
        for a, b in ((one.subject, other.subject), (one.object, other.object))
    )


def fitted(seen: Sequence[Seen], weights: Weights) -> tuple[Weights, dict[str, float]]:
    """The nearness and knowledge that balance right and wrong values best, with what they give, in shares."""
    best = max(
        (replace(weights, near=n, known=k) for n, k in itertools.product(NEAR, KNOWN)),
        key=lambda w: (_worth(seen, w)["worth"], -w.known),
    )
    return best, _worth(seen, best)


def curve(seen: Sequence[Seen], weights: Weights) -> list[dict[str, float]]:
    """What each value of `known` gives with the rest as it is."""
    return [{"known": k, **_worth(seen, replace(weights, known=k))} for k in KNOWN]


def _worth(seen: Sequence[Seen], weights: Weights) -> dict[str, float]:
    right = wrong = silent = invented = 0
    for one in seen:
        chosen = max(one.ways, key=lambda w: w.likely + weights.near * w.near + weights.known * w.known, default=None)
        answers = chosen is not None and chosen.known
        if not one.held:
            invented += answers
        elif chosen is not None and chosen.right and answers:
            right += 1
        elif answers:
            wrong += 1
        else:
            silent += 1
    held = max(1, sum(s.held for s in seen))
    absent = max(1, len(seen) - sum(s.held for s in seen))
    return {
        "right": round(right / held, 3), "wrong": round(wrong / held, 3), "silent": round(silent / held, 3),
        "invented": round(invented / absent, 3),
        "worth": round((1 - ABSENT) * (right - wrong) / held - ABSENT * invented / absent, 4),
    }  # fmt: skip


def opening(questions: Sequence[float], talk: Sequence[float]) -> list[dict[str, float]]:
    """What each probability of opening a read gives: the share of questions, and of everyday prompts, that open one."""
    return [
        {"opens": p, "questions": round(sum(x >= p for x in questions) / max(1, len(questions)), 3),
         "talk": round(sum(x >= p for x in talk) / max(1, len(talk)), 3)}
        for p in OPENS
    ]  # fmt: skip


def second(answerer: Answerer, one: Exchange) -> Done | None:
    """How a question was answered whose first read was right; None when it was not."""
    query, done = None, None
    for event in answerer.ask(one.question):
        if isinstance(event, ReadCall) and query is None:
            query = event.query
        elif isinstance(event, Done):
            done = event
    return done if query is not None and _same(query, one.hops[0].query) else None


def weigh(
    answerer: Answerer,
    exchanges: Sequence[Exchange],
    held: int,
    talk: Sequence[float],
    progress: Callable[[int], None],
) -> tuple[Weights, dict[str, Any]]:
    """Weights for a reader; the first `held` exchanges are in its memory, the others are not.

    `talk` is how likely it opens a read for each of some prompts that want none. With what the weights give on these
    questions, in shares, and the curves of `known` and `opens`.
    """
    assert isinstance(answerer.format, Trained)
    seen = []
    for i, one in enumerate(exchanges):
        seen.append(first(answerer, one, i < held))
        progress(i + 1)
    weights, gives = fitted(seen, answerer.format.weights)
    opened = opening([one.opened for one in seen], talk)
    weights = replace(
        weights, opens=max(opened, key=lambda r: (r["questions"] - WRONG * r["talk"], r["opens"]))["opens"]
    )
    answerer.format.weights = weights
    features, taken, needless = [], [], []
    for i, one in enumerate(exchanges[:held]):
        done, two = second(answerer, one), len(one.hops) > 1
        if done is not None and done.weighed:
            features.append(done.weighed)
            taken.append(two)
        elif done is not None and len(done.opened) > 1 and not two:
            needless.append(done.opened[1])
        progress(len(exchanges) + i + 1)
    if needless:  # next to none of those that need no second read may be told that memory has nothing
        weights = replace(weights, vain=round(max(0.9, float(np.quantile(needless, 0.99))), 4))
    if len(set(taken)) == 2:
        again = fit(features, taken)
        weights = replace(weights, again=tuple(round(w, 4) for w in again))
        right = sum((weights.again_of(f) >= 0.5) == t for f, t in zip(features, taken, strict=True))
        gives["second_right"] = round(right / len(taken), 3)
    return weights, {
        **gives, "questions": len(exchanges), "weights": asdict(weights), "curve": curve(seen, weights),
        "opening": opened,
    }  # fmt: skip
