"""LoRA's matrices between peft's names for them and those of `pointing.encoder`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from memllm_cli.pointing.encoder import NAMES

_LORA = re.compile(r"encoder\.(?:encoder\.)?layer\.(\d+)\.(.+)\.lora_([AB])\.default\.weight")


def named(state: Mapping[str, Tensor], kind: str, scale: float) -> dict[str, Tensor]:
    """LoRA's tensors by the names that `pointing.encoder` knows, its scale taken into the second matrix.

    `kind` is the encoder's (`mpnet`, `bert`); other tensors are left out.
    """
    parts = {theirs: ours for ours, theirs in NAMES[kind].items()}
    out: dict[str, Tensor] = {}
    for name, value in state.items():
        if match := _LORA.fullmatch(name):
            out[f"{match[1]}.{parts[match[2]]}.{match[3]}"] = value * (scale if match[3] == "B" else 1.0)
    return out


def unnamed(saved: Mapping[str, Tensor], trained: Mapping[str, Tensor], kind: str, scale: float) -> dict[str, Tensor]:
    """The way back: saved tensors by peft's names, of those that are `trained`. Raises KeyError for others."""
    names: dict[str, Any] = {o: t for t in trained for o in named({t: torch.zeros(1)}, kind, 1.0)}
    return {names[k]: v.float() / (scale if k.endswith(".B") else 1.0) for k, v in saved.items()}
