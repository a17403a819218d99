"""The extractor as it is trained: an encoder with LoRA, and the heads of `extracting.heads` in PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn
from transformers import AutoModel

from memllm_cli.extracting.heads import FIELDS, FIXED, MARKS, POINTERS, SIZE, TRUTHS, WIDEST
from memllm_cli.pieces import SHAPES

HIDDEN = 256
STYLES = ("ours", "open", "roles", "names")
"""Whose way of annotating an example follows: what one set calls a fact another leaves out. Used is the first."""


class Chosen(NamedTuple):
    """Objects of a batch: which example, first and last piece, first and last piece of the subject's words, first piece
    of the relation's (0 for none)."""

    example: Tensor
    first: Tensor
    last: Tensor
    subject_first: Tensor
    subject_last: Tensor
    relation: Tensor


class Scores(NamedTuple):
    """What the heads say of the chosen objects; pointers (n, 2, pieces) by their names."""

    pointers: dict[str, Tensor]
    fixed: Tensor
    field: Tensor
    truth: Tensor
    marks: Tensor


class ExtractModel(nn.Module):
    """An encoder with LoRA and the heads."""

    def __init__(self, folder: Path, rank: int, alpha: float, dropout: float) -> None:
        super().__init__()
        base = AutoModel.from_pretrained(str(folder), add_pooling_layer=False)
        names = ["q", "k", "v", "o", "query", "key", "value", "dense"]
        self.encoder = get_peft_model(
            base, LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=names)
        ).get_base_model()
        width = int(base.config.hidden_size)
        ends = len(POINTERS) * 2 * SIZE
        self.shape = nn.Embedding(len(SHAPES), width)
        self.style = nn.Embedding(len(STYLES), width)
        self.length = nn.Embedding(WIDEST, 1)
        self.begin, self.end = nn.Linear(width, SIZE), nn.Linear(width, SIZE)
        self.begin_alone, self.end_alone = nn.Linear(width, 1), nn.Linear(width, 1)
        self.span, self.span_norm = nn.Linear(3 * width, HIDDEN), nn.LayerNorm(HIDDEN)
        self.name, self.name_norm = nn.Linear(HIDDEN + 2 * width, HIDDEN), nn.LayerNorm(HIDDEN)
        self.truth, self.truth_norm = nn.Linear(HIDDEN + 2 * width, HIDDEN), nn.LayerNorm(HIDDEN)
        self.query, self.key = nn.Linear(HIDDEN, ends), nn.Linear(width, ends)
        self.fixed, self.field = nn.Linear(HIDDEN, len(FIXED)), nn.Linear(HIDDEN, len(FIELDS))
        self.truths, self.marks = nn.Linear(HIDDEN, len(TRUTHS)), nn.Linear(HIDDEN, len(MARKS))
        self.drop = nn.Dropout(0.1)
        for table in (self.shape, self.style, self.length):
            nn.init.normal_(table.weight, std=0.02)
        nn.init.constant_(self.begin_alone.bias, -4.0)

    def encode(self, ids: Tensor, mask: Tensor, shapes: Tensor, styles: Tensor) -> Tensor:
        """Vectors (batch, pieces, width) that the heads see."""
        x: Tensor = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        return self.drop(x + self.shape(shapes) + self.style(styles)[:, None])

    def objects(self, x: Tensor) -> Tensor:
        """Log odds (batch, pieces, pieces) that an object reaches from one piece to another."""
        length = x.shape[1]
        at = torch.arange(length, device=x.device)
        ahead = (at[None] - at[:, None]).clamp(0, WIDEST - 1)
        out = (self.begin(x) / SIZE**0.5) @ self.end(x).transpose(1, 2)
        out = out + self.begin_alone(x) + self.end_alone(x).transpose(1, 2) + self.length(ahead)[..., 0]
        return out.float()

    def vectors(self, x: Tensor, chosen: Chosen) -> Tensor:
        """A vector (n, hidden) for each object; zero where an object has no piece (first before 0)."""
        sums = F.pad(x.float().cumsum(1), (0, 0, 1, 0))
        first, last = chosen.first.clamp(min=0), chosen.last.clamp(min=0)
        mean = (sums[chosen.example, last + 1] - sums[chosen.example, first]) / (last + 1 - first)[:, None]
        parts = [x[chosen.example, first], x[chosen.example, last], mean.to(x.dtype)]
        out: Tensor = self.span_norm(F.gelu(self.span(torch.cat(parts, 1)), approximate="tanh"))
        return out * (chosen.first >= 0)[:, None]

    def scores(self, x: Tensor, objects: Tensor, chosen: Chosen) -> Scores:
        """Everything that is said of the chosen objects."""
        keys = self.key(x).view(*x.shape[:2], len(POINTERS), 2, SIZE)
        subject = x[chosen.example, chosen.subject_first], x[chosen.example, chosen.subject_last]
        named = self.name_norm(F.gelu(self.name(torch.cat([objects, *subject], 1)), approximate="tanh"))
        queries = self.query(objects).view(-1, len(POINTERS), 2, SIZE) / SIZE**0.5
        naming = self.query(named).view(-1, len(POINTERS), 2, SIZE) / SIZE**0.5
        pointers = {}
        for k, pointer in enumerate(POINTERS):
            q = (naming if pointer == "name" else queries)[:, k]
            pointers[pointer] = torch.einsum("nes,nles->nel", q, keys[chosen.example, :, k]).float()
        mixed = torch.cat([objects, subject[0], x[chosen.example, chosen.relation]], 1)
        z = self.truth_norm(F.gelu(self.truth(mixed), approximate="tanh"))
        return Scores(
            pointers, self.fixed(objects).float(), self.field(objects).float(), self.truths(z).float(),
            self.marks(z).float(),
        )  # fmt: skip

    def trained(self) -> dict[str, Tensor]:
        """What is trained: LoRA's matrices and the heads."""
        kept = {k: v for k, v in self.state_dict().items() if "lora_" in k or not k.startswith("encoder.")}
        return {k: v.detach() for k, v in kept.items()}

    def head_weights(self) -> dict[str, Tensor]:
        """The heads by the names of `extracting.heads`, our style folded into the shapes."""
        state = {k: v.detach() for k, v in self.state_dict().items() if not k.startswith("encoder.")}
        shape = state.pop("shape.weight") + state.pop("style.weight")[0][None]
        length = state.pop("length.weight")
        ends = {"weight": "w", "bias": "b"}
        parts = {tuple(k.rsplit(".", 1)): v for k, v in state.items()}
        return {"shape": shape, "length": length, **{f"{n}.{ends[end]}": v for (n, end), v in parts.items()}}


def spread(places: Sequence[tuple[int, int]], length: int) -> Tensor:
    """How much each piece is to begin and to end what is pointed at (2, length); several share."""
    out = torch.zeros(2, length)
    for side in (0, 1):
        at = sorted({p[side] for p in places})
        out[side, at] = 1 / len(at)
    return out
