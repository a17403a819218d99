"""Streams with branches: what each token sees, where it stands, what it is predicted from."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from memllm_cli.training.streams import Branch, Stream

STREAM = Stream(tuple(range(10, 20)), (1.0,) * 10, 2, (Branch(5, 8, 2), Branch(8, 10, 4)))
"""Trunk 10..14; after its first two tokens goes on 15 16 17, after four 18 19."""


def test_a_branch_sees_its_part_of_the_trunk_and_itself() -> None:
    sees = {i: [STREAM.ids[j] for j in np.flatnonzero(row)] for i, row in zip(STREAM.ids, STREAM.sees(), strict=True)}
    assert sees[14] == [10, 11, 12, 13, 14]
    assert sees[17] == [10, 11, 15, 16, 17]
    assert sees[19] == [10, 11, 12, 13, 18, 19]
    assert STREAM.positions().tolist() == [0, 1, 2, 3, 4, 2, 3, 4, 4, 5]


def test_the_first_branch_begins_after_the_trunk_and_the_next_after_it() -> None:
    assert [STREAM.ids[i] for i in STREAM.sources()] == [10, 10, 11, 12, 13, 11, 15, 16, 17, 18]


@pytest.mark.skipif(importlib.util.find_spec("transformers") is None, reason="needs the extra `train`")
@pytest.mark.parametrize("padding", [0, 3])
def test_a_branch_is_worth_what_it_is_worth_alone(padding: int) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("peft")
    from transformers import LlamaConfig, LlamaForCausalLM

    from memllm_cli.training.adapter_model import Tuned, padded

    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=40, **sizes))
    tuned = Tuned(model, 4, 8.0, 0.0).eval()

    def loss(*streams: Stream) -> float:
        with torch.no_grad():
            return float(tuned(*padded(streams, torch.device("cpu")).parts()[:5])[0])

    trunk = Stream(STREAM.ids[:5], (0.0, 1, 1, 1, 1), 0)
    first = Stream((10, 11, 15, 16, 17), (0.0, 0, 1, 1, 1), 0)
    second = Stream((10, 11, 12, 13, 18, 19), (0.0,) * 5 + (1,), 0)
    opening = Stream((10, 11, 15, 16, 17, 18), (0.0,) * 5 + (1,), 0)  # the second read begins where the first ends
    apart = sum(map(loss, (trunk, first, second, opening)))
    # in the stream itself 18 stands after 17 of the branch before it
    whole = Stream(STREAM.ids, (0.0, *STREAM.weights[1:]), 2, STREAM.branches)
    longer = Stream(tuple(range(10 + padding)), (0.0,) * (10 + padding), 0)
    assert loss(whole, longer) == pytest.approx(apart, abs=1e-3)
