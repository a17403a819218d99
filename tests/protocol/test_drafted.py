"""A call made of drafts: whatever is chosen at each step, what comes out is a call with drafts in it, each once."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memllm_cli.protocol import WriteCall, parse, written
from memllm_cli.protocol.constraint import TIGHT
from memllm_cli.protocol.drafted import DraftConstraint
from memllm_cli.types import Triple

NAMES = ["Ada", "Ada Holm", "Acorn", "Acorn Works", "Calder", "U.S.", "4 May 1961", "São Tomé"]
RELATIONS = ["employer", "employer of", "place of birth"]
TRIPLES = st.builds(Triple, st.sampled_from(NAMES), st.sampled_from(RELATIONS), st.sampled_from(NAMES))


def letters(text: str) -> list[int]:
    """A tokenizer of one token a character."""
    return [ord(c) for c in text]


def pairs(text: str) -> list[int]:
    """A tokenizer of two characters a token."""
    return [hash((text[i : i + 2],)) & 0xFFFFFF for i in range(0, len(text), 2)]


def spelled(ids: list[int]) -> str:
    return written.STYLE.opening + "".join(map(chr, ids))


@given(st.lists(TRIPLES, max_size=8), st.integers(0, 1000))
def test_any_way_through_is_a_call_of_drafts(triples: list[Triple], seed: int) -> None:
    rng = random.Random(seed)
    constraint = DraftConstraint(letters, [written.item(t) for t in triples], written.STYLE)
    ids: list[int] = []
    while not constraint.done:
        allowed = constraint.allowed()
        assert allowed
        assert len(set(allowed)) == len(allowed)
        token = rng.choice(allowed)
        constraint.advance(token)
        ids.append(token)
    call = parse(spelled(ids))
    assert isinstance(call, WriteCall)
    assert list(call.triples) == [triples[i] for i in constraint.finished]
    assert len(set(call.triples)) == len(call.triples)
    assert set(call.triples) <= set(triples)


@given(st.lists(TRIPLES, max_size=6), st.integers(0, 1000), st.integers(0, 60))
def test_closing_leads_to_the_end_from_everywhere(triples: list[Triple], seed: int, steps: int) -> None:
    rng = random.Random(seed)
    constraint = DraftConstraint(letters, [written.item(t) for t in triples], written.STYLE)
    ids: list[int] = []
    for _ in range(steps):
        if constraint.done:
            break
        ids.append(rng.choice(constraint.allowed()))
        constraint.advance(ids[-1])
    for token in constraint.closing():
        constraint.advance(token)
        ids.append(token)
    assert constraint.done
    parse(spelled(ids))


@given(st.lists(TRIPLES, min_size=1, max_size=8, unique=True))
def test_all_drafts_can_be_written(triples: list[Triple]) -> None:
    constraint = DraftConstraint(letters, [written.item(t) for t in triples], written.STYLE)
    close = letters(written.STYLE.close)[0]
    item = letters(written.STYLE.item)[0]
    while not constraint.done:
        allowed = constraint.allowed()
        later = [t for t in allowed if t not in (close, item)]
        # a space begins both the close and a longer name: ends come first where there is a choice
        token = item if item in allowed else (later or list(allowed))[0]
        constraint.advance(token)
    assert sorted(constraint.finished) == list(range(len(triples)))


def test_the_relation_is_where_it_is_told() -> None:
    constraint = DraftConstraint(letters, [written.item(Triple("A", "b", "C"))], written.STYLE)
    at = []
    ids: list[int] = []
    while not constraint.done:
        if constraint.telling:
            at.append("".join(map(chr, ids)))
        ids.append(next(t for t in constraint.allowed() if t != ord("}") or len(ids) > 3))
        constraint.advance(ids[-1])
    assert at == [" A >>"]


def test_an_unexpected_token_is_refused() -> None:
    constraint = DraftConstraint(letters, [written.item(Triple("A", "b", "C"))], TIGHT)
    with pytest.raises(ValueError, match="not allowed"):
        constraint.advance(ord("x"))
