from __future__ import annotations

import itertools

from memllm_cli.drafting.heads import Place
from memllm_cli.drafting.layout import windows
from memllm_cli.pieces import Vocabulary

WORDS = ["anna", "lives", "in", "kiel", ".", "she", "works", "there"]
VOCABULARY = Vocabulary(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS])
TEXT = "Anna lives in Kiel. She works there."
SENTENCES = [(0, 19), (20, 36)]


def test_one_window_holds_a_short_text() -> None:
    (window,) = windows(TEXT, SENTENCES, VOCABULARY)
    assert window.ids == (2, 4, 5, 6, 7, 8, 9, 10, 11, 8, 3)
    assert window.sentence == (-1, 0, 0, 0, 0, 0, 1, 1, 1, 1, -1)
    assert [i for i, f in enumerate(window.first) if f] == [1, 6]
    assert TEXT[window.words[3].start : window.words[3].end] == "Kiel"


def test_characters_are_found_as_tokens() -> None:
    (window,) = windows(TEXT, SENTENCES, VOCABULARY)
    assert window.place(14, 18) == Place(4, 5, 0)
    assert window.place(0, 10) == Place(1, 3, 0)
    assert window.place(15, 18) == Place(4, 5, 0)  # part of a word: the word
    assert window.place(90, 95) is None


def test_long_texts_are_cut_between_sentences_and_overlap() -> None:
    text = " ".join([TEXT] * 12)
    sentences = [(i * 37 + a, i * 37 + b) for i in range(12) for a, b in SENTENCES]
    cut = windows(text, sentences, VOCABULARY, longest=60)
    assert len(cut) > 1
    assert all(len(w.ids) <= 60 for w in cut)
    seen = {s for w in cut for s in w.sentence} - {-1}
    assert seen == set(range(24))
    assert all(set(a.sentence) & set(b.sentence) > {-1} for a, b in itertools.pairwise(cut))


def test_a_sentence_that_is_too_long_is_cut_off_and_the_rest_is_read() -> None:
    text = "anna " * 100 + "kiel"
    cut = windows(text, [(0, 500), (500, 504)], VOCABULARY, longest=50)
    assert next(len(w.ids) for w in cut) == 50
    assert cut[-1].ids[-2] == 7


def test_nothing_comes_of_nothing() -> None:
    assert windows("", [], VOCABULARY) == []
    assert windows("   ", [(0, 3)], VOCABULARY) == []
