"""Words as they are looked up, and texts ranked by them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memllm_cli.memory.search.postings import LENGTH, SATURATION, STOP, Postings, rank, terms


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Café ZÜRICH, Øre Straße", ["cafe", "zurich", "øre", "strass"]),
        ("It cost 1,234,567 and 12.5 in 1904.", ["cost", "1234567", "12.5", "1904"]),
        ("Ann's boats and Bo’s", ["ann", "boat", "bo"]),
        ("Where is the harbour of Rufus?", ["harbour", "rufus"]),
        ("The Harbours, a harbour", ["harbour", "harbour"]),
        ("covid-19 snake_case 10 m²", ["covid", "19", "snake", "case", "10", "m2"]),
        ("What is it? ... —", []),
        ("", []),
    ],
)
def test_what_words_are_looked_up_by(text: str, found: list[str]) -> None:
    assert terms(text) == found


def test_questions_and_texts_meet_in_any_case_and_form() -> None:
    assert terms("RENTING: a boat") == terms("You rented the Boats")
    assert terms("1,500") == terms("1500")
    assert terms(" ".join(STOP)) == []


def plain(texts: Sequence[Sequence[str]], wanted: Sequence[str]) -> list[float]:
    """BM25 as it is written down, text by text."""
    mean = sum(map(len, texts)) / max(1, len(texts)) or 1.0
    out = [0.0] * len(texts)
    for word in set(wanted):
        holding = sum(word in text for text in texts)
        weight = math.log(1 + (len(texts) - holding + 0.5) / (holding + 0.5))
        for i, text in enumerate(texts):
            times = text.count(word)
            norm = SATURATION * (1 - LENGTH + LENGTH * len(text) / mean)
            out[i] += weight * times * (SATURATION + 1) / (times + norm) if times else 0.0
    return out


_WORD = st.sampled_from(["quay", "boat", "rufus", "ost", "1904", "tide", "zürich", "日本"])
_TEXTS = st.lists(st.lists(_WORD, max_size=12), max_size=9)
_WANTED = st.lists(st.one_of(_WORD, st.just("nowhere")), max_size=5)


@settings(max_examples=60, deadline=None)
@given(_TEXTS, _WANTED)
def test_texts_are_ranked_as_by_the_formula(texts: list[list[str]], wanted: list[str]) -> None:
    (scores,), most = rank([Postings.build(texts)], wanted)
    assert scores.dtype == np.float32
    assert scores.tolist() == pytest.approx(plain(texts, wanted), rel=1e-4, abs=1e-6)
    assert all(s <= most * (1 + 1e-5) for s in scores.tolist())


@settings(max_examples=60, deadline=None)
@given(_TEXTS, _TEXTS, _TEXTS, _WANTED)
def test_parts_rank_as_one(a: list[list[str]], b: list[list[str]], c: list[list[str]], wanted: list[str]) -> None:
    apart, most = rank([Postings.build(x) for x in (a, b, c)], wanted)
    (whole,), same = rank([Postings.build(a + b + c)], wanted)
    assert [len(x) for x in apart] == [len(a), len(b), len(c)]
    assert np.concatenate(apart).tolist() == pytest.approx(whole.tolist(), rel=1e-5)
    assert most == pytest.approx(same)


def test_a_word_is_found_where_it_stands() -> None:
    postings = Postings.build([["quay", "boat", "quay"], [], ["boat"]])
    assert len(postings) == 3
    assert [x.tolist() for x in postings.of("quay")] == [[0], [2]]
    assert [x.tolist() for x in postings.of("boat")] == [[0, 2], [1, 1]]
    assert [x.tolist() for x in postings.of("tide")] == [[], []]
    assert postings.lengths.tolist() == [3, 0, 1]


def test_the_same_arrays_give_the_same_postings() -> None:
    texts = [["quay", "boat"], ["tide", "quay", "quay"]]
    again = Postings(Postings.build(texts).arrays)
    assert set(again.arrays) == {"words", "starts", "texts", "counts", "lengths"}
    assert [s.tolist() for s in rank([again], ["quay"])[0]] == [
        s.tolist() for s in rank([Postings.build(texts)], ["quay"])[0]
    ]


def test_nothing_is_built_and_ranked() -> None:
    empty = Postings.build([])
    assert len(empty) == 0
    assert [x.tolist() for x in empty.of("quay")] == [[], []]
    (scores,), _ = rank([empty], ["quay"])
    assert scores.tolist() == []
    assert rank([], ["quay"])[0] == []
    wordless = Postings.build([[], []])
    (scores,), most = rank([wordless], ["quay"])
    assert (len(wordless), scores.tolist()) == (2, [0.0, 0.0])
    assert most > 0
    assert rank([wordless], [])[1] == 0


def test_a_word_said_very_often_counts_as_often_as_fits() -> None:
    (scores,), most = rank([Postings.build([["quay"] * 256, ["boat"]])], ["quay"])
    assert 0.95 * most < scores[0] <= most
    assert scores[1] == 0


def test_a_question_that_repeats_a_word_asks_once() -> None:
    postings = [Postings.build([["quay"], ["boat"]])]
    assert rank(postings, ["quay", "quay"])[0][0].tolist() == rank(postings, ["quay"])[0][0].tolist()
