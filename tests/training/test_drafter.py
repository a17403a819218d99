"""The drafter trained, interrupted, taken up again, built and used: the real commands on a corpus of our own."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.training.mini import corpus

ROOT = Path(__file__).resolve().parents[2]
needs_torch = pytest.mark.skipif(
    any(importlib.util.find_spec(m) is None for m in ("torch", "transformers", "safetensors")),
    reason="needs the extra `train`",
)


def memllm(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "MEMLLM_HOME": str(home), "NO_COLOR": "1"}
    command = [sys.executable, "-m", "memllm_cli.cli.main", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900)


def interrupt(home: Path, *arguments: str) -> None:
    """Run a training and press Ctrl-C after its first epoch."""
    process = subprocess.Popen(
        [sys.executable, "-m", "memllm_cli.cli.main", *arguments],
        cwd=ROOT, env={**os.environ, "MEMLLM_HOME": str(home)}, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        if "epoch 1.0" in line:
            break
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    rest = process.stderr.read()
    assert process.wait(timeout=120) == 130, rest
    assert "Traceback" not in rest


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "mini.json"
    path.write_text(json.dumps(corpus(60)))
    return path


@needs_torch
@pytest.mark.slow
def test_interrupted_resumed_built_and_used(tmp_path: Path, data: Path) -> None:
    home, out = tmp_path / "home", tmp_path / "drafter"
    train = ["train", "draft", f"redocred:{data}", "--out", str(out), "--epochs", "12", "--every", "6"]
    interrupt(home, *train)
    first = memllm(home, *train, "--max-minutes", "0.1")
    assert "resumed_at" in first.stderr
    resumed = int(first.stderr.split("resumed_at ")[1].split()[0])
    assert resumed > 0, first.stderr
    done = memllm(home, *train)
    assert done.returncode == 0, done.stderr
    assert "weights in" in done.stdout
    about = json.loads((out / "drafter.json").read_text())
    assert about["complete"]
    assert {r["external"] for r in about["relations"]} == {"P19", "P108", "P159"}

    assert memllm(home, "model", "use", str(out)).returncode == 0
    unseen = tmp_path / "unseen.json"
    unseen.write_text(json.dumps(corpus(20, seed=1)))
    judged = memllm(home, "--json", "eval", "write", str(unseen), "--part", "all", "--limit", "3")
    assert judged.returncode == 0, judged.stderr
    figures = json.loads(judged.stdout)["data"]
    assert figures["documents"] == 3
    assert figures["malformed"] == 0
    assert figures["f1"] > 60, figures

    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text("Ines Corvin was born in Calder. Ines Corvin works for Beacon Mills.")
    read = memllm(home, "--json", "ingest", str(tmp_path / "docs"))
    assert read.returncode == 0, read.stderr
    listed = memllm(home, "fact", "list").stdout + memllm(home, "fact", "list", "--proposed").stdout
    assert "Ines Corvin" in listed
    shutil.rmtree(home)


@needs_torch
@pytest.mark.slow
def test_the_heads_of_training_and_of_use_agree() -> None:
    import numpy as np
    import torch

    from memllm_cli.corpora import docred
    from memllm_cli.drafting.heads import Heads
    from memllm_cli.memory.values.relations import read_table
    from memllm_cli.models.catalog import Catalog
    from memllm_cli.paths import Home
    from memllm_cli.training.draft_data import examples
    from memllm_cli.training.draft_model import DraftModel, Sizes
    from memllm_cli.training.draft_run import described, known, vocabulary_of

    catalog = Catalog(Home(ROOT, "checkout"))
    encoder = catalog.source(catalog.entry(catalog.encoder)).parent
    relations = known(read_table(ROOT / "kb" / "relations.csv"), ["P19", "P108", "P159", "P1376"])
    assert relations[3].name == "capital of"
    model = DraftModel(encoder, described(encoder, [r.text for r in relations]), Sizes()).eval()
    text = docred.document(corpus(1)[0])
    (example,) = examples(text, vocabulary_of(encoder), {r.external: i for i, r in enumerate(relations)})
    window = example.window
    with torch.no_grad():
        ids, shapes, first = (torch.tensor([v]) for v in (window.ids, window.shapes, window.first))
        x = model.encode(ids, shapes, first, torch.ones_like(ids))[0]
        tags = torch.log_softmax(model.tagger(x), -1)
        names = [[p for places in name.values() for p in places] for name in example.names]
        rows, bias = model.relation_rows()
        kinds = tags[:, 1::2].exp() + tags[:, 2::2].exp()
        threshold, scores, same, attention = model.pairs(x, kinds, names, rows, bias)
    weights = {k: v.detach().numpy() for k, v in model.head_weights().items()}
    heads = Heads(weights)
    np.testing.assert_allclose(heads.tags(x.numpy()), tags.numpy(), atol=1e-4)
    pairs = heads.pairs(x.numpy(), tags.numpy(), names, weights["rows"], weights["bias"])
    np.testing.assert_allclose(pairs.margins, (scores - threshold).numpy(), atol=1e-4)
    np.testing.assert_allclose(pairs.same, same.numpy(), atol=1e-4)
    np.testing.assert_allclose(pairs.attention, attention.numpy(), atol=1e-5)
