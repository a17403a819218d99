"""The extractor's decoding, with heads whose weights say what they see: no trained model is needed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from memllm_cli.extracting import extractor as module
from memllm_cli.extracting.extractor import Extractor, Statement
from memllm_cli.extracting.heads import FIELDS, FIXED, MARKS, POINTERS, SIZE, TRUTHS, WIDEST, Array, Heads
from memllm_cli.extracting.layout import Line
from memllm_cli.pieces import SHAPES, Vocabulary

WIDTH, HIDDEN = 8, 8
MARKED = {"subject": 0, "verb": 1, "object": 2, "name": 3, "nothing": 4}
WORDS = ["she", "owns", "boats", "ada", "denies", "."]


def vocabulary() -> Vocabulary:
    return Vocabulary(["<s>", "[UNK]", "</s>", *WORDS])


def vectors(sequences: Sequence[Sequence[int]]) -> list[Array]:
    """One axis for each word that matters."""
    known = {3: 0, 4: 1, 5: 2, 6: 3, 0: 4}
    out = []
    for ids in sequences:
        x = np.zeros((len(ids), WIDTH), np.float32)
        for row, i in enumerate(ids):
            if i in known:
                x[row, known[i]] = 1
        out.append(x)
    return out


def heads(truth: int = 0) -> Heads:
    """Boats are objects; the subject is "she", the relation "owns", and "Ada" is who "she" is."""
    zero = {
        "shape": (len(SHAPES), WIDTH), "length": (WIDEST, 1), "begin.w": (SIZE, WIDTH), "begin.b": (SIZE,),
        "end.w": (SIZE, WIDTH), "end.b": (SIZE,), "begin_alone.w": (1, WIDTH), "begin_alone.b": (1,),
        "end_alone.w": (1, WIDTH), "end_alone.b": (1,), "fixed.w": (len(FIXED), HIDDEN), "fixed.b": (len(FIXED),),
        "field.w": (len(FIELDS), HIDDEN), "field.b": (len(FIELDS),), "truths.w": (len(TRUTHS), HIDDEN),
        "truths.b": (len(TRUTHS),), "marks.w": (len(MARKS), HIDDEN), "marks.b": (len(MARKS),),
        "query.w": (len(POINTERS) * 2 * SIZE, HIDDEN), "query.b": (len(POINTERS) * 2 * SIZE,),
        "key.w": (len(POINTERS) * 2 * SIZE, WIDTH), "key.b": (len(POINTERS) * 2 * SIZE,),
    }  # fmt: skip
    for name, wide in (("span", 3 * WIDTH), ("name", HIDDEN + 2 * WIDTH), ("truth", HIDDEN + 2 * WIDTH)):
        zero |= {f"{name}.w": (HIDDEN, wide), f"{name}.b": (HIDDEN,)}
        zero |= {f"{name}_norm.w": (HIDDEN,), f"{name}_norm.b": (HIDDEN,)}
    w = {k: np.zeros(v, np.float32) for k, v in zero.items()}
    w["begin_alone.b"][:] = -8
    w["begin_alone.w"][0, MARKED["object"]] = 12
    w["end_alone.w"][0, MARKED["object"]] = 4
    w["end_alone.b"][:] = -2
    w["field.b"][0] = 4
    w["truths.b"][truth] = 6
    w["marks.b"][:] = -4
    w["query.b"][:] = 3
    w["key.w"][:, MARKED["nothing"]] = 0.5
    for pointer, word in (("subject", "subject"), ("relation", "verb"), ("name", "name")):
        at = POINTERS.index(pointer) * 2 * SIZE
        w["key.w"][at : at + 2 * SIZE, MARKED[word]] = 1
    return Heads(w)


def read(text: list[str], truth: int = 0) -> list[Statement]:
    return Extractor(vectors, vocabulary(), heads(truth)).statements([Line("", t) for t in text])


def test_a_statement_has_its_parts_and_the_name_of_its_subject() -> None:
    (s,) = read(["Ada.", "She owns boats."])
    assert (s.subject, s.relation, s.object, s.words) == ("Ada", "owns", "boats", "She")
    assert (s.sentence, s.place, s.chain) == (1, (9, 14), (0,))
    assert (s.truth, s.ended, s.about) == ("stated", False, False)
    assert s.since == s.until == s.when == s.by == ""


def test_without_another_name_the_words_are_the_name() -> None:
    (s,) = read(["She owns boats."])
    assert s.subject == s.words == "She"


@pytest.mark.parametrize("truth", TRUTHS)
def test_the_truth_is_what_the_head_says(truth: str) -> None:
    (s,) = read(["She owns boats."], TRUTHS.index(truth))
    assert s.truth == truth


def test_windows_that_go_through_the_encoder_alone_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [Line(lead, "She owns boats.") for lead in ("a", "b", "c")]

    def found() -> list[tuple[str, int]]:
        made = Extractor(vectors, vocabulary(), heads()).statements(lines)
        return [(s.object, s.sentence) for s in made]

    whole = found()
    assert {n for _, n in whole} == {0, 1, 2}
    monkeypatch.setattr(module, "TOGETHER", 1)
    assert found() == whole


def test_nothing_is_said_in_an_empty_text() -> None:
    assert read([]) == []
    assert read(["."]) == []
