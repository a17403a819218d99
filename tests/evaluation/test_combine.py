"""A probability from draft and model means what it says on what it was fitted to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from memllm_cli.calibration.choice import Combination, read_combination
from memllm_cli.corpora.docred import document as annotated
from memllm_cli.errors import DamagedError
from memllm_cli.evaluation.combine import combine, store
from memllm_cli.evaluation.write import document, finished
from memllm_cli.memory.values.relations import Relations, read_table
from memllm_cli.protocol import written
from memllm_cli.types import Triple
from memllm_cli.writing.chosen import Chosen
from memllm_cli.writing.drafts import Found
from tests.evaluation.test_write import ROW
from tests.writing.test_chosen import Proposing, drafted, writer

RIGHT = drafted(Triple("Freedonia", "capital", "Sylvania City"), 0)
WRONG = drafted(Triple("Sylvania City", "capital", "Freedonia"), 0)


def chosen(relations: Relations, *found: Found) -> Chosen:
    return Chosen(writer(relations), Proposing(*found), Combination())  # type: ignore[arg-type]


def test_what_the_model_keeps_becomes_likelier_than_what_it_refuses(relations_table: Path) -> None:
    relations = Relations(read_table(relations_table))
    texts = [annotated(ROW) for _ in range(12)]
    values = combine(chosen(relations, RIGHT, WRONG), relations, texts, lambda n: None)
    fitted = Combination(tuple(values["weights"]))
    reading = Chosen(writer(relations), Proposing(RIGHT, WRONG), fitted).read(document(texts[0]))  # type: ignore[arg-type]
    found = finished(reading)
    assert [f.triple for f in found] == [RIGHT.triple, WRONG.triple]
    assert found[0].probability > 0.8 > 0.3 > found[1].probability


def test_nothing_drafted_fits_nothing(relations_table: Path) -> None:
    relations = Relations(read_table(relations_table))
    assert combine(chosen(relations), relations, [annotated(ROW)], lambda n: None) == {}


def test_a_combination_is_kept_by_format(tmp_path: Path) -> None:
    path = tmp_path / "adapter.json"
    path.write_text(json.dumps({"formats": [written.FORMAT], "rank": 8}))
    store(path, written.FORMAT, {"weights": [0, 1, 0, 0, 0, 0], "threshold": 0.7, "fullest": 0.4})
    assert read_combination(path, written.FORMAT) == Combination((0, 1, 0, 0, 0, 0), 0.7, 0.4)
    assert json.loads(path.read_text())["rank"] == 8
    with pytest.raises(DamagedError, match="format"):
        read_combination(path, "another")
