"""`memllm train write|read|both`: data in, a folder with checkpoint, log, loss plot, adapter and configuration out."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from safetensors.torch import save_file

from memllm_cli.errors import DamagedError, MemllmError, NotFound
from memllm_cli.files import sha256, whole
from memllm_cli.models.merge import CONFIGURATION, WEIGHTS
from memllm_cli.protocol import asking, written
from memllm_cli.tensors import read_safetensors
from memllm_cli.training.adapter_base import Base
from memllm_cli.training.adapter_model import Tuned, base
from memllm_cli.training.adapter_train import Settings, Trainer
from memllm_cli.training.loop import Report, hush, kept
from memllm_cli.training.plot import curve
from memllm_cli.training.streams import Stream

FORMATS = {"write": written.FORMAT, "read": asking.FORMAT}


def run(
    base_: Base,
    tasks: Collection[str],
    pool: Sequence[Stream],
    held: Sequence[Stream],
    folder: Path,
    settings: Settings,
    report: Report,
    seconds: float = math.inf,
    sources: Sequence[Path] = (),
    progress: Callable[[str], None] = lambda text: None,
    start: Path | None = None,
) -> bool:
    """Train on the streams of `pool`, or go on with what the folder holds; True when complete.

    `held` is evaluated on the way. The adapter is written in any case. Raises MemllmError when there is nothing to
    learn from.
    """
    hush()
    accelerator = Accelerator(cpu=not torch.cuda.is_available())
    if not pool:
        raise MemllmError("The data teaches nothing of this task.", "See docs/training.md for what is taught.")
    torch.manual_seed(settings.seed)
    dtype = torch.bfloat16 if torch.cuda.is_available() else torch.float32
    model = Tuned(base(base_.path, dtype), settings.rank, settings.alpha, settings.dropout)
    if start is not None:
        began_from(model, start)
    base_sha = sha256(base_.path) if base_.path.is_file() else str(base_.path)
    data = {p.name: sha256(p) for p in sources}
    trainer = Trainer(model, settings, pool, folder, accelerator, {"base": base_sha, "from": str(start or ""), **data})
    resumed = trainer.resume(accelerator.device)
    first = accelerator.is_main_process
    say: Callable[[Mapping[str, Any]], None] = report if first else lambda line: None
    tokens = sum(len(s.ids) for s in pool)
    say({"windows": len(pool), "tokens": tokens, "items": sum(s.items for s in pool), "steps": trainer.steps,
         "resumed_at": trainer.step if resumed else 0})  # fmt: skip
    try:
        complete = trainer.run(lambda: trainer.evaluate(held), say, seconds, progress)
    finally:
        if first:
            about = {
                "base": base_.name,
                "base_sha256": base_sha,
                "tasks": list(tasks),
                "formats": [FORMATS[task] for task in tasks],
                "rank": settings.rank,
                "alpha": settings.alpha,
                "settings": asdict(settings),
                "steps": trainer.step,
                "data": data,
                "last": trainer.history[-1:],
            }
            save(trainer, folder, about)
    return complete


def began_from(model: Tuned, folder: Path) -> None:
    """Take the adapter of an earlier run. Raises NotFound when it is not there or of another shape."""
    try:
        read = read_safetensors(folder / WEIGHTS)
        model.take({k: torch.tensor(np.asarray(v, np.float32)) for k, v in read.items()})
    except (ValueError, DamagedError, RuntimeError) as error:
        raise NotFound(f"There is no adapter to start from in {folder}: {error}", "Rank and base must fit.") from error


def save(trainer: Trainer, folder: Path, about: dict[str, Any]) -> None:
    """Write what is trained in half precision, what it is, and a picture of its loss."""
    tensors = {k: v.detach().cpu().half().contiguous() for k, v in trainer.model.trained().items()}
    with whole(folder / WEIGHTS) as part:
        save_file(tensors, part)
    digest = sha256(folder / WEIGHTS)
    about = {**about, **kept(folder / CONFIGURATION, digest, "combination"), "weights_sha256": digest}
    (folder / CONFIGURATION).write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    points = [(float(line["step"]), float(line["loss"])) for line in trainer.history if "loss" in line]
    (folder / "loss.svg").write_text(curve(points, "loss a token of the calls"), encoding="utf-8")
