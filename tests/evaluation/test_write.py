from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from memllm_cli.corpora import docred
from memllm_cli.evaluation.write import calibration, document, external, figures, run
from memllm_cli.memory.values.relations import Relations, read_table
from memllm_cli.types import Document, Triple
from memllm_cli.writing.drafts import Found
from memllm_cli.writing.sentences import Meter

ROW = {
    "title": "Freedonia",
    "sents": [
        ["The", "capital", "of", "Freedonia", "is", "Sylvania", "City", "."],
        ["It", "lies", "by", "Lake", "Ona"],
    ],
    "vertexSet": [
        [{"name": "Freedonia", "sent_id": 0, "pos": [3, 4], "type": "LOC"}],
        [{"name": "Sylvania City", "sent_id": 0, "pos": [5, 7], "type": "LOC"}],
        [{"name": "Lake Ona", "sent_id": 1, "pos": [3, 5], "type": "LOC"}],
    ],
    "labels": [
        {"h": 0, "r": "P36", "t": 1, "evidence": [0]},
        {"h": 1, "r": "P1376", "t": 0, "evidence": [0]},
        {"h": 1, "r": "P206", "t": 2, "evidence": [1]},
    ],
}


class Fixed:
    """A writer that finds the same whatever it reads."""

    model, format, least = "0", "fixed", 0.0

    def __init__(self, *found: Found) -> None:
        self.found, self.meter = found, Meter()

    def read(self, document: Document) -> Generator[int, None, tuple[Found, ...]]:
        yield len(document.sentences)
        return self.found

    def tokens(self, text: str) -> int:
        return len(text.split())

    def close(self) -> None: ...


def said(subject: str, relation: str, object: str, p: float) -> Found:
    triple = Triple(subject, relation, object)
    return Found(triple, (0,), p, True, ((triple, p),))


@pytest.fixture
def relations(relations_table: Path) -> Relations:
    return Relations(read_table(relations_table))


def test_a_relation_told_from_the_other_side_has_its_own_id(relations: Relations) -> None:
    assert list(external(said("Sylvania City", "capital of", "Freedonia", 0.9), relations)) == [
        (("Sylvania City", "P1376", "Freedonia"), 0.9)
    ]
    (inverse,) = external(said("France", "country of", "Paris", 0.5), relations)
    assert inverse == (("Paris", "P17", "France"), 0.5)


def test_nothing_is_derived_from_the_other_direction(relations: Relations) -> None:
    text = docred.document(ROW)
    writer = Fixed(said("Freedonia", "capital", "sylvania city", 0.9), said("Lake Ona", "capital", "Freedonia", 0.2))
    result = run(writer, relations, [text], lambda n: None)
    all_ = figures(result, 0.0)
    assert (all_["precision"], all_["recall"]) == (50.0, 33.3)
    assert all_["errors"] == {"unsupported": 1}
    sure = figures(result, 0.5)
    assert (sure["precision"], sure["triples_per_document"]) == (100.0, 1.0)
    assert [row["right"] for row in calibration(result)] == [0.0, 1.0]


def test_an_annotated_text_is_read_like_a_file() -> None:
    text = docred.document(ROW)
    made = document(text)
    assert made.sentence(1) == "It lies by Lake Ona"
    assert made.title == "Freedonia"
