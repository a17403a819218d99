"""Training the drafter: loss, loop, checkpoints that can be taken up again, evaluation on the way."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from memllm_cli.corpora.annotated import Annotated
from memllm_cli.corpora.score import Score, score
from memllm_cli.drafting.draft import Drafter
from memllm_cli.drafting.heads import TAGS, Array, Heads, Place
from memllm_cli.drafting.names import by_surface, mentions
from memllm_cli.pieces import Vocabulary
from memllm_cli.training.draft_data import UNKNOWN, Batch, Example, batch, batches, normal
from memllm_cli.training.draft_model import DraftModel, pair_loss
from memllm_cli.training.loop import Loop, linear


@dataclass(frozen=True, slots=True)
class Settings:
    """How to train. Rates are AdamW's at the top of a linear schedule; `average` is the decay of the mean weights."""

    epochs: int = 24
    size: int = 4
    encoder_rate: float = 1.5e-4
    heads_rate: float = 7e-4
    warmup: float = 0.06
    average: float = 0.995
    evidence: float = 0.1
    same: float = 0.3
    wrong_names: int = 8
    split_names: float = 0.7
    masked: float = 0.1
    """Share of things whose names are hidden from the encoder, so that it learns from what is said of them."""
    partial: float = 0.0
    """Weight of the relations of texts with incomplete labels: only what is marked can be taught, which makes the
    drafter find too much."""
    alone: float = 0.15
    """Share of steps' relations that only their description speaks for."""
    every: int = 3
    """Epochs between evaluations."""
    seed: int = 0


class Trainer(Loop):
    """One run of the drafter."""

    settings: Settings

    def __init__(
        self,
        model: DraftModel,
        settings: Settings,
        pool: Sequence[Example],
        folder: Path,
        mask: int,
        identity: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(settings, len(pool), folder, identity)
        self.mask = mask
        """Id of the piece that stands for a hidden name."""
        self.model, self.pool = model, list(pool)
        self.device = next(model.parameters()).device
        encoder = [p for p in model.encoder.parameters() if p.requires_grad]
        rest = [p for n, p in model.named_parameters() if not n.startswith("encoder.")]
        self.optimizer = torch.optim.AdamW(
            [{"params": encoder, "lr": settings.encoder_rate}, {"params": rest, "lr": settings.heads_rate}],
            weight_decay=0.01,
        )
        self.schedule = linear(self.optimizer, self.steps, settings.warmup)
        self.mean = {k: v.detach().clone() for k, v in model.state_dict().items()}

    @property
    def per_epoch(self) -> int:
        """Steps of an epoch."""
        return math.ceil(len(self.pool) / self.settings.size)

    def plan(self, epoch: int) -> list[list[Example]]:
        """The batches of an epoch."""
        return batches(self.pool, self.settings.size, self.settings.seed, epoch)

    def update(self, chosen: Sequence[Example], epoch: int) -> dict[str, float]:
        """One step on a batch."""
        rng = random.Random(f"{self.settings.seed}:{self.step}")
        self.model.train()
        total, parts = self._loss(batch(chosen, self.device), epoch, rng)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad(set_to_none=True)
        decay = min(self.settings.average, (2 + self.step) / (11 + self.step))
        with torch.no_grad():
            for name, value in self.model.state_dict().items():
                if value.dtype.is_floating_point:
                    self.mean[name].lerp_(value, 1 - decay)
        return parts

    def _loss(self, b: Batch, epoch: int, rng: random.Random) -> tuple[Tensor, dict[str, float]]:
        model, settings = self.model, self.settings
        ids, tags_ = self._hidden(b, rng)
        vectors = model.encode(ids, b.shapes, b.first, b.mask)
        logits = model.tagger(vectors)
        parts: dict[str, list[Tensor]] = {"relation": [], "evidence": [], "same": []}
        if (tags_ != UNKNOWN).any():
            parts["tags"] = [F.cross_entropy(logits.reshape(-1, TAGS), tags_.reshape(-1), ignore_index=UNKNOWN)]
        own = (torch.rand(len(model.bias), device=self.device) >= settings.alone).float()
        rows, bias = model.relation_rows(own)
        for i, example in enumerate(b.examples):
            length = len(example.window.ids)
            tags = torch.log_softmax(logits[i, :length].detach(), -1)
            if not (example.known or self.settings.partial):
                continue
            names, things = self._names(example, tags.cpu().numpy() if epoch else None, rng)
            if len(names) < 2:
                continue
            kinds = tags[:, 1::2].exp() + tags[:, 2::2].exp()
            scored = model.pairs(vectors[i, :length], kinds, names, rows, bias)
            for name, value in self._pair_losses(example, things, scored).items():
                parts[name].append(value)
        weights = {"tags": 1.0, "relation": 1.0, "evidence": settings.evidence, "same": settings.same}
        means = {name: torch.stack(values).mean() for name, values in parts.items() if values}
        loss = torch.stack([weights[name] * value for name, value in means.items()]).sum()
        return loss, {name: float(value.detach()) for name, value in means.items()}

    def _hidden(self, b: Batch, rng: random.Random) -> tuple[Tensor, Tensor]:
        """Ids with some names masked, and tags without those."""
        ids, tags = b.ids.clone(), b.tags.clone()
        for i, example in enumerate(b.examples):
            for surfaces in example.names:
                if rng.random() < self.settings.masked:
                    for place in (p for places in surfaces.values() for p in places):
                        ids[i, place.start : place.end] = self.mask
                        tags[i, place.start : place.end] = UNKNOWN
        return ids, tags

    def _names(
        self, example: Example, tags: Array | None, rng: random.Random
    ) -> tuple[list[Sequence[Place]], list[int]]:
        """Names to relate, each with its thing (negative: a name the tagger finds where there is none).

        Things are split by surface most of the time, as they are when names are found and not given.
        """
        names: list[Sequence[Place]] = []
        things: list[int] = []
        split = rng.random() < self.settings.split_names
        for thing, surfaces in enumerate(example.names):
            groups = list(surfaces.values()) if split else [tuple(p for g in surfaces.values() for p in g)]
            for group in groups:
                if group:
                    names.append(group)
                    things.append(thing)
        if tags is not None and example.known:
            right = {s for surfaces in example.names for s in surfaces}
            groups_ = by_surface(example.text, mentions(example.window, tags))
            wrong = [g for g in groups_ if normal(example.text[g[0].start : g[0].end]) not in right]
            rng.shuffle(wrong)
            for group_ in wrong[: self.settings.wrong_names]:
                names.append([m.place for m in group_])
                things.append(-len(names))
        return names, things

    def _pair_losses(
        self, example: Example, things: Sequence[int], scored: tuple[Tensor, Tensor, Tensor, Tensor]
    ) -> dict[str, Tensor]:
        threshold, scores, same, attention = scored
        n, device = len(things), self.device
        labels = torch.zeros(scores.shape, dtype=torch.bool)
        where: dict[int, list[int]] = {}
        for i, thing in enumerate(things):
            where.setdefault(thing, []).append(i)
        supported = []
        for head, relation, tail, evidence in example.labels:
            for i in where.get(head, ()):
                for j in where.get(tail, ()):
                    if i != j:
                        labels[i, j, relation] = True
                        if evidence:
                            supported.append((i, j, evidence))
        labels = labels.to(device)
        known = torch.zeros(scores.shape, dtype=torch.bool)
        known[:, :, list(example.known)] = True
        for head, relation, tail in example.unsure:
            for i in where.get(head, ()):
                known[i, where.get(tail, ()), relation] = False
        known = known.to(device)
        others = ~torch.eye(n, dtype=torch.bool, device=device)
        out: dict[str, Tensor] = {}
        if example.known:
            out["relation"] = pair_loss(threshold[others], scores[others], labels[others], known[others]).mean()
            thing = torch.tensor(things, device=device)
            alike = (thing[:, None] == thing[None])[others].float()
            out["same"] = F.binary_cross_entropy_with_logits(same[others], alike)
        elif self.settings.partial and bool((some := labels.any(-1)).any()):
            out["relation"] = (
                self.settings.partial * pair_loss(threshold[some], scores[some], labels[some], known[some]).mean()
            )
        if supported:
            sentence = torch.tensor(example.window.sentence, device=device)
            target = torch.zeros(len(supported), int(sentence.max()) + 1, device=device)
            for row, (_, _, evidence) in enumerate(supported):
                inside = [s for s in evidence if s < target.shape[1]]
                target[row, inside] = 1 / max(1, len(inside))
            member = F.one_hot(sentence.clamp(min=0), target.shape[1]).float() * (sentence >= 0)[:, None]
            i_, j_ = torch.tensor([s[:2] for s in supported], device=device).T
            shares = attention[i_, j_] @ member
            out["evidence"] = -(target * torch.log(shares + 1e-6)).sum(1).mean()
        return out

    def swap(self) -> None:
        """Exchange the weights with their running mean, which is what is evaluated and kept."""
        now = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        self.model.load_state_dict(self.mean)
        self.mean = now

    def state(self) -> dict[str, Any]:
        """Weights, their mean, and the optimiser."""
        return {
            "model": self.model.state_dict(), "mean": self.mean, "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
        }  # fmt: skip

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what `state` gave."""
        self.model.load_state_dict(state["model"])
        self.mean = state["mean"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])


class TorchVectors:
    """The encoder being trained, as the drafter asks for it."""

    def __init__(self, model: DraftModel) -> None:
        self.model = model

    @torch.no_grad()
    def __call__(self, ids: Sequence[int], added: Array, /) -> Array:
        """Vectors (tokens, width) of one window."""
        encoder = self.model.encoder
        device = next(encoder.parameters()).device
        x = encoder.embeddings.word_embeddings(torch.tensor([ids], device=device))
        x = x + torch.from_numpy(added).to(device)
        out: Array = encoder(inputs_embeds=x).last_hidden_state[0].float().cpu().numpy()
        return out

    def close(self) -> None:
        """Nothing to give back: the model is not ours."""


def drafter(model: DraftModel, vocabulary: Vocabulary) -> Drafter:
    """The drafter as it would be used with the model's present weights."""
    model.eval()
    weights = {k: v.detach().float().cpu().numpy() for k, v in model.head_weights().items()}
    heads = Heads(weights)
    return Drafter(TorchVectors(model), vocabulary, heads, weights["rows"], weights["bias"])


def figures(drafts: Drafter, texts: Sequence[Annotated], relations: Sequence[str]) -> dict[str, float]:
    """Triples at margin 0 and at the best of several margins, in percent."""
    found = [drafts.draft(t.text, t.sentences) for t in texts]

    def at(margin: float) -> Score:
        return score(
            texts, [{(d.subject, relations[d.relation], d.object) for d in f if d.margin > margin} for f in found]
        )

    best = max((x / 4 for x in range(-8, 9)), key=lambda m: at(m).micro.f1)
    now, top = at(0.0), at(best)
    return {
        "precision": round(100 * now.micro.precision, 1),
        "recall": round(100 * now.micro.recall, 1),
        "f1": round(100 * now.micro.f1, 1),
        "macro_f1": round(100 * now.macro_f1, 1),
        "best_margin": best,
        "best_f1": round(100 * top.micro.f1, 1),
        "best_macro_f1": round(100 * top.macro_f1, 1),
    }
