"""Spans from scores, what the encoder is given, and examples to train from."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import numpy as np
import pytest

from memllm_cli.corpora.questions import Question, Questions
from memllm_cli.documents.reader import read_text
from memllm_cli.errors import DamagedError
from memllm_cli.pieces import Vocabulary
from memllm_cli.pointing.layout import LONGEST, sequence
from memllm_cli.pointing.open import open_pointer
from memllm_cli.pointing.pointer import Pointer, Span
from memllm_cli.training.point_data import Example, examples

WORDS = "who owns the mill ada corvin boris dahl lives there since spring and rents it".split()
VOCABULARY = Vocabulary(["<s>", "</s>", "[UNK]", ":", ".", *WORDS])


class Scripted:
    """An encoder whose vectors say of chosen pieces that a span begins or ends there."""

    def __init__(self, begins: dict[int, float], ends: dict[int, float], none: float) -> None:
        self.begins, self.ends, self.none = begins, ends, none

    def __call__(self, sequences: list[list[int]]) -> list[np.ndarray]:
        out = []
        for ids in sequences:
            scores = np.zeros((len(ids), 2), dtype=np.float32)
            scores[0] = self.none / 2
            for at, value in self.begins.items():
                scores[at, 0] = value
            for at, value in self.ends.items():
                scores[at, 1] = value
            out.append(scores)
        return out


def pointer(begins: dict[int, float], ends: dict[int, float], none: float = 0.0) -> Pointer:
    head = {"head.weight": np.eye(2, dtype=np.float32), "head.bias": np.zeros(2, dtype=np.float32)}
    return Pointer(Scripted(begins, ends, none), VOCABULARY, head)  # type: ignore[arg-type]


TEXT = "Ada Corvin owns the mill. Boris Dahl rents it."


def found(spans: list[Span]) -> list[str]:
    return [TEXT[s.start : s.end] for s in spans]


def test_a_sequence_has_question_lead_and_text_and_knows_where_its_pieces_stand() -> None:
    made = sequence("Who owns the mill?", "mill", TEXT, VOCABULARY)
    assert made.ids[0] == VOCABULARY.opening
    assert made.ids[-1] == VOCABULARY.closing
    assert made.ids.count(VOCABULARY.closing) == 3
    assert len(made.ids) == made.first + len(made.offsets) + 1
    assert [TEXT[a:b] for a, b in made.offsets][:3] == ["Ada", "Corvin", "owns"]
    assert len(sequence("who", "", "mill " * 1000, VOCABULARY).ids) == LONGEST


def test_the_best_span_comes_first_and_none_overlap() -> None:
    first = sequence("Who?", "", TEXT, VOCABULARY).first
    spans = pointer({first: 9.0, first + 6: 5.0}, {first + 1: 9.0, first + 7: 5.0}).spans("Who?", [("", TEXT)])
    assert found(spans)[:2] == ["Ada Corvin", "Boris Dahl"]
    assert spans[0].margin == pytest.approx(18, abs=0.02)
    places = sorted((s.start, s.end) for s in spans)
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(places))
    assert 0 < sum(s.share for s in spans) <= 1


def test_no_span_ends_before_it_begins() -> None:
    first = sequence("Who?", "", TEXT, VOCABULARY).first
    best = pointer({first + 6: 9.0}, {first + 1: 9.0}).spans("Who?", [("", TEXT)])[0]
    assert best.end > best.start
    assert best.margin < 12  # backwards it would be 18


def test_a_span_counts_what_stands_within_it() -> None:
    first = sequence("Who?", "", TEXT, VOCABULARY).first
    best = pointer({first: 6.0, first + 1: 5.5}, {first + 1: 6.0}).spans("Who?", [("", TEXT)])[0]
    assert TEXT[best.start : best.end] == "Ada Corvin"
    assert best.margin == pytest.approx(np.log(np.exp(12) + np.exp(11.5)), abs=0.01)


@pytest.mark.parametrize("mark", ["\n", " | "])
def test_no_answer_reaches_over_a_line_or_a_cell(mark: str) -> None:
    text = f"Ada{mark}Boris"
    first = sequence("Who?", "", text, VOCABULARY).first
    begin, end = {first: 9.0}, {sequence("Who?", "", text, VOCABULARY).first + 1 + ("|" in mark): 9.0}
    assert all(text[s.start : s.end] in ("Ada", "Boris", "|") for s in pointer(begin, end).spans("Who?", [("", text)]))


def test_no_answer_reaches_over_the_end_of_a_sentence() -> None:
    text = "It is Ada. Boris came."
    first = sequence("Who?", "", text, VOCABULARY).first
    scores = {first + 2: 9.0}, {first + 4: 9.0}
    assert text[(best := pointer(*scores).spans("Who?", [("", text)])[0]).start : best.end] == "Ada. Boris"
    cut = pointer(*scores).spans("Who?", [("", text)], sentences=[[0, 11]])[0]
    assert text[cut.start : cut.end] in ("Ada.", "Ada", "Boris")
    assert cut.margin == best.margin


def test_what_speaks_for_not_there_takes_from_the_margin() -> None:
    first = sequence("Who?", "", TEXT, VOCABULARY).first
    sure, unsure = (pointer({first: 2.0}, {first + 1: 2.0}, none).spans("Who?", [("", TEXT)])[0] for none in (0.0, 6.0))
    assert sure.margin - unsure.margin == pytest.approx(6.0, abs=1e-4)


def test_many_passages_are_read_in_turns_and_keep_their_numbers() -> None:
    spans = pointer({}, {}).spans("Who?", [("", TEXT)] * 80, most=1)
    assert sorted(s.passage for s in spans) == list(range(80))


def test_damaged_weights_are_said_so(tmp_path: Path) -> None:
    (tmp_path / "pointer.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0nothing!")
    with pytest.raises(DamagedError):
        open_pointer(tmp_path / "pointer.safetensors", tmp_path)


PAGE = "Ada Corvin owns the mill. Boris Dahl rents it. Ada Corvin lives there since spring."


def made(short: float, wrong: float = 1.0) -> list[Example]:
    document = read_text("mill.md", PAGE)
    at = document.text.index("Boris Dahl")
    questions = [Question("Who rents the mill?", 0, ("Boris Dahl",), ((at, at + 10),)), Question("Who sold it?", 0)]
    other = read_text("there.md", "Ada Corvin rents the mill. It lives there.")
    data = Questions("squad", [document, other], questions * 20)
    return examples(data, VOCABULARY, 100, wrong, random.Random(1), short)


def test_examples_hold_the_answer_or_none() -> None:
    with_answer = [e for e in made(0.5) if e.spans]
    assert len(with_answer) == 20
    for example in with_answer:
        (span,) = example.spans
        assert [example.sequence.ids[i] for i in range(span[0], span[1] + 1)] == [
            *VOCABULARY.pieces("boris"), *VOCABULARY.pieces("dahl")
        ]  # fmt: skip
    dahl = VOCABULARY.pieces("dahl")[0]
    rents = [e for e in made(0.5) if not e.spans and e.sequence.ids[1:5] == with_answer[0].sequence.ids[1:5]]
    assert rents
    assert all(dahl not in e.sequence.ids for e in rents)


def test_texts_without_an_answer_are_cut_short_as_often_as_those_with_one() -> None:
    def lengths(short: float) -> list[float]:
        sizes = [[len(e.sequence.offsets) for e in made(short) if bool(e.spans) is b] for b in (True, False)]
        return [sum(s) / len(s) for s in sizes]

    whole, cut = lengths(0.0), lengths(1.0)
    assert cut[0] < 0.75 * whole[0]
    assert cut[1] < 0.75 * whole[1]
