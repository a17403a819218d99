"""The model's word on what the drafter is sure of: it sees the evidence alone, and unsupported facts stay proposals."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from memllm_cli.calibration.check import FORMAT, Check, read_check
from memllm_cli.errors import DamagedError
from memllm_cli.evaluation.check import _threshold, check, lower, read_judged
from memllm_cli.evaluation.write import finished
from memllm_cli.memory.values.relations import Relations
from memllm_cli.types import Triple
from memllm_cli.writing.checked import LOOKED, Checked, supports
from memllm_cli.writing.drafts import Found
from tests.writing.test_chosen import Proposing, document, relations, writer

__all__ = ["relations"]  # a fixture

SAID = Triple("Freedonia", "capital", "Sylvania City")
UNSAID = Triple("Freedonia", "capital", "Ker")
SENTENCE = "The capital of Freedonia is Sylvania City."


def test_what_the_model_would_write_is_supported(relations: Relations) -> None:
    said, unsaid = supports(writer(relations), "Freedonia", [(SAID, [SENTENCE]), (UNSAID, [SENTENCE])])
    assert said.all > unsaid.all
    assert said.relation == pytest.approx(unsaid.relation)
    nothing, *_ = supports(writer(relations), "", [(SAID, ["It was raining."])])
    assert nothing.close > said.close


def test_only_what_the_drafter_is_sure_of_and_the_model_supports_is_a_fact(relations: Relations) -> None:
    drafted = [
        Found(SAID, (0,), 0.9, True),
        Found(UNSAID, (0,), 0.9, True),
        Found(Triple("Sylvania City", "country", "Freedonia"), (0,), LOOKED - 0.1, False),
        Found(Triple("Freedonia", "continent", "Sylvania City"), (0,), 0.9, False, provable=False),
    ]
    drafts = Proposing(*drafted)
    drafts.drafter = type("Drafter", (), {"tokens": 7})()  # type: ignore[attr-defined]
    drafts.fullest = 0.3  # type: ignore[attr-defined]
    checked = Checked(writer(relations), drafts, Check((3.0, 0.0, 1.0, 0.0, 0.0), 0.9))  # type: ignore[arg-type]
    found = finished(checked.read(document(SENTENCE)))
    assert [f.triple for f in found if f.sure] == [SAID]
    assert {f.triple: f.probability for f in found}[drafted[2].triple] == LOOKED - 0.1  # nobody asked the model
    assert checked.meter.tokens > 7


def test_a_check_is_fitted_to_judged_facts_and_kept(tmp_path: Path, relations: Relations) -> None:
    path = tmp_path / "judged.csv"
    columns = ("subject", "relation", "object", "probability", "source", "sentences", "verdict")
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(columns)
        for i in range(60):
            triple = SAID if i % 3 else UNSAID
            verdict = "right" if i % 3 else "unsupported"
            table.writerow([*(triple.subject, triple.relation, triple.object), 0.7, "Freedonia.md", SENTENCE, verdict])
    values = check(writer(relations), read_judged(path))
    assert (values["judged"], values["right"], values["kept"]) == (60, 40, 40)
    adapter = tmp_path / "adapter.json"
    adapter.write_text(json.dumps({"combination": {FORMAT: values}}))
    fitted = read_check(adapter)
    assert fitted is not None
    said, unsaid = supports(writer(relations), "Freedonia", [(SAID, [SENTENCE]), (UNSAID, [SENTENCE])])
    assert fitted.probability(0.7, said) > fitted.threshold > fitted.probability(0.7, unsaid)


def test_no_check_and_a_damaged_one(tmp_path: Path) -> None:
    path = tmp_path / "adapter.json"
    path.write_text("{}")
    assert read_check(path) is None
    path.write_text(json.dumps({"combination": {FORMAT: {"weights": [1.0], "threshold": 0.5}}}))
    with pytest.raises(DamagedError, match="weights"):
        read_check(path)


def test_a_threshold_wants_eight_in_ten_of_at_least_twenty() -> None:
    good = [(float(i), True) for i in range(100, 80, -1)]
    assert _threshold(good)[1] == 20
    assert _threshold(good[:19]) == (1.0, 0)
    bad = [(float(-i), False) for i in range(50)]
    assert _threshold([*good, *bad])[1] == 21  # 20 of 25 are eight in ten, but not surely
    assert lower(20, 22) < 0.8 < lower(20, 21) < lower(20, 20) < 1
    assert lower(80, 100) < 0.8 < lower(87, 100)
