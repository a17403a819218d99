"""Training the adapter: steps of several batches, on one processor or several through accelerate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from memllm_cli.errors import MemllmError
from memllm_cli.training.adapter_model import Tuned, padded
from memllm_cli.training.loop import Loop, linear
from memllm_cli.training.streams import Stream, batches


@dataclass(frozen=True, slots=True)
class Settings:
    """How to train. `tokens` of a batch with its padding, `batches` of a step.

    `rank` of LoRA and its `alpha`; 0 trains the linear layers themselves.
    """

    epochs: int = 2
    tokens: int = 1024
    batches: int = 2
    rank: int = 32
    alpha: float = 64.0
    dropout: float = 0.05
    rate: float = 6e-4
    warmup: float = 0.05
    every: int = 1
    """Epochs between evaluations."""
    seed: int = 0


class Trainer(Loop):
    """One run. Every process takes every so manieth batch of a step; gradients are averaged."""

    settings: Settings

    def __init__(
        self,
        model: Tuned,
        settings: Settings,
        pool: Sequence[Stream],
        folder: Path,
        accelerator: Accelerator,
        identity: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(settings, len(pool), folder, identity)
        self.pool, self.accelerator = list(pool), accelerator
        self.writes = accelerator.is_main_process
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(self.parameters, lr=settings.rate, weight_decay=0.0)
        self.wrapped, self.optimizer = accelerator.prepare(model, optimizer)
        self.model: Tuned = accelerator.unwrap_model(self.wrapped)
        self.dtype = next(self.model.parameters()).dtype
        self._steps = [len(self.plan(e)) for e in range(settings.epochs)]
        if not min(self._steps):
            raise MemllmError(f"There is too little data for {accelerator.num_processes} processes.", "Use fewer.")
        self.schedule = linear(self.optimizer, self.steps, settings.warmup)

    @property
    def per_epoch(self) -> int:
        """Steps of an epoch: of the shortest, as the order decides how well batches are filled."""
        return min(self._steps)

    def plan(self, epoch: int) -> list[list[list[Stream]]]:
        """For each step its batches; with several processes a last step that not all have work for is left out."""
        settings = self.settings
        all_ = batches(self.pool, settings.tokens, settings.seed, epoch)
        size = max(settings.batches, self.accelerator.num_processes)
        size -= size % self.accelerator.num_processes
        steps = [all_[i : i + size] for i in range(0, len(all_), size)]
        if self.accelerator.num_processes > 1 and len(steps[-1]) < size:
            steps = steps[:-1]
        return steps[: self.per_epoch] if hasattr(self, "_steps") else steps

    def update(self, chosen: Sequence[Sequence[Stream]], epoch: int) -> dict[str, float]:
        """One step: the mean over all tokens that count of all its batches."""
        self.wrapped.train()
        processes = self.accelerator.num_processes
        total = sum(sum(s.weights) for batch in chosen for s in batch)
        loss = right = 0.0
        for batch in chosen[self.accelerator.process_index :: processes]:
            value, hits = self.wrapped(*self._rows(batch))
            self.accelerator.backward(value * processes / total)
            loss, right = loss + float(value.detach()), right + float(hits)
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad(set_to_none=True)
        share = torch.tensor([loss, right], device=self.accelerator.device)
        loss, right = (self.accelerator.reduce(share, "sum") / total).tolist()
        return {"loss": loss, "accuracy": right}

    def _rows(self, batch: Sequence[Stream]) -> tuple[torch.Tensor, ...]:
        return padded(batch, self.accelerator.device, self.dtype).parts()

    def agreed(self, seconds: float) -> float:
        """The mean over processes."""
        mine = torch.tensor(seconds, device=self.accelerator.device)
        return float(self.accelerator.reduce(mine, "mean"))

    @torch.no_grad()
    def evaluate(self, pool: Sequence[Stream]) -> dict[str, float]:
        """Nats an item (triple or read), nats a token that counts, and the share of these that were the likeliest."""
        self.model.eval()
        loss = right = 0.0
        for stream in pool:
            value, hits = self.model(*self._rows([stream]))
            loss, right = loss + float(value), right + float(hits)
        tokens = max(1.0, sum(sum(s.weights) for s in pool))
        items = max(1, sum(s.items for s in pool))
        return {
            "tuning_nats_an_item": round(loss / items, 3),
            "tuning_loss": round(loss / tokens, 4),
            "tuning_accuracy": round(right / tokens, 4),
        }

    def state(self) -> dict[str, Any]:
        """Trained weights and the optimiser."""
        return {
            "model": self.model.trained(), "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
        }  # fmt: skip

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what `state` gave."""
        self.model.take(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
