"""Training the pointer: LoRA on every linear layer of an encoder, and a head for the first and last piece."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn
from transformers import AutoModel

from memllm_cli.training.loop import Loop, linear
from memllm_cli.training.point_data import Example


@dataclass(frozen=True, slots=True)
class Settings:
    """How to train; the rate is AdamW's at the top of a linear schedule, `average` the decay of the mean weights."""

    epochs: int = 1
    size: int = 16
    rank: int = 32
    alpha: float = 64.0
    rate: float = 4e-4
    head_rate: float = 1e-3
    warmup: float = 0.05
    average: float = 0.99
    every: int = 1
    seed: int = 0


class PointModel(nn.Module):
    """An encoder with LoRA and a head of two scores a piece: that an answer begins there, that it ends there."""

    def __init__(self, folder: Path, rank: int, alpha: float) -> None:
        super().__init__()
        base = AutoModel.from_pretrained(str(folder), add_pooling_layer=False)
        names = ["q", "k", "v", "o", "query", "key", "value", "dense"]
        self.encoder = get_peft_model(
            base, LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=0.0, target_modules=names)
        ).get_base_model()
        self.head = nn.Linear(base.config.hidden_size, 2)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Scores (batch, pieces, 2)."""
        out: Tensor = self.head(self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state)
        return out

    def trained(self) -> dict[str, Tensor]:
        """What is trained: `LAYER.A` (rank, in), `LAYER.B` (out, rank), scaled, and the head."""
        out = {k: v for k, v in self.state_dict().items() if "lora_" in k or k.startswith("head.")}
        return {k: v.detach() for k, v in out.items()}


def batch(chosen: Sequence[Example], padding: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Ids, mask, which pieces may be pointed at, and how much each is to begin and end an answer (batch, pieces, 2)."""
    length = max(len(e.sequence.ids) for e in chosen)
    ids = torch.full((len(chosen), length), padding)
    may = torch.zeros((len(chosen), length), dtype=torch.bool)
    for i, e in enumerate(chosen):
        ids[i, : len(e.sequence.ids)] = torch.tensor(e.sequence.ids)
        may[i, e.sequence.first : len(e.sequence.ids) - 1] = True
    may[:, 0] = True
    mask = torch.arange(length)[None] < torch.tensor([len(e.sequence.ids) for e in chosen])[:, None]
    wanted = torch.zeros((len(chosen), length, 2))
    for i, e in enumerate(chosen):
        for side in (0, 1):
            places = sorted({s[side] for s in e.spans}) or [0]
            wanted[i, places, side] = 1 / len(places)
    return ids, mask.long(), may, wanted


class Trainer(Loop):
    """One run of the pointer."""

    settings: Settings

    def __init__(
        self, model: PointModel, settings: Settings, pool: Sequence[Example], folder: Path, padding: int,
        identity: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(settings, len(pool), folder, identity)
        self.model, self.pool, self.padding = model, list(pool), padding
        own = [p for n, p in model.named_parameters() if p.requires_grad and not n.startswith("head.")]
        self.optimizer = torch.optim.AdamW(
            [{"params": own, "lr": settings.rate}, {"params": model.head.parameters(), "lr": settings.head_rate}],
            weight_decay=0.01,
        )
        self.schedule = linear(self.optimizer, self.steps, settings.warmup)
        self.mean = {k: v.clone() for k, v in model.trained().items()}

    @property
    def per_epoch(self) -> int:
        """Steps of an epoch."""
        return -(-len(self.pool) // self.settings.size)

    def plan(self, epoch: int) -> list[list[Example]]:
        """The batches of an epoch: sequences of about one length together, batches in any order."""
        rng = random.Random(f"{self.settings.seed}:{epoch}")
        size = self.settings.size
        order = sorted(self.pool, key=lambda e: len(e.sequence.ids) // 24 + rng.random())
        out = [order[i : i + size] for i in range(0, len(order), size)]
        rng.shuffle(out)
        return out

    def update(self, chosen: Sequence[Example], epoch: int) -> dict[str, float]:
        """One step on a batch."""
        self.model.train()
        ids, mask, may, wanted = batch(chosen, self.padding)
        scores = self.model(ids, mask).masked_fill(~may[..., None], -1e4)
        loss = (F.cross_entropy(scores[..., 0], wanted[..., 0]) + F.cross_entropy(scores[..., 1], wanted[..., 1])) / 2
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for p in self.model.parameters() if p.requires_grad], 1.0)
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad(set_to_none=True)
        decay = min(self.settings.average, (2 + self.step) / (11 + self.step))
        with torch.no_grad():
            for name, value in self.model.trained().items():
                self.mean[name].lerp_(value, 1 - decay)
        return {"loss": float(loss.detach())}

    def swap(self) -> None:
        """Exchange the weights with their running mean, which is what is evaluated and kept."""
        now = {k: v.clone() for k, v in self.model.trained().items()}
        self.model.load_state_dict(self.mean, strict=False)
        self.mean = now

    def state(self) -> dict[str, Any]:
        """Weights, their mean, and the optimiser."""
        return {
            "model": self.model.trained(), "mean": self.mean, "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
        }  # fmt: skip

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what `state` gave."""
        self.model.load_state_dict(state["model"], strict=False)
        self.mean = state["mean"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
