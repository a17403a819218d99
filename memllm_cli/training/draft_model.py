"""The drafter as it is trained: the encoder and the heads of `drafting.heads`, in PyTorch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import BertModel

from memllm_cli.drafting.heads import FAR, HEADS, TAGS, Place, _gaps
from memllm_cli.pieces import SHAPES
from memllm_cli.types import KINDS


@dataclass(frozen=True, slots=True)
class Sizes:
    """Widths of the heads."""

    hidden: int = 256
    block: int = 8
    small: int = 32
    triangle: int = 64
    layers: int = 2
    dropout: float = 0.2


class Triangle(nn.Module):
    """Pairs look at pairs that share a name."""

    def __init__(self, hidden: int, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(hidden)
        for key in ("a", "b", "a_gate", "b_gate", "c", "d"):
            setattr(self, key, nn.Linear(hidden, width))
        self.out_norm = nn.LayerNorm(2 * width)
        self.out = nn.Linear(2 * width, hidden)
        self.gate = nn.Linear(hidden, hidden)
        self.drop = nn.Dropout(0.1)

    def forward(self, z: Tensor) -> Tensor:
        """Update (n, n, hidden)."""
        y = self.norm(z)
        left = (self.a(y) * torch.sigmoid(self.a_gate(y))).permute(2, 0, 1)
        right = (self.b(y) * torch.sigmoid(self.b_gate(y))).permute(2, 0, 1)
        out = left @ right
        across = self.c(y).permute(2, 0, 1) @ self.d(y).permute(2, 1, 0)
        both = torch.cat([out, across]).permute(1, 2, 0) / len(z) ** 0.5
        update: Tensor = z + torch.sigmoid(self.gate(y)) * self.drop(self.out(self.out_norm(both)))
        return update


class DraftModel(nn.Module):
    """Encoder with shapes added to its input, tags, and scores of pairs.

    `descriptions` (relations, width) are vectors of what each relation means; they are fixed.
    """

    def __init__(self, encoder: Path, descriptions: Tensor, sizes: Sizes) -> None:
        super().__init__()
        self.encoder = BertModel.from_pretrained(
            str(encoder), attn_implementation="sdpa", attention_probs_dropout_prob=0.0, add_pooling_layer=False
        )
        self.encoder.embeddings.word_embeddings.weight.requires_grad_(False)
        width = int(self.encoder.config.hidden_size)
        h, s = sizes.hidden, sizes.small
        self.shape, self.first = nn.Embedding(len(SHAPES), width), nn.Embedding(2, width)
        nn.init.zeros_(self.shape.weight)
        nn.init.zeros_(self.first.weight)
        self.tagger = nn.Linear(width, TAGS)
        self.kind = nn.Linear(len(KINDS), s, bias=False)
        self.distance = nn.Embedding(FAR + 2, s)
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
        self.head, self.tail = nn.Linear(2 * width + s, h), nn.Linear(2 * width + s, h)
        self.head_context, self.tail_context = nn.Linear(width, h, bias=False), nn.Linear(width, h, bias=False)
        self.mix, self.gap = nn.Linear(h * sizes.block, h), nn.Linear(s, h, bias=False)
        self.norm = nn.LayerNorm(h)
        self.tri = nn.ModuleList(Triangle(h, sizes.triangle) for _ in range(sizes.layers))
        self.threshold, self.same = nn.Linear(h, 1), nn.Linear(h, 1)
        self.project, self.project_bias = nn.Linear(width, h, bias=False), nn.Linear(width, 1, bias=False)
        self.rows = nn.Parameter(torch.randn(len(descriptions), h) / h**0.5)
        self.bias = nn.Parameter(torch.zeros(len(descriptions)))
        self.register_buffer("descriptions", descriptions)
        self.block = sizes.block
        self.drop, self.drop_names = nn.Dropout(sizes.dropout), nn.Dropout(sizes.dropout / 2)

    def encode(self, ids: Tensor, shapes: Tensor, first: Tensor, mask: Tensor) -> Tensor:
        """Token vectors (texts, tokens, width) of padded ids; `mask` is 1 where there is a token."""
        x = self.encoder.embeddings.word_embeddings(ids) + self.shape(shapes) + self.first(first)
        vectors: Tensor = self.encoder(inputs_embeds=x, attention_mask=mask).last_hidden_state
        return vectors

    def relation_rows(self, own: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Rows and biases of all relations; `own` (relations,) is 0 where only the description may speak."""
        rows, bias = self.rows, self.bias
        if own is not None:
            rows, bias = rows * own[:, None], bias * own
        rows = rows + self.project(self.descriptions)
        return rows, bias + self.project_bias(self.descriptions)[:, 0]

    def pairs(
        self, x: Tensor, kinds: Tensor, names: Sequence[Sequence[Place]], rows: Tensor, bias: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Thresholds (n, n, 1), relation scores (n, n, relations), `same` (n, n) and attention (n, n, tokens).

        `x` (tokens, width) and `kinds` (tokens, types), probabilities, belong to one text.
        """
        n, (length, width), device = len(names), x.shape, x.device
        own = torch.tensor([i for i, places in enumerate(names) for _ in places], device=device)
        first = torch.tensor([p.start for places in names for p in places], device=device)
        last = torch.tensor([p.end - 1 for places in names for p in places], device=device)
        counts = torch.bincount(own, minlength=n)[:, None]
        mentions = (x[first] + x[last]) / 2

        def summed(values: Tensor) -> Tensor:
            return torch.zeros(n, values.shape[1], device=device, dtype=values.dtype).index_add(0, own, values)

        top = mentions.detach().max(0).values
        pooled = torch.log(summed(torch.exp(mentions - top)) + 1e-9) + top
        f = torch.cat([pooled, summed(mentions) / counts, self.kind(summed(kinds[first]) / counts)], 1)
        f = self.drop_names(f)

        q = self.query(pooled).view(n, HEADS, -1).transpose(0, 1)
        k = self.key(x).view(length, HEADS, -1).transpose(0, 1)
        attention = torch.softmax(q @ k.transpose(1, 2) / (width / HEADS) ** 0.5, -1)
        both = torch.einsum("hil,hjl->ijl", attention, attention) + 1e-9
        both = both / both.sum(-1, keepdim=True)
        context = both @ x

        u = torch.tanh(self.head(f)[:, None] + self.head_context(context))
        v = torch.tanh(self.tail(f)[None] + self.tail_context(context))
        grouped = u.view(n, n, -1, self.block, 1) * v.view(n, n, -1, 1, self.block)
        gaps = torch.from_numpy(_gaps(names)).to(device)
        z = self.mix(self.drop(grouped.reshape(n, n, -1))) + self.gap(self.distance(gaps))
        z = F.gelu(self.norm(z), approximate="tanh")
        for layer in self.tri:
            z = layer(z)
        return self.threshold(z), z @ rows.T + bias, self.same(z)[..., 0], both

    def head_weights(self) -> dict[str, Tensor]:
        """Arrays by the names of `drafting.heads`, `rows` and `bias` with the descriptions' share in them."""
        out: dict[str, Tensor] = {}
        for name, value in self.state_dict().items():
            if not name.startswith(_NOT_HEADS):
                out[_short(name)] = value
        rows, bias = self.relation_rows()
        return out | {"rows": rows.detach(), "bias": bias.detach()}

    def named_as_trained(self, saved: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Tensors of a file of weights (`encoder.`, `heads.`) by this model's own names, all but the relations'."""
        heads = {f"heads.{_short(name)}": name for name in self.state_dict() if not name.startswith(_NOT_HEADS)}
        return {heads.get(name, name): value for name, value in saved.items() if name not in _RELATIONS}


_NOT_HEADS = ("encoder.", "descriptions", "rows", "bias")
_RELATIONS = ("heads.rows", "heads.bias")
_NAMES = {
    "shape.weight": "shape",
    "first.weight": "first",
    "distance.weight": "distance",
    "project.weight": "project",
    "project_bias.weight": "project_bias",
}


def _short(name: str) -> str:
    """The name of a head's array in a file of weights."""
    return _NAMES.get(name, name.replace(".weight", ".w").replace(".bias", ".b"))


def pair_loss(threshold: Tensor, scores: Tensor, labels: Tensor, known: Tensor) -> Tensor:
    """Adaptive threshold loss (Zhou et al. 2021) of each pair: what holds above the threshold, the rest below.

    `threshold` (pairs, 1), `scores` and `labels` (pairs, relations); `known` (likewise) is True where a missing
    label means that the relation does not hold. Unknown ones are left out of the loss.
    """
    nothing = torch.finfo(scores.dtype).min
    above = F.log_softmax(torch.cat([threshold, scores.masked_fill(~labels, nothing)], 1), 1)[:, 1:]
    below = F.log_softmax(torch.cat([threshold, scores.masked_fill(labels | ~known, nothing)], 1), 1)[:, 0]
    return -(above.masked_fill(~labels, 0)).sum(1) - below
