"""The language model that is tuned: the base with LoRA on every linear layer, its output layer left alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn
from transformers import AutoModelForCausalLM

from memllm_cli.training.streams import Stream

LAYERS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
_LINEAR = re.compile(rf"layers\.(\d+)\.\w+\.({'|'.join(LAYERS)})\.(?:lora_([AB])\.default\.)?weight$")


def base(path: Path, dtype: torch.dtype = torch.float32) -> Any:
    """A causal language model from a GGUF (whatever its quantisation) or from a folder in transformers' format."""
    if path.suffix == ".gguf":
        model = AutoModelForCausalLM.from_pretrained(str(path.parent), gguf_file=path.name, dtype=dtype)
        model.hf_quantizer = None  # the weights are plain numbers now
        model.config.quantization_config = None
    else:
        model = AutoModelForCausalLM.from_pretrained(str(path), dtype=dtype)
    model.config.use_cache = False
    return model


class Tuned(nn.Module):
    """A language model with what is trained of it: LoRA of some rank, or with rank 0 the linear layers themselves."""

    def __init__(self, model: Any, rank: int, alpha: float, dropout: float) -> None:
        super().__init__()
        self.rank = rank
        if rank:
            self.model = get_peft_model(
                model,
                LoraConfig(
                    r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=list(LAYERS), task_type="CAUSAL_LM"
                ),
            ).get_base_model()
        else:
            self.model = model
            for name, value in model.named_parameters():
                value.requires_grad_(_LINEAR.search(name) is not None)

    def forward(
        self, ids: Tensor, mask: Tensor, weights: Tensor, positions: Tensor, sources: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Sum over weighted tokens of their negative log likelihood, and how much weight was on the likeliest.

        The parts of `streams.Rows`. Only places that a token which counts is predicted from go through the output
        layer, which is a fifth of a small model's work.
        """
        hidden = self.model.model(input_ids=ids, attention_mask=mask, position_ids=positions).last_hidden_state
        counts = weights > 0
        row = torch.arange(len(ids), device=ids.device)[:, None].expand_as(ids)[counts]
        logits = self.model.lm_head(hidden[row, sources[counts]]).float()
        targets, chosen = ids[counts], weights[counts]
        loss = F.cross_entropy(logits, targets, reduction="none")
        right = (logits.detach().argmax(-1) == targets).to(chosen.dtype)
        return (loss * chosen).sum(), (right * chosen).sum()

    def trained(self) -> dict[str, Tensor]:
        """What is trained, by block and layer: `0.q_proj.A` (rank, in) and `.B` (out, rank), or `.W` (out, in)."""
        out = {}
        for name, value in self.model.state_dict().items():
            if (match := _LINEAR.search(name)) and bool(match[3]) == bool(self.rank):
                out[f"{match[1]}.{match[2]}.{match[3] or 'W'}"] = value.detach()
        return out

    def take(self, weights: dict[str, Tensor]) -> None:
        """Take up what `trained` gave."""
        own = self.trained()
        if own.keys() != weights.keys():
            raise ValueError("these weights are of another model or another rank")
        with torch.no_grad():
            for name, value in own.items():
                value.copy_(weights[name])


@dataclass(frozen=True, slots=True)
class Rows:
    """Padded streams (streams, tokens). `mask` is 1 where there is a token, or, where a stream has branches,
    (streams, 1, tokens, tokens) with 0 where one sees the other and the lowest number where not."""

    ids: Tensor
    mask: Tensor
    weights: Tensor
    positions: Tensor
    sources: Tensor

    def parts(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """All of them, in order."""
        return self.ids, self.mask, self.weights, self.positions, self.sources


def padded(batch: Sequence[Stream], device: torch.device, dtype: torch.dtype = torch.float32) -> Rows:
    """Some streams, filled up to the longest; `dtype` is the model's."""
    length = max(len(s.ids) for s in batch)
    ids = torch.zeros((len(batch), length), dtype=torch.long)
    weights, positions, sources = torch.zeros(ids.shape), torch.zeros_like(ids), torch.zeros_like(ids)
    mask, sees = torch.zeros_like(ids), torch.eye(length, dtype=torch.bool).repeat(len(batch), 1, 1)
    branched = any(s.branches for s in batch)
    for i, stream in enumerate(batch):
        size = len(stream.ids)
        ids[i, :size] = torch.tensor(stream.ids)
        weights[i, :size] = torch.tensor(stream.weights)
        positions[i, :size] = torch.from_numpy(stream.positions())
        sources[i, :size] = torch.from_numpy(stream.sources())
        mask[i, :size] = 1
        if branched:
            sees[i, :size, :size] = torch.from_numpy(stream.sees())
    if branched:
        mask = torch.zeros(sees.shape, dtype=dtype).masked_fill(~sees, torch.finfo(dtype).min)[:, None]
    return Rows(*(t.to(device) for t in (ids, mask, weights, positions, sources)))
