"""Training the extractor: loss, loop, evaluation on the way."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from memllm_cli.corpora.matching import Statement, paired, share
from memllm_cli.corpora.statements import Text
from memllm_cli.extracting.extractor import Extractor
from memllm_cli.extracting.heads import Array, Heads
from memllm_cli.extracting.layout import Line
from memllm_cli.pieces import Vocabulary
from memllm_cli.training.extract_data import Batch, batch, example
from memllm_cli.training.extract_model import ExtractModel
from memllm_cli.training.loop import Loop, linear

WEIGHTS = {
    "object": 1.0, "subject": 1.0, "relation": 0.7, "since": 0.2, "until": 0.2, "when": 0.3, "by": 0.2, "name": 0.7,
    "fixed": 0.3, "known": 0.7, "truth": 0.7, "marks": 0.3,
}  # fmt: skip
"""Of the parts of the loss."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How to train. An epoch is every passage of ours and `others` texts of the other sets, drawn anew.

    Rates are AdamW's at the top of a linear schedule, `average` the decay of the mean weights.
    """

    epochs: int = 30
    size: int = 16
    others: int = 500
    rank: int = 32
    alpha: float = 64.0
    dropout: float = 0.05
    rate: float = 4e-4
    head_rate: float = 1e-3
    warmup: float = 0.05
    average: float = 0.99
    every: int = 5
    seed: int = 0


class Trainer(Loop):
    """One run of the extractor."""

    settings: Settings

    def __init__(
        self, model: ExtractModel, settings: Settings, ours: Sequence[Text], others: Sequence[Text],
        vocabulary: Vocabulary, folder: Path, identity: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(settings, len(ours) + len(others), folder, identity)
        self.model, self.ours, self.others, self.vocabulary = model, list(ours), list(others), vocabulary
        self.padding = 1 if vocabulary.opening == 0 else 0
        self.device = next(model.parameters()).device
        own = [p for n, p in model.named_parameters() if p.requires_grad and n.startswith("encoder.")]
        rest = [p for n, p in model.named_parameters() if not n.startswith("encoder.")]
        self.optimizer = torch.optim.AdamW(
            [{"params": own, "lr": settings.rate}, {"params": rest, "lr": settings.head_rate}], weight_decay=0.01
        )
        self.schedule = linear(self.optimizer, self.steps, settings.warmup)
        self.mean = {k: v.clone() for k, v in model.trained().items()}

    @property
    def per_epoch(self) -> int:
        """Steps of an epoch."""
        return -(-(len(self.ours) + min(self.settings.others, len(self.others))) // self.settings.size)

    def plan(self, epoch: int) -> list[list[Text]]:
        """The batches of an epoch: texts of about one length together, batches in any order."""
        rng = random.Random(f"{self.settings.seed}:{epoch}")
        chosen = [*self.ours, *rng.sample(self.others, min(self.settings.others, len(self.others)))]
        chosen.sort(key=lambda t: sum(map(len, t.sentences)) // 100 + 2 * rng.random())
        out = [chosen[i : i + self.settings.size] for i in range(0, len(chosen), self.settings.size)]
        rng.shuffle(out)
        return out

    def update(self, chosen: Sequence[Text], epoch: int) -> dict[str, float]:
        """One step on the windows of a batch of texts, cut anywhere."""
        rng = random.Random(f"{self.settings.seed}:{self.step}")
        made = [e for t in chosen for e in example(t, self.vocabulary, rng)]
        self.model.train()
        b = batch(made, self.padding, self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            parts = self.losses(b)
        total = torch.stack([WEIGHTS[k] * v for k, v in parts.items()]).sum()
        total.backward()
        torch.nn.utils.clip_grad_norm_([p for p in self.model.parameters() if p.requires_grad], 1.0)
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad(set_to_none=True)
        decay = min(self.settings.average, (2 + self.step) / (11 + self.step))
        with torch.no_grad():
            for name, value in self.model.trained().items():
                self.mean[name].lerp_(value, 1 - decay)
        return {k: float(v) for k, v in zip(parts, torch.stack(list(parts.values())).detach().tolist(), strict=True)}

    def losses(self, b: Batch) -> dict[str, Tensor]:
        """The parts of the loss by name."""
        model = self.model
        x = model.encode(b.ids, b.mask, b.shapes, b.styles)
        scores = model.objects(x)
        each = F.binary_cross_entropy_with_logits(scores, b.wanted, reduction="none")
        out = {"object": (each * b.judged).sum() / b.wanted.sum().clamp(min=1)}
        if not len(b.chosen.example):
            return out
        said = model.scores(x, model.vectors(x, b.chosen), b.chosen)
        for name, wanted in b.pointers.items():
            aim = wanted * b.may[name][:, None]
            has = b.has[name] & (aim.sum(-1).amin(-1) > 0)
            if not has.any():
                continue
            aim = aim[has] / aim[has].sum(-1, keepdim=True)
            logs = torch.log_softmax(said.pointers[name][has].masked_fill(~b.may[name][has][:, None], -1e4), -1)
            out[name] = -(aim * logs).sum(-1).mean()
        for name, values in (("fixed", said.fixed), ("known", said.field), ("truth", said.truth)):
            aims = getattr(b, name)
            if (aims >= 0).any():
                out[name] = F.cross_entropy(values, aims, ignore_index=-1)
        if b.marked.any():
            out["marks"] = F.binary_cross_entropy_with_logits(said.marks[b.marked], b.marks[b.marked])
        return out

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


class TorchVectors:
    """The encoder being trained, as the extractor asks for it."""

    def __init__(self, model: ExtractModel, padding: int) -> None:
        self.model, self.padding = model, padding

    @torch.no_grad()
    def __call__(self, sequences: Sequence[Sequence[int]]) -> list[Array]:
        """Vectors (pieces, width) of each sequence."""
        device = next(self.model.parameters()).device
        length = max(map(len, sequences))
        ids = torch.tensor([[*s, *[self.padding] * (length - len(s))] for s in sequences], device=device)
        mask = torch.tensor([[1] * len(s) + [0] * (length - len(s)) for s in sequences], device=device)
        x = self.model.encoder(input_ids=ids, attention_mask=mask).last_hidden_state.float().cpu().numpy()
        return [row[: len(s)] for row, s in zip(x, sequences, strict=True)]


def extractor(model: ExtractModel, vocabulary: Vocabulary) -> Extractor:
    """The extractor as it would be used with the model's present weights."""
    model.eval()
    heads = Heads({k: v.float().cpu().numpy() for k, v in model.head_weights().items()})
    return Extractor(TorchVectors(model, 1 if vocabulary.opening == 0 else 0), vocabulary, heads)


def figures(extracts: Extractor, texts: Sequence[Text]) -> dict[str, float]:
    """Of the facts of texts: best F1 over thresholds, with precision and recall there, and how often relation and truth
    are right of those found; in percent."""
    rows: list[tuple[float, bool, bool, bool]] = []
    gold = 0
    for text in texts:
        found = extracts.statements([Line(text.lead, s) for s in (*text.before, *text.sentences)])
        found = [s for s in found if s.sentence >= len(text.before)]
        wanted = [
            Statement(s.fact["s"], s.fact["r"], s.fact["o"], s.fact["t"], bool(s.fact.get("ended"))) for s in text.said
        ]
        gold += len(wanted)
        made = [Statement(s.subject or text.lead, s.relation, s.object, s.truth, s.ended) for s in found]
        matched = {j: i for i, j in paired(wanted, made)}
        for j, s in enumerate(found):
            i = matched.get(j)
            w = wanted[i] if i is not None else None
            rows.append((
                sum(s.scores), w is not None, w is not None and share(w.relation, made[j].relation) >= 0.3,
                w is not None and w.current == made[j].current,
            ))  # fmt: skip
    rows.sort(reverse=True)
    right = np.cumsum([float(r[1]) for r in rows]) if rows else np.zeros(1)
    counts = np.arange(1, len(right) + 1)
    precision, recall = right / counts, right / max(1, gold)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
    at = int(f1.argmax())
    taken = [r for r in rows[: at + 1] if r[1]]
    related, truth = (float(np.mean([float(r[k]) for r in taken] or [0.0])) for k in (2, 3))
    return {
        "precision": round(100 * float(precision[at]), 1), "recall": round(100 * float(recall[at]), 1),
        "f1": round(100 * float(f1[at]), 1), "related": round(100 * related, 1),
        "truth": round(100 * truth, 1),
        "found_in_all": round(100 * float(recall[-1]), 1),
    }  # fmt: skip
