from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from memllm_cli.calibration.drafter import Calibration, kind_table
from memllm_cli.calibration.logistic import fit
from memllm_cli.drafting.draft import Drafted
from memllm_cli.memory.values.relations import Relations, read_table
from memllm_cli.types import Document, Sentence, Triple
from memllm_cli.writing.drafts import Drafts, Found, _kept

NAMES = ("capital", "capital of", "date of birth", "owner of")
SENTENCES = ("The capital of Freedonia is Sylvania City.", "It rains.", "Its roofs leak.", "Nobody cares.")


def document() -> Document:
    places, at = [], 0
    for sentence in SENTENCES:
        places.append(Sentence(at, at + len(sentence), 1))
        at += len(sentence) + 1
    return Document("x", "x", "text/plain", "", " ".join(SENTENCES), tuple(places))


class Scripted:
    """Proposes what it was told to."""

    def __init__(self, *drafted: Drafted) -> None:
        self.drafted, self.tokens = drafted, 12

    def drafting(self, text: str, sentences: Sequence[object], **_: object) -> Generator[int, None, Sequence[Drafted]]:
        yield len(sentences)
        return self.drafted

    def close(self) -> None: ...


def drafted(subject: str, relation: int, object: str, margin: float) -> Drafted:
    return Drafted(subject, relation, object, margin, "LOC", "LOC", 0.0, 0.0, (0,), True)


@pytest.fixture
def read(relations_table: Path):  # type: ignore[no-untyped-def]
    relations = Relations(read_table(relations_table))
    by_margin = Calibration((0.0, 1.0, 1.0, 0.0, 0.0, 0.0), [{} for _ in NAMES])

    def call(*proposals: Drafted) -> tuple[Found, ...]:
        writer = Drafts(Scripted(*proposals), NAMES, by_margin, relations, "0", threshold=0.8, floor=0.2)  # type: ignore[arg-type]
        reading = writer.read(document())
        assert next(reading) == 4
        with pytest.raises(StopIteration) as end:
            next(reading)
        assert writer.meter.tokens == 12
        found: tuple[Found, ...] = end.value.value
        return found

    return call


def test_both_directions_of_a_relation_are_one_fact_told_twice(read) -> None:  # type: ignore[no-untyped-def]
    (found,) = read(drafted("Freedonia", 0, "Sylvania City", 1.0), drafted("Sylvania City", 1, "freedonia", 3.0))
    assert found.triple == Triple("freedonia", "capital", "Sylvania City")
    assert found.sure
    assert [t.relation for t, _ in found.said] == ["capital", "capital of"]
    assert found.probability == max(p for _, p in found.said)


def test_what_is_unlikely_is_a_proposal_or_dropped(read) -> None:  # type: ignore[no-untyped-def]
    found = read(drafted("A", 0, "B", 5.0), drafted("C", 0, "D", 0.0), drafted("E", 0, "F", -5.0))
    assert [(f.triple.subject, f.sure) for f in found] == [("A", True), ("C", False)]


@pytest.mark.parametrize(
    ("sentences", "sure"), [((1,), True), ((2, 1), True), ((0, 2), True), ((0, 3), False), ((2, 3), False)]
)
def test_what_is_said_far_apart_without_a_pronoun_is_a_proposal(read, sentences: tuple[int, ...], sure: bool) -> None:  # type: ignore[no-untyped-def]
    (found,) = read(replace(drafted("Freedonia", 0, "Sylvania City", 9.0), sentences=sentences, together=False))
    assert found.sure == sure


def test_what_is_no_date_is_unsure_and_a_name_must_fit_a_call(read) -> None:  # type: ignore[no-untyped-def]
    found = read(
        drafted("Ada", 2, "10 December 1815", 3.0), drafted("Ada", 2, "London", 3.0), drafted("A >> B", 0, "C", 3.0)
    )
    assert [(f.triple.object, f.sure) for f in found] == [("10 December 1815", True), ("London", False)]


def test_a_fit_gives_back_the_shares_it_has_seen() -> None:
    features = [(1.0, float(x)) for x in (0, 1) for _ in range(100)]
    right = [i < 20 for i in range(100)] + [i < 80 for i in range(100)]
    weights = fit(features, right, ridge=1e-6)
    calibrated = Calibration((*weights, 0.0, 0.0, 0.0, 0.0), [{}])
    assert calibrated.probability(drafted("a", 0, "b", 0.0)) == pytest.approx(0.2, abs=0.01)
    assert calibrated.probability(drafted("a", 0, "b", 1.0)) == pytest.approx(0.8, abs=0.01)


def test_kind_tables_hold_shares() -> None:
    assert kind_table([(0, "PER", "LOC"), (0, "PER", "LOC"), (0, "ORG", "LOC"), (1, "", "LOC")], 2) == [
        {"PER LOC": 0.6667, "ORG LOC": 0.3333},
        {},
    ]


def test_names_that_stand_apart_are_shown_where_the_relation_is_said(read) -> None:  # type: ignore[no-untyped-def]
    apart = replace(drafted("Freedonia", 0, "Sylvania City", 0.9), sentences=(0, 3), together=False)
    (found,) = read(apart)
    assert (found.sentences, found.sure) == ((0,), False)  # both stand in the sentence that says it
    (found,) = read(replace(drafted("Freedonia", 3, "Sylvania City", 0.9), sentences=(0, 3), together=False))
    assert found.sentences == (0, 3)  # nothing says who owns what


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Beacon Agreement for Orrery Ltd", "Beacon Agreement"),
        ("Beacon Agreement", "Beacon Agreement"),
        ("Lease with Dunmere Rovers", "Lease with Dunmere Rovers"),  # of one word nothing is known
        ("House of Reeds", "House of Reeds"),
    ],
)
def test_a_name_that_runs_on_once_is_cut(name: str, kept: str) -> None:
    text = "The Beacon Agreement binds. Lease. Lease. Lease. House of Reeds. Under the Beacon Agreement, Ada signed "
    assert _kept(name, f"{text} the Beacon Agreement. She signed the {name}.") == kept
    assert _kept(name, f"She signed the {name}.") == name
