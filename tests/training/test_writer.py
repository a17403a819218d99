"""The writer trained, interrupted, taken up again, merged and used: the real commands on a corpus of our own."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.training.mini import corpus
from tests.training.test_drafter import ROOT, interrupt, memllm

needs_torch = pytest.mark.skipif(
    any(importlib.util.find_spec(m) is None for m in ("torch", "transformers", "peft", "accelerate")),
    reason="needs the extra `train`",
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "mini.json"
    path.write_text(json.dumps(corpus(24)))
    return path


def resumed_at(text: str) -> int:
    return int(text.split("resumed_at ")[1].split()[0])


@needs_torch
@pytest.mark.slow
def test_interrupted_resumed_merged_and_used(tmp_path: Path, data: Path) -> None:
    home, out = tmp_path / "home", tmp_path / "writer"
    train = ["train", "write", f"redocred:{data}", "--out", str(out), "--epochs", "12", "--rank", "8"]
    interrupt(home, *train)
    done = memllm(home, *train)
    assert done.returncode == 0, done.stderr
    assert resumed_at(done.stderr) > 0
    log = json.loads((out / "log.json").read_text())
    assert log[-1]["loss"] < log[0]["loss"] / 2
    about = json.loads((out / "adapter.json").read_text())
    assert (about["base"], about["rank"]) == ("smollm2-135m-instruct", 8)
    assert (out / "loss.svg").read_text().startswith("<svg")

    used = memllm(home, "model", "use", str(out))
    assert used.returncode == 0, used.stderr
    assert "writer" in used.stdout
    unseen = tmp_path / "unseen.json"
    unseen.write_text(json.dumps(corpus(12, seed=1)))
    for writer in ("alone", "both"):
        judged = memllm(
            home, "--json", "eval", "write", str(unseen), "--part", "all", "--limit", "3", "--writer", writer
        )
        assert judged.returncode == 0, judged.stderr
        figures = json.loads(judged.stdout)["data"]
        assert figures["malformed"] == 0
        if writer == "alone":
            assert figures["f1"] > 30, figures
    fitted = memllm(home, "--json", "train", "fit", str(unseen), "--limit", "6")
    assert fitted.returncode == 0, fitted.stderr
    assert len(json.loads((out / "adapter.json").read_text())["combination"]["stream-1"]["weights"]) == 6


@needs_torch
@pytest.mark.slow
def test_two_processes_train_one_model(tmp_path: Path, data: Path) -> None:
    out = tmp_path / "writer"
    command = [
        sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2", "--num_machines", "1",
        "--mixed_precision", "no", "--dynamo_backend", "no", "-m", "memllm_cli.cli.main", "train", "write",
        f"redocred:{data}", "--out", str(out), "--epochs", "1", "--rank", "4", "--limit", "16",
    ]  # fmt: skip
    environment = {**os.environ, "MEMLLM_HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (out / "adapter.safetensors").is_file()
    (line,) = json.loads((out / "log.json").read_text())
    assert line["loss"] > 0


def edits(count: int) -> list[dict[str, str]]:
    """Edits about people of the corpus, in the usual form."""
    texts = corpus(count, seed=2)
    out = []
    for text in texts:
        person = next(v[0]["name"] for v in text["vertexSet"] if v[0]["type"] == "PER")
        out.append(
            {
                "src": f"Where was {person} born?", "alt": "Port Osric", "subject": person,
                "rephrase": f"What is the birthplace of {person}?", "loc": "nq question: when does the harvest begin",
            }
        )  # fmt: skip
    return out


@needs_torch
@pytest.mark.slow
def test_both_tasks_in_three_minutes_interrupted_resumed_built_and_edited(tmp_path: Path, data: Path) -> None:
    home, out, changes = tmp_path / "home", tmp_path / "both", tmp_path / "edits.json"
    changes.write_text(json.dumps(edits(5)))
    train = [
        "train", "both", f"redocred:{data}", "asked:30", "--limit", "12", "--out", str(out), "--epochs", "6",
        "--rank", "8", "--max-minutes", "3",
    ]  # fmt: skip
    interrupt(home, *train)
    done = memllm(home, *train)
    assert done.returncode == 0, done.stderr
    assert resumed_at(done.stderr) > 0
    about = json.loads((out / "adapter.json").read_text())
    assert about["tasks"] == ["write", "read"]

    assert memllm(home, "model", "use", str(out)).returncode == 0
    built = memllm(home, "--json", "model", "build")
    assert built.returncode == 0, built.stderr
    assert any(row["name"].startswith("adapter-") for row in json.loads(built.stdout)["data"])
    asked = memllm(home, "--json", "eval", "zsre", str(changes), "--limit", "5")
    assert asked.returncode == 0, asked.stderr
    figures = json.loads(asked.stdout)["data"]
    assert figures["facts"] == figures["edits"] == 5
    assert figures["rel"] >= 0.8, figures  # each question stands beside its fact as it was entered
    assert figures["loc"] == 1.0, figures
