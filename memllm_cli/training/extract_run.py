"""`memllm train extract`: texts with statements in, a folder with checkpoint, log, weights and configuration out."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from memllm_cli.corpora.statements import Text, read
from memllm_cli.errors import DamagedError, NotFound
from memllm_cli.files import sha256
from memllm_cli.pieces import Vocabulary
from memllm_cli.pointing.open import pieces_of
from memllm_cli.training.extract_model import ExtractModel
from memllm_cli.training.extract_train import Settings, Trainer, extractor, figures
from memllm_cli.training.loop import Report, hush, kept
from memllm_cli.training.lora import named, unnamed

WEIGHTS, CONFIGURATION = "extractor.safetensors", "extractor.json"


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
) -> bool:
    """Train, or go on with what the folder holds; True when complete, and then the weights are there too.

    `base` is the folder of the encoder called `name`; `data` as `corpora.statements.read` takes it, of split sets the
    training part; `start` a folder of an earlier run.
    """
    hush()
    torch.manual_seed(settings.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    vocabulary = Vocabulary(pieces_of(base))
    ours: list[Text] = []
    others: list[Text] = []
    tuning: list[Text] = []
    for argument in data:
        own = argument.startswith("annotated:")
        (ours if own else others).extend(t for t in read(argument) if t.part == "train")
        if own:
            tuning += [t for t in read(argument) if t.part == "tune"]
    if not ours and not others:
        raise NotFound("There is no text with statements in the data.", "See docs/training.md.")
    model = ExtractModel(base, settings.rank, settings.alpha, settings.dropout)
    identity = {Path(a.partition(":")[2]).name: a.partition(":")[0] for a in data}
    if start is not None:
        begin_from(model, start, settings)
        identity["from"] = sha256(start / WEIGHTS)
    model.to(device)
    trainer = Trainer(model, settings, ours, others, vocabulary, folder, identity)
    resumed = trainer.resume(device)
    report({
        "texts": len(ours), "others": len(others), "tuning": len(tuning), "steps": trainer.steps,
        "device": device.type, "resumed_at": trainer.step if resumed else 0,
    })  # fmt: skip

    def evaluate() -> dict[str, float]:
        trainer.swap()
        try:
            return figures(extractor(model, vocabulary), tuning) if tuning else {}
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


def begin_from(model: ExtractModel, folder: Path, settings: Settings) -> None:
    """Take the weights of an earlier run. Raises NotFound when the folder holds none that fit."""
    try:
        saved = load_file(folder / WEIGHTS)
        lora = {k: v for k, v in saved.items() if not k.startswith("heads.")}
        scale = settings.alpha / settings.rank
        state = unnamed(lora, model.trained(), str(model.encoder.config.model_type), scale)
        ends = {"w": "weight", "b": "bias"}
        for name, value in saved.items():
            part, _, end = name.removeprefix("heads.").rpartition(".")
            if name.startswith("heads."):
                state[f"{part}.{ends[end]}" if part else f"{end}.weight"] = value.float()
        state["style.weight"] = torch.zeros_like(model.style.weight)
        model.load_state_dict(state, strict=False)
    except (OSError, KeyError, ValueError, RuntimeError, DamagedError) as error:
        raise NotFound(f"There is nothing to start from in {folder}: {error}", "Give a folder of it.") from error


def save(model: ExtractModel, folder: Path, about: dict[str, Any], settings: Settings) -> None:
    """Write the weights in half precision and what they are."""
    lora = {k: v for k, v in model.trained().items() if "lora_" in k}
    made = named(lora, str(model.encoder.config.model_type), settings.alpha / settings.rank)
    heads = {f"heads.{k}": v for k, v in model.head_weights().items()}
    save_file({k: v.cpu().half().contiguous() for k, v in {**made, **heads}.items()}, folder / WEIGHTS)
    digest = sha256(folder / WEIGHTS)
    about |= kept(folder / CONFIGURATION, digest, "extracting")
    about["weights_sha256"] = digest
    (folder / CONFIGURATION).write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
