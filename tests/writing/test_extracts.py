"""What becomes of statements: their names, relations, times, and what is said twice; with an extractor that is told."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path

import pytest

from memllm_cli.calibration.extractor import Extracting
from memllm_cli.documents import read_text
from memllm_cli.extracting.extractor import Pair, Statement
from memllm_cli.extracting.layout import Line
from memllm_cli.memory.values.relations import Relations, read_table
from memllm_cli.pieces import Vocabulary
from memllm_cli.writing.drafts import Found
from memllm_cli.writing.extracts import Extracts, aliases

TABLE = Path(__file__).resolve().parents[2] / "kb" / "relations.csv"
SURE, UNSURE = (4.0, -0.1, -0.1, -0.1, -0.1), (-3.0, -1.0, -1.0, -1.0, -1.0)


class Told:
    """An extractor that says what it is told."""

    tokens = 0
    vocabulary = Vocabulary(["<s>", "[UNK]", "</s>"])

    def __init__(self, statements: Sequence[Statement]) -> None:
        self.said = list(statements)
        self.meant: dict[Pair, tuple[str, bool]] = {}

    def reading(self, lines: Sequence[Line], pairs: Sequence[Pair] = ()) -> Generator[int, None, list[Statement]]:
        yield len(lines)
        return self.said


def said(subject: str, relation: str, object_: str, **more: object) -> Statement:
    plain: dict[str, object] = {
        "sentence": 0, "place": (0, 1), "words": subject, "truth": "stated", "ended": False, "about": False,
        "since": "", "until": "", "when": "", "by": "", "field": False, "chain": (), "scores": SURE,
    }  # fmt: skip
    return Statement(subject=subject, relation=relation, object=object_, **{**plain, **more})  # type: ignore[arg-type]


def found(
    *statements: Statement, text: str = "One sentence of some words. Another one.", name: str = "page.txt"
) -> tuple[Found, ...]:
    told = Told(statements)
    writer = Extracts(told, Extracting(), "x", Relations(read_table(TABLE)), None)  # type: ignore[arg-type]
    reading = writer.read(read_text(name, text))
    while True:
        try:
            next(reading)
        except StopIteration as end:
            return tuple(end.value)


def triples(*statements: Statement) -> list[tuple[str, str, str]]:
    return [(f.triple.subject, f.triple.relation, f.triple.object) for f in found(*statements)]


def test_articles_quotes_and_stops_are_no_part_of_a_name() -> None:
    assert triples(said("the Mill", "owned by", '"Acme".')) == [("Mill", "owned by", "Acme")]


def test_without_a_subject_the_document_is_meant() -> None:
    assert triples(said("", "dated", "5 May 2020", words="")) == [("page.txt", "dated", "5 May 2020")]


@pytest.mark.parametrize(
    ("subject", "relation", "shown"),
    [
        ("Norland", "capital of Norland is", ("Norland", "capital", "x1")),
        ("fee of Acme", "is", ("Acme", "fee", "x1")),
        ("rent under the Harbour Lease", "is", ("Harbour Lease", "rent", "x1")),
        ("number of members", "is", ("number of members", "is", "x1")),
        ("Acme", "is based in", ("Acme", "is based in", "x1")),
    ],
)
def test_a_thing_and_its_part_are_told_apart(subject: str, relation: str, shown: tuple[str, str, str]) -> None:
    assert triples(said(subject, relation, "x1")) == [shown]


def test_words_that_name_nothing_are_left_out() -> None:
    assert triples(said("It", "is", "red"), said("Acme", "owns", "that"), said("Acme", "is", "Acme")) == []


def test_what_is_said_twice_is_one_with_both_sentences() -> None:
    (one,) = found(said("Acme", "owns", "mill"), said("Acme", "owns", "mill", sentence=1))
    assert one.sentences == (0, 1)


def test_what_a_longer_object_says_too_is_left_out() -> None:
    assert triples(said("Acme", "is in", "China"), said("Acme", "is in", "Canton, China")) == [
        ("Acme", "is in", "Canton, China")
    ]


def test_time_and_truth_are_kept() -> None:
    (one,) = found(said("Ada", "led", "choir", since="2001", until="March 2010", ended=True, words="She", by="Bo"))
    assert (one.valid_from, one.valid_to) == ("2001", "2010-03")
    assert dict(one.qualifiers) == {"words": "She", "by": "Bo"}
    (two,) = found(said("Ada", "leads", "choir", truth="planned"))
    assert two.truth == "planned"
    (three,) = found(said("Ada", "led", "choir", ended=True))
    assert three.valid_to is not None


def test_one_way_relations_found_both_ways_are_not_sure() -> None:
    both = found(said("Ada", "child", "Bo"), said("Bo", "child", "Ada"))
    assert not any(f.sure for f in both)


def test_proposals_are_limited() -> None:
    many = [said(f"Thing {i}", "has", f"part {i}", scores=(0.2, -0.3, -0.3, -0.3, -0.3)) for i in range(40)]
    assert sum(not f.sure for f in found(*many)) <= 1


def test_other_names_in_brackets_are_aliases_and_roles_are_not() -> None:
    kept = found(said("Baltic Grain Authority", "called", "BGA"), said("Lumen Ltd", "called", "Supplier"))
    assert aliases(kept) == [("Baltic Grain Authority", "BGA")]


def test_words_that_are_no_name_give_way_to_the_name_they_are_given() -> None:
    kept = found(said("this document", "called", "Tarn Letter"), said("document", "amends", "Lease"))
    assert aliases(kept) == []
    shown = triples(said("the document", "called", "Tarn Letter"), said("document", "amends", "Lease"))
    assert shown == [("Tarn Letter", "amends", "Lease")]


def test_i_is_who_speaks_in_talk_and_nobody_elsewhere() -> None:
    talk = "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Ada Quist>Good. I live in Lyon.\n"
    mine = said("Bo", "live in", "Lyon", words="I", sentence=1)
    assert [f.triple.subject for f in found(mine, text=talk, name="talk.vtt")] == ["Ada Quist"]
    assert [f.triple.subject for f in found(mine)] == ["Bo"]


def test_an_end_that_nobody_names_is_said_to_be_one() -> None:
    (one,) = found(said("Ada", "led", "choir", ended=True))
    assert dict(one.qualifiers)["ended"] == "yes"
    (two,) = found(said("Ada", "led", "choir", ended=True, until="2010"))
    assert "ended" not in dict(two.qualifiers)
