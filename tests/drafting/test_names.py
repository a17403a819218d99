from __future__ import annotations

import numpy as np

from memllm_cli.drafting.draft import _FULL_STOP
from memllm_cli.drafting.heads import TAGS
from memllm_cli.drafting.layout import Window, windows
from memllm_cli.drafting.names import by_surface, mentions, united
from memllm_cli.pieces import Vocabulary

WORDS = ["anna", "berg", "lives", "in", "kiel", "."]
VOCABULARY = Vocabulary(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS])
TEXT = "Anna Berg lives in Kiel. Kiel."
PER, LOC = 1, 5


def tagged(window: Window, tags: list[int]) -> np.ndarray:
    out = np.full((len(window.ids), TAGS), -8.0, dtype=np.float32)
    out[np.arange(len(tags)) + 1, tags] = -0.01
    return out


def window() -> Window:
    return windows(TEXT, [(0, 24), (25, 30)], VOCABULARY)[0]


def test_beginnings_and_insides_make_names() -> None:
    found = mentions(window(), tagged(window(), [PER, PER + 1, 0, 0, LOC, 0, LOC, 0]))
    assert [(TEXT[m.start : m.end], m.kind) for m in found] == [("Anna Berg", "PER"), ("Kiel", "LOC"), ("Kiel", "LOC")]
    assert [len(g) for g in by_surface(TEXT, found)] == [1, 2]


def test_an_inside_without_its_beginning_is_not_taken() -> None:
    found = mentions(window(), tagged(window(), [0, PER + 1, 0, 0, LOC, LOC + 1, LOC + 1, 0]))
    spans = [TEXT[m.start : m.end] for m in found]
    assert "Kiel. Kiel" not in spans  # a name does not run over the end of a sentence
    assert all(m.kind == "LOC" or TEXT[m.start : m.end].startswith("Anna") for m in found)


def test_names_of_one_type_that_mean_the_same_are_united() -> None:
    found = mentions(window(), tagged(window(), [PER, PER, 0, 0, LOC, 0, 0, 0]))
    groups = by_surface(TEXT, found)
    same = np.full((3, 3), 5.0, dtype=np.float32)
    assert [len(g) for g in united(groups, same, 1.0)] == [2, 1]
    assert [len(g) for g in united(groups, -same, 1.0)] == [1, 1, 1]


def test_the_full_stop_of_a_sentence_is_no_part_of_a_name() -> None:
    assert _FULL_STOP.sub("", "3 Linden Row, Porthollow.") == "3 Linden Row, Porthollow"
    for name in ("Acorn Ltd.", "Anna Berg Jr.", "Drost en Vermaat B.V.", "Ph.D."):
        assert _FULL_STOP.sub("", name) == name
