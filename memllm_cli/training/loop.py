"""What every training run shares: steps over batches in a fixed order, checkpoints, going on after an interruption."""

from __future__ import annotations

import json
import math
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from memllm_cli.errors import DamagedError, StorageError, UsageError
from memllm_cli.files import whole
from memllm_cli.terminal import interrupts_held

Report = Callable[[Mapping[str, Any]], None]
SAVE_EVERY = 300
"""Seconds between checkpoints."""


def linear(optimizer: torch.optim.Optimizer, steps: int, warmup: float, least: float = 0.02) -> Any:
    """A schedule that rises over a share `warmup` of the steps and falls in a line to a share `least` of the rate."""
    warm = max(1, int(warmup * steps))

    def rate(step: int) -> float:
        return min(1.0, (step + 1) / warm) * max(least, 1 - step / max(1, steps))

    return torch.optim.lr_scheduler.LambdaLR(optimizer, rate)


class Loop(ABC):
    """One run over `batches`, step by step; everything it needs to go on is in its checkpoint.

    Each step draws from a seed of its own, so that an interrupted run is the same run.
    """

    def __init__(self, settings: Any, examples: int, folder: Path, identity: Mapping[str, str] | None = None) -> None:
        self.settings, self.examples, self.folder = settings, examples, folder
        self.identity = dict(identity or {})
        """What else makes it this run: the model it began from, the data."""
        self.step = 0
        self.seconds = 0.0
        self.history: list[dict[str, Any]] = []
        self.writes = True
        """False for all processes but the first."""

    # -- what a run says of itself ------------------------------------------------------------------------------

    @abstractmethod
    def plan(self, epoch: int) -> Sequence[Any]:
        """The batches of an epoch, one a step. Every epoch has as many."""

    @property
    @abstractmethod
    def per_epoch(self) -> int:
        """Steps of an epoch."""

    @abstractmethod
    def update(self, chosen: Any, epoch: int) -> Mapping[str, float]:
        """One step; its losses by name."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Weights and optimiser, for the checkpoint."""

    @abstractmethod
    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what `state` gave."""

    def agreed(self, seconds: float) -> float:
        """How long a step took; several processes must say the same, or one stops before the others."""
        return seconds

    # -- running ------------------------------------------------------------------------------------------------

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        return int(self.settings.epochs) * self.per_epoch

    def run(
        self,
        evaluate: Callable[[], Mapping[str, float]],
        report: Report,
        seconds: float = math.inf,
        progress: Callable[[str], None] = lambda text: None,
    ) -> bool:
        """Train to the end, or for some seconds; True when the run is complete. Saves a checkpoint in any case.

        `evaluate` is called after every `settings.every` epochs and at the end; `progress` after every step.
        """
        began_at, began_seconds = self.step, self.seconds
        until, saved = self.seconds + seconds, time.monotonic()
        losses: dict[str, list[float]] = {}
        try:
            if 0 < self.steps == self.step and (not self.history or self.history[-1]["step"] < self.step):
                self.history.append({"step": self.step, **evaluate()})  # it was stopped right before
                report(self.history[-1])
            while self.step < self.steps and self.seconds < until:
                epoch, at = divmod(self.step, self.per_epoch)
                for chosen in self.plan(epoch)[at:]:
                    began = time.monotonic()
                    torch.manual_seed(self.settings.seed * 1_000_003 + self.step)
                    with interrupts_held():  # a step is done or not
                        for name, value in self.update(chosen, epoch).items():
                            losses.setdefault(name, []).append(value)
                        self.step += 1
                        self.seconds += self.agreed(time.monotonic() - began)
                    each = (self.seconds - began_seconds) / (self.step - began_at)
                    left = min((self.steps - self.step) * each, until - self.seconds)
                    progress(f"step {self.step} of {self.steps}, about {max(0.0, left) / 60:.0f} min left")
                    if time.monotonic() - saved > SAVE_EVERY:
                        self.save()
                        saved = time.monotonic()
                    if self.seconds >= until:
                        break
                line: dict[str, Any] = {"step": self.step, "epoch": round(self.step / self.per_epoch, 2)}
                line |= {"seconds": round(self.seconds), **{k: round(float(np.mean(v)), 4) for k, v in losses.items()}}
                due = self.step % self.per_epoch == 0 and (epoch + 1) % self.settings.every == 0
                if due or self.step >= self.steps:
                    line |= evaluate()
                self.history.append(line)
                report(line)
                losses = {}
        finally:
            self.save()
        return self.step >= self.steps

    def save(self) -> None:
        """Write the checkpoint; the one before stays until this one is complete."""
        if not self.writes:
            return
        state = {
            **self.state(), "step": self.step, "seconds": self.seconds, "history": self.history,
            "settings": asdict(self.settings), "examples": self.examples, "identity": self.identity,
        }  # fmt: skip
        with whole(self.folder / "checkpoint.pt") as part:
            torch.save(state, part)
        (self.folder / "log.json").write_text(json.dumps(self.history, indent=1) + "\n", encoding="utf-8")

    def resume(self, device: torch.device) -> bool:
        """Take up the checkpoint in the folder; True when there was one.

        Raises UsageError when it is another run's, DamagedError when it cannot be read.
        """
        path = self.folder / "checkpoint.pt"
        if not path.is_file():
            return False
        try:
            state = torch.load(path, map_location=device, weights_only=True)
            theirs = {**state["settings"], **state.get("identity", {}), "examples": state["examples"]}
        except Exception as error:  # PyTorch raises whatever it stumbles over
            raise DamagedError(f"{path} cannot be read: {type(error).__name__}", "Delete it to start again.") from error
        ours = {**asdict(self.settings), **self.identity, "examples": self.examples}
        other = sorted(k for k in ours.keys() | theirs.keys() if ours.get(k) != theirs.get(k))
        if other:
            raise UsageError(
                f"{self.folder} holds another run: it differs in {', '.join(other)}.",
                "Choose another --out, or delete its checkpoint.pt to start again.",
            )
        self.restore(state)
        self.step, self.seconds, self.history = state["step"], state["seconds"], state["history"]
        return True


def hush() -> None:
    """Keep transformers from printing bars and reports of its own; errors still come as exceptions."""
    import transformers

    warnings.filterwarnings("ignore", category=FutureWarning)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()


def prepare_folder(folder: Path) -> None:
    """Make the folder of a run. Raises StorageError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".writable").touch()
        (folder / ".writable").unlink()
    except OSError as error:
        raise StorageError(f"Nothing can be written to {folder}: {error.strerror}", "Choose another --out.") from error


def kept(path: Path, weights: str, key: str) -> dict[str, Any]:
    """What a configuration holds under a key, if it is still about these weights."""
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        return {key: about[key]} if about["weights_sha256"] == weights else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
