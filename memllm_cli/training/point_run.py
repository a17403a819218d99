"""`memllm train point`: questions in, a folder with checkpoint, log, weights and configuration out."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from memllm_cli.corpora.questions import read
from memllm_cli.errors import DamagedError, NotFound
from memllm_cli.files import sha256
from memllm_cli.pieces import Vocabulary
from memllm_cli.pointing.open import pieces_of
from memllm_cli.training.loop import Report, hush, kept
from memllm_cli.training.lora import named, unnamed
from memllm_cli.training.point_data import Example, examples
from memllm_cli.training.point_train import PointModel, Settings, Trainer, batch

WEIGHTS, CONFIGURATION = "pointer.safetensors", "pointer.json"
MIX: dict[str, tuple[int, float, float]] = {
    "squad": (100_000, 0.4, 0.5),
    "nq": (1800, 0.3, 0.4),
    "policyqa": (600, 0.15, 0.5),
    "tatqa": (100_000, 0.6, 0.5),
    "qamr": (2000, 0.25, 1.0),
    "annotated": (100_000, 0.6, 0.3),
}
"""Of each kind of questions: how many at most, the share that is asked of a passage without the answer too, and the
share of passages cut to the sentences around it."""
TUNING = 200
"""Examples that are watched while training."""


def run(
    base: Path,
    name: str,
    data: Sequence[str],
    folder: Path,
    settings: Settings,
    report: Report,
    seconds: float = math.inf,
    progress: Callable[[str], None] = lambda text: None,
    start: Path | None = None,
    many: float = 1.0,
) -> bool:
    """Train, or go on with what the folder holds; True when complete, and then the weights are there too.

    `base` is the folder of the encoder called `name`; `data` as `corpora.questions.read` takes it, of split sets the
    training part; `start` a folder of an earlier run; `many` multiplies how many questions of each kind are taken.
    """
    hush()
    torch.manual_seed(settings.seed)
    vocabulary = Vocabulary(pieces_of(base))
    rng = random.Random(settings.seed)
    pool: list[Example] = []
    tuning: list[Example] = []
    for argument in data:
        kind, _, rest = argument.partition(":")
        most, wrong, short = MIX.get(kind, (100_000, 0.3, 0.5))
        part = argument if "#" in rest else f"{argument}#train"
        pool += examples(read(part), vocabulary, int(most * many), wrong, rng, short)
        if "#" not in rest and kind in ("squad", "policyqa", "tatqa", "annotated"):
            tuning += examples(read(f"{argument}#tune"), vocabulary, TUNING, 0.5, random.Random(0))
    if not pool:
        raise NotFound("There is no question with a place for its answer in the data.", "See docs/training.md.")
    random.Random(0).shuffle(tuning)
    model = PointModel(base, settings.rank, settings.alpha)
    identity = {Path(a.partition(":")[2].partition("#")[0]).name: a.partition("#")[2] for a in data}
    if start is not None:
        begin_from(model, start, settings)
        identity["from"] = sha256(start / WEIGHTS)
    padding = 1 if vocabulary.opening == 0 else 0
    trainer = Trainer(model, settings, pool, folder, padding, identity)
    resumed = trainer.resume(torch.device("cpu"))
    report({"examples": len(pool), "steps": trainer.steps, "resumed_at": trainer.step if resumed else 0})

    def evaluate() -> dict[str, float]:
        trainer.swap()
        try:
            return figures(model, tuning[:TUNING], padding)
        finally:
            trainer.swap()

    complete = trainer.run(evaluate, report, seconds, progress)
    trainer.swap()
    about = {
        "base": name, "settings": asdict(settings), "steps": trainer.step, "complete": complete, "data": identity,
        "last": trainer.history[-1:],
    }  # fmt: skip
    save(model, folder, about, settings)
    trainer.swap()
    return complete


@torch.no_grad()
def figures(model: PointModel, tuning: Sequence[Example], padding: int) -> dict[str, float]:
    """Shares of examples whose span is found exactly, and of those without an answer that are found to have none."""
    model.eval()
    hit = [0, 0]
    count = [0, 0]
    for i in range(0, len(tuning), 16):
        chosen = tuning[i : i + 16]
        ids, mask, may, _ = batch(chosen, padding)
        scores = model(ids, mask).masked_fill(~may[..., None], -1e4).argmax(1)
        for j, example in enumerate(chosen):
            there = int(bool(example.spans))
            count[there] += 1
            hit[there] += (int(scores[j, 0]), int(scores[j, 1])) in (example.spans or ((0, 0),))
    return {
        "exact": round(100 * hit[1] / max(1, count[1]), 1), "not_there": round(100 * hit[0] / max(1, count[0]), 1),
    }  # fmt: skip


def begin_from(model: PointModel, folder: Path, settings: Settings) -> None:
    """Take the weights of an earlier run. Raises NotFound when the folder holds none that fit."""
    try:
        saved = load_file(folder / WEIGHTS)
        head = {k: v.float() for k, v in saved.items() if k.startswith("head.")}
        lora = {k: v for k, v in saved.items() if k not in head}
        scale = settings.alpha / settings.rank
        state = head | unnamed(lora, model.trained(), str(model.encoder.config.model_type), scale)
        model.load_state_dict(state, strict=False)
    except (OSError, KeyError, ValueError, RuntimeError, DamagedError) as error:
        raise NotFound(f"There is nothing to start from in {folder}: {error}", "Give a folder of it.") from error


def save(model: PointModel, folder: Path, about: dict[str, Any], settings: Settings) -> None:
    """Write the weights in half precision and what they are."""
    state = model.trained()
    made = named(state, str(model.encoder.config.model_type), settings.alpha / settings.rank)
    made |= {k: v for k, v in state.items() if k.startswith("head.")}
    save_file({k: v.half().contiguous() for k, v in made.items()}, folder / WEIGHTS)
    digest = sha256(folder / WEIGHTS)
    about |= kept(folder / CONFIGURATION, digest, "answers")
    about["weights_sha256"] = digest
    (folder / CONFIGURATION).write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
