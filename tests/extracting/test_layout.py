"""Windows of the extractor: what is in them, and that every sentence is read once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memllm_cli.extracting.layout import BEFORE, IN_LEAD, LEAD, Line, window, windows
from memllm_cli.pieces import Vocabulary

LETTERS = [*"abcdefghijklmnopqrstuvwxyz", *(f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz"), ".", ",", ">"]


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary(["<s>", "[UNK]", "</s>", *LETTERS])


def test_a_window_has_its_lead_what_stands_before_and_its_own_sentences(vocabulary: Vocabulary) -> None:
    lines = [Line("t", "one."), Line("t", "two."), Line("t", "cat.")]
    made = window(lines, 1, 3, vocabulary)
    assert (made.first, made.last) == (1, 3)
    places = [(t.sentence, lines[t.sentence].text[t.start : t.end]) for t in made.tokens if t.sentence >= 0]
    assert [s for s, _ in dict.fromkeys(places)] == [0, 0, 1, 1, 2, 2]
    assert made.ids[0] == vocabulary.opening
    assert made.ids[-1] == vocabulary.closing
    assert sum(t.sentence == IN_LEAD for t in made.tokens) == 1


def test_a_sentence_under_another_heading_begins_a_window(vocabulary: Vocabulary) -> None:
    made = list(windows([Line("a", "one."), Line("a", "two."), Line("b", "cat.")], vocabulary))
    assert [(w.first, w.last, w.lead) for w in made] == [(0, 2, "a"), (2, 3, "b")]


def test_a_long_lead_keeps_its_beginning_and_its_end(vocabulary: Vocabulary) -> None:
    made = window([Line("a" * 90 + " " + "z" * 90, "x.")], 0, 1, vocabulary)
    lead = [i for i, t in zip(made.ids, made.tokens, strict=True) if t.sentence == IN_LEAD]
    assert len(lead) == LEAD
    assert lead[0] == vocabulary.pieces("a")[0]
    assert lead[-1] == vocabulary.pieces("az")[1]


@given(st.lists(st.tuples(st.sampled_from("pq"), st.text("abc .,", min_size=1, max_size=300)), min_size=1, max_size=12))
def test_every_sentence_is_the_own_of_one_window_and_none_is_too_long(rows: list[tuple[str, str]]) -> None:
    vocabulary = Vocabulary(["<s>", "[UNK]", "</s>", *LETTERS])
    lines = [Line(lead, text) for lead, text in rows]
    own: list[int] = []
    for made in windows(lines, vocabulary, longest=200):
        assert len(made.ids) == len(made.shapes) == len(made.tokens) <= 200
        assert sum(0 <= t.sentence < made.first for t in made.tokens) <= BEFORE
        own += range(made.first, made.last)
        for token in made.tokens:
            if token.sentence >= 0:
                assert lines[token.sentence].text[token.start : token.end].strip()
    assert own == list(range(len(lines)))
