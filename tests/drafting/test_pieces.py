from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from memllm_cli.pieces import SHAPES, Vocabulary, shape, words

VOCABULARY = Vocabulary(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "river", "##side", "##s", "cafe", ",", "a", "##b"])


def surfaces(text: str) -> list[str]:
    return [text[w.start : w.end] for w in words(text)]


def test_marks_stand_alone_and_white_space_separates() -> None:
    assert surfaces("Jean-Luc\tsaid:  $5.20, ok") == ["Jean", "-", "Luc", "said", ":", "$", "5", ".", "20", ",", "ok"]
    assert surfaces("東京 tower") == ["東", "京", "tower"]
    assert surfaces("") == []


@given(st.text(max_size=60))
def test_words_cover_every_letter_and_digit_once_in_order(text: str) -> None:
    found = words(text)
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))
    covered = {i for w in found for i in range(w.start, w.end)}
    assert all(i in covered for i, c in enumerate(text) if c.isalnum())
    assert not any(i in covered for i, c in enumerate(text) if c.isspace())


def test_pieces_are_the_longest_that_fit_without_case_and_accents() -> None:
    assert VOCABULARY.pieces("Riversides") == (4, 5, 6)
    assert VOCABULARY.pieces("CAFÉ") == (7,)
    assert VOCABULARY.pieces("river,") == (VOCABULARY.unknown,)
    assert VOCABULARY.pieces("b" * 101) == (VOCABULARY.unknown,)


def test_shapes() -> None:
    written = {"house": "lower", "House": "title", "NASA": "upper", "J": "letter", "McKay": "mixed", "1999": "digits"}
    written |= {"A4": "alphanumeric", ",": "mark", "iPhone": "other"}
    assert {w: SHAPES[shape(w)] for w in written} == written


@given(st.text(min_size=1, max_size=20))
def test_every_word_has_a_shape_and_pieces(word: str) -> None:
    assert 0 <= shape(word) < len(SHAPES) - 1
    assert len(VOCABULARY.pieces(word)) >= 1
