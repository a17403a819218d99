"""The best of many reads is found exactly, without looking at most of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from memllm_cli.reading.search import Tree, likeliest


class Dice:
    """An engine whose log probabilities depend on the whole context, and are always the same for it."""

    def __init__(self, seed: int) -> None:
        self.seed, self.loads = seed, 0
        self._context: tuple[int, ...] = ()

    def load(self, seq: int, tokens: Any) -> int:
        self._context = tuple(tokens)
        self.loads += 1
        return 1

    def pick(self, seq: int, ids: Any) -> Any:
        rows = np.random.default_rng([self.seed, *self._context]).normal(0, 2, 10)
        return (rows - np.log(np.exp(rows).sum()))[list(ids)]


ways = st.lists(st.tuples(*[st.integers(0, 9)] * 4), min_size=1, max_size=40, unique=True)


@given(ways, st.integers(0, 10**6), st.data())
def test_nothing_is_better_than_what_is_found(runs: list[tuple[int, ...]], seed: int, data: st.DataObject) -> None:
    priors = {w: data.draw(st.floats(-5, 20)) for w in runs}
    engine: Any = Dice(seed)
    tree = Tree(engine, [1, 2], runs)
    best, likely = tree.best(priors)
    assert abs(likely - tree.likely(best)) < 1e-9
    assert all(tree.likely(w) + priors[w] <= likely + priors[best] + 1e-9 for w in runs)


def test_a_high_prior_saves_most_evaluations() -> None:
    runs = [(a, b, c) for a in range(10) for b in range(10) for c in range(10)]
    engine: Any = Dice(3)
    assert Tree(engine, [0], runs).best({w: 30.0 * (w == (4, 5, 6)) for w in runs})[0] == (4, 5, 6)
    assert engine.loads == 3


def test_one_thing_needs_no_model() -> None:
    engine: Any = Dice(0)
    assert likeliest(engine, [0], {"only": [1, 2, 3]}) == "only"
    assert engine.loads == 0
