"""The evaluations as a person runs them, on a little data of our own, with the model the program ships."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.conftest import ROOT
from tests.training.mini import corpus

if TYPE_CHECKING:
    from tests.e2e.conftest import Home

pytestmark = pytest.mark.e2e
EDITS = [
    ("Which river runs through Quillhaven?", "Torrent Ash", "What is the river at Quillhaven?", "Quillhaven"),
    ("Who designed the Osprey Bridge?", "Ilse Norddahl", "Who was the architect of Osprey Bridge?", "Osprey Bridge"),
    ("In which country is Lake Sabrin?", "Freedonia", "Which country is Lake Sabrin found in?", "Lake Sabrin"),
    ("What language does Otmar Keel speak?", "Marovian", "Which is the language of Otmar Keel?", "Otmar Keel"),
]


def figures(home: Home, *arguments: str) -> dict[str, Any]:
    data = home.run("--json", *arguments).data
    assert isinstance(data, dict)
    return data


def test_edits_are_entered_asked_for_and_counted(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "edits.json"
    rows = [
        {"src": q, "alt": a, "rephrase": r, "subject": s, "loc": "nq question: who painted the ceiling of the chapel"}
        for q, a, r, s in EDITS
    ]
    path.write_text(json.dumps(rows))
    found = figures(home, "eval", "zsre", str(path))
    assert (found["edits"], found["facts"]) == (4, 4)
    assert (found["rel"], found["loc"]) == (1.0, 1.0)
    assert found["gen"] >= 0.5
    assert found["average"] == pytest.approx((found["rel"] + found["gen"] + found["loc"]) / 3, abs=0.001)
    failed = sum(sum(why.values()) for why in found["failed"].values())
    assert failed == len(found["wrong"]) == 4 * (2 - found["rel"] - found["gen"])
    assert [f["edits"] for f in found["after"]] == [1, 4]
    assert {"rel", "gen", "loc", "average"} <= found["tfidf"].keys() & found["encoder"].keys()
    tuned = figures(home, "eval", "zsre", str(path), "--tune")
    assert all(0 <= tuned[name] <= 1 for name in ("tfidf", "encoder"))


def test_perplexity_with_and_without_a_memory(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "mini.json"
    path.write_text(json.dumps(corpus(3, seed=5)))
    rows = "base,disabled,memory,diluted,annotated,answer"
    found = figures(home, "eval", "perplexity", str(path), "--part", "all", "--rows", rows, "--others", "50")
    assert found["texts"] == 3
    rows_ = found["rows"]
    assert list(rows_) == rows.split(",")
    assert all(math.isfinite(r[k]) and r[k] > 1 for r in rows_.values() for k in ("overall", "target", "entity"))
    assert rows_["base"]["reads"] == rows_["disabled"]["reads"] == 0
    assert rows_["answer"]["reads"] == rows_["answer"]["due"] > 0
    assert rows_["answer"]["target"] < rows_["disabled"]["target"], "the right answer before it makes a name likelier"
    refused = home.run("eval", "perplexity", str(path), "--rows", "stripped").refused(2)
    assert "--beside" in refused


def test_questions_and_prompts(home: Home) -> None:
    asked = figures(home, "eval", "ask", "asked:6", "--others", "30", "--ways", "memory,alone")
    assert asked["questions"] == 6
    assert asked["memory"]["opened"] > 50
    assert asked["memory"]["one_hop"] > asked["alone"]["one_hop"]
    talked = figures(home, "eval", "chat", "--limit", "12")
    assert talked["prompts"] == 12
    assert round(talked["opened"] * 12 / 100) == len(talked["which"])


def test_weights_are_fitted_beside_the_adapter(home: Home, tmp_path: Path) -> None:
    own = tmp_path / "mine"
    shutil.copytree(ROOT / "models" / "adapter", own)
    assert home.run("model", "use", str(own)).code == 0
    before = json.loads((own / "adapter.json").read_text())
    found = figures(home, "train", "fit", "asked:10")
    after = json.loads((own / "adapter.json").read_text())
    assert found["file"] == str(own / "adapter.json")
    fitted = after["combination"]["read-1"]
    assert (fitted["questions"], fitted["weights"]) == (10, found["weights"])
    assert {k: v for k, v in after.items() if k != "combination"} == {
        k: v for k, v in before.items() if k != "combination"
    }
    rest = before["combination"].keys() - {"read-1"}
    assert {k: after["combination"][k] for k in rest} == {k: before["combination"][k] for k in rest}
