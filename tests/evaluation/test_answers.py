"""What counts as right, cited or nothing, and the threshold that is worth most."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from memllm_cli.answering.answer import Answerer
from memllm_cli.answering.deciding import Decider
from memllm_cli.calibration.answers import Answering
from memllm_cli.corpora.questions import Question, Questions
from memllm_cli.documents.reader import read_text
from memllm_cli.errors import NotFound
from memllm_cli.evaluation.answers import (
    AWAY,
    REFUSED,
    WRONG,
    Seen,
    Tally,
    at,
    cites,
    fitted,
    remember,
    right,
    seen,
    within,
    words,
)  # fmt: skip
from memllm_cli.memory.edit.evidence import Evidence, Place
from memllm_cli.memory.edit.memory import Memory
from memllm_cli.memory.search.find import Finder
from memllm_cli.pointing.pointer import Span


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The Quay, a boat and an oar.", ["quay", "boat", "and", "oar"]),
        ("$1,200.50 (12%)", ["$", "1200.50", "12", "%"]),
        ("€4 or 4€", ["€", "4", "or", "4", "€"]),
        ("well-known snake_case", ["well", "known", "snake", "case"]),
        ("see [Tide](https://t.example/a) now", ["see", "tide", "now"]),
        ("U.S. ...", ["u.s"]),
        ("Zürich—Ost", ["zürich", "ost"]),
        ("the", []),
        ("", []),
    ],
)
def test_the_words_that_count(text: str, found: list[str]) -> None:
    assert words(text) == found


@pytest.mark.parametrize(
    ("value", "said", "is_there"),
    [
        ("Ann Poe", "It is ANN POE.", True), ("Ann Poe", "Ann and Poe", False), ("the quay", "Quay", True),
        ("quay", "quays", False), ("1,200", "1200 boats", True), ("12", "2012", False), ("", "quay", False),
        ("quay", "", False), ("yes", "Yes, it does.", True), ("yes", "It says yes", False), ("No", "no.", True),
        ("no", "Yes and no", False), ("no fee", "There is no fee", True), ("...", "...", False),
    ],
)  # fmt: skip
def test_an_accepted_wording_stands_side_by_side(value: str, said: str, is_there: bool) -> None:
    assert within(value, said) == is_there


def test_an_answer_is_right_when_it_says_one_wording_and_little_more() -> None:
    question = Question("Who?", 0, ("Ann Poe", "Ann"))
    assert right(question, "Ann")
    assert right(question, "Ann Poe " + "word " * 12)  # twice its words and ten
    assert not right(question, "Ann Poe " + "word " * 13)
    assert not right(question, "Bo Lind")
    assert not right(Question("Who?", 0), "Ann")
    long = Question("What?", 0, ("so " * 30,))
    assert right(long, "so " * 40)
    assert not right(long, "so " * 41)


def test_a_list_is_right_when_all_of_it_is_said() -> None:
    question = Question("Who?", 0, ("Ann Poe", "Bo Lind"), every=True)
    assert right(question, "Bo Lind and Ann Poe")
    assert not right(question, "Ann Poe")
    assert right(question, "Ann Poe, Bo Lind, " + "word " * 14)
    assert not right(question, "Ann Poe, Bo Lind, " + "word " * 15)


def shown(*sentences: str) -> list[Evidence]:
    return [Evidence(1, "A", "/a.md", 1, None, "", s) for s in sentences]


def test_an_answer_is_cited_by_the_sentence_that_is_named() -> None:
    question = Question("Who?", 0, ("Ann Poe",), evidence=("Ann Poe keeps the old keys.",))
    assert cites(question, shown("Ann Poe keeps the old keys."))
    assert cites(question, shown("Keys: old keys, Ann"))  # half of its words
    assert not cites(question, shown("the old keys are"))
    assert cites(question, shown("Keeps old keys"))  # a part of it
    assert not cites(question, shown("Ann Poe is here."))
    assert not cites(question, [])
    assert cites(question, shown("No.", "No.", "Ann Poe keeps the old keys."))
    assert not cites(question, shown("No.", "No.", "No.", "Ann Poe keeps the old keys."))


def test_where_no_sentence_is_named_the_answer_must_stand_there() -> None:
    question = Question("Who?", 0, ("Ann Poe", "Ann P."))
    assert cites(question, shown("It was Ann Poe."))
    assert not cites(question, shown("It was Ann."))
    every = Question("Who?", 0, ("Ann Poe", "Bo Lind"), every=True)
    assert cites(every, shown("No.", "No.", "No.", "Bo Lind."))
    assert not cites(every, shown("No.", "No.", "No.", "No.", "Bo Lind."))
    cell = Evidence(1, "A", "/a.md", 1, None, "", "4", block=Place("cell", cells=(("Town", "Ost"), ("Boats", "4"))))
    assert cites(Question("Where?", 0, ("Ost",)), [cell])


def test_a_tally_gives_shares_by_kind() -> None:
    tally = Tally()
    one, many = Question("Who?", 0, ("Ann",)), Question("Which?", 0, ("Ann", "Bo"), every=True)
    named, none = Question("When?", 0, ("1904",), kind="date"), Question("Why?", 0)
    tally.add(one, "Ann", False, shown("It was Ann."))
    tally.add(one, "Bo", False, shown("It was Ann."))
    tally.add(many, "Ann and Bo", False, shown("Nothing of it."))
    tally.add(many, "Ann and Bo", True)
    tally.add(named, "1904", False)
    tally.add(none, "", True)
    tally.add(none, "", True)
    tally.add(none, "Because.", False)
    tally.seconds, tally.tokens = [3.0, 1.0, 2.0], 10
    assert tally.figures() == {
        "right": 60.0, "wrong": 20.0, "nothing": 20.0, "refused": 66.7, "cited": 33.3, "asked": 5, "unanswerable": 3,
        "median_seconds": 2.0, "tokens": 3,
        "kinds": {
            "date": {"right": 100, "wrong": 0, "nothing": 0, "asked": 1},
            "list": {"right": 50, "wrong": 0, "nothing": 50, "asked": 2},
            "one": {"right": 50, "wrong": 50, "nothing": 0, "asked": 2},
        },
    }  # fmt: skip
    assert [r["is"] for r in tally.rows] == [
        "right", "wrong", "right", "nothing", "right", "refused", "refused", "made up",
    ]  # fmt: skip
    assert [r["ok"] for r in tally.rows] == [True, False, True, False, True, True, True, False]
    assert tally.rows[2] == {"q": "Which?", "ok": True, "said": "Ann and Bo", "gold": ["Ann", "Bo"], "is": "right"}


def test_an_empty_tally_has_figures() -> None:
    figures = Tally().figures()
    assert figures == {
        "right": 0.0, "wrong": 0.0, "nothing": 0.0, "cited": 0.0, "asked": 0, "unanswerable": 0, "kinds": {},
    }  # fmt: skip


def test_the_documents_of_a_set_are_remembered_in_order(memory: Memory) -> None:
    documents = [read_text("quay.md", "# Quay\n\nIt is old.\n"), read_text("quay.md", "# Tide\n\nIt rises.\n")]
    ids = remember(memory, Questions("squad", documents))
    assert [memory.document(i).title for i in ids] == ["Quay", "Tide"]
    assert [memory.document(i).uri for i in ids] == ["stdin:0", "stdin:1"]
    (id_,) = remember(memory, Questions("folder", documents[:1]))
    assert memory.document(id_).uri == "stdin:quay.md"


def sure(*answers: tuple[float, bool], answerable: bool = True) -> Seen:
    """Answers with a feature each that says how likely they are."""
    return Seen(answerable, tuple(((1.0, value), ok) for value, ok in answers))


LOGIT = Answering((0.0, 1.0), 0.5)
"""Its probability is the logistic of the feature: 2 gives 0.88, 0 gives 0.5, -2 gives 0.12."""


def test_a_threshold_gives_shares() -> None:
    scored = [(True, 0.9, True), (True, 0.9, False), (True, 0.1, True), (True, -1.0, False), (False, 0.9, False),
              (False, 0.1, False), (False, -1.0, False)]  # fmt: skip
    assert at(scored, 0.5) == {"least": 0.5, "right": 0.25, "wrong": 0.25, "nothing": 0.5, "refused": 0.667}
    low, high = at(scored, 0.1), at(scored, 0.95)
    assert (low["right"], low["wrong"], low["nothing"], low["refused"]) == (0.5, 0.25, 0.25, 0.333)
    assert (high["right"], high["wrong"], high["nothing"], high["refused"]) == (0, 0, 1, 1)
    assert at([], 0.5) == {"least": 0.5, "right": 0, "wrong": 0, "nothing": 0, "refused": 1}


def test_the_lowest_threshold_that_keeps_to_the_bounds_is_taken() -> None:
    good = [sure((3, True), (-3, False))] * 80 + [sure((3, False))] * 8
    middling = [sure((1, True))] * 8 + [sure((1, False))] * 16
    bad = [sure((-1, False), (-2, False))] * 10 + [sure((-1, False), answerable=False)] * 10
    found, curve = fitted(good + middling + bad, LOGIT)
    assert found.weights[1] > 0
    assert found.probability((1.0, 3.0)) > 0.7 > 0.3 > found.probability((1.0, -1.0))
    (chosen,) = [row for row in curve if row["least"] == found.least]
    assert (chosen["right"], chosen["wrong"], chosen["refused"]) == (round(80 / 122, 3), round(8 / 122, 3), 1)
    below = [row for row in curve if row["least"] < found.least]
    assert below
    assert all(row["wrong"] > WRONG or row["refused"] < REFUSED for row in below)


def test_where_no_threshold_keeps_to_the_bounds_nothing_is_answered() -> None:
    found, _ = fitted([sure((3, False))] * 50 + [sure((3, True))] * 10, LOGIT)
    assert found.probability((1.0, 3.0)) < found.least


def test_what_cannot_be_fitted_is_said() -> None:
    with pytest.raises(NotFound):
        fitted([sure((3, True))] * 20, LOGIT)


class Told:
    """A pointer that points at one word wherever it stands."""

    tokens = 0

    def spans(
        self,
        question: str,
        passages: Sequence[tuple[str, str]],
        most: int = 3,
        sentences: Sequence[Sequence[int]] = (),
    ) -> list[Span]:
        places = [(number, text.find("Ann"), text.find("Bo")) for number, (_, text) in enumerate(passages)]
        found = [Span(n, at, at + 3, 2.0, 0.9) for n, at, _ in places if at >= 0]
        return found + [Span(n, at, at + 2, 1.0, 0.9) for n, _, at in places if at >= 0]


def test_of_some_questions_the_evidence_is_taken_away(memory: Memory) -> None:
    documents = [read_text("a.md", "Ann keeps the keys."), read_text("b.md", "Bo keeps the keys of the shed.")]
    data = Questions("squad", documents, [Question("Who keeps the keys?", 0, ("Ann",))] * AWAY + [Question("Who?", 1)])
    ids = remember(memory, data)
    answerer = Answerer(None, Finder(memory), decider=Decider(Told(), Answering()))  # type: ignore[arg-type]
    found = [one[0.0] for one in seen(answerer, data, data.questions, ids)]
    assert [one.answerable for one in found] == [True] * AWAY + [False, False]
    assert [ok for _, ok in found[0].answers] == [True, False]
    assert [ok for _, ok in found[AWAY].answers] == [False]  # Bo alone is left
