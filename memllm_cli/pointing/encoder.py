"""BERT and MPNet encoders (Devlin et al. 2019, Song et al. 2020) in numpy, with LoRA (Hu et al. 2022) beside them.

llama.cpp knows no MPNet, whose attention has a bias by distance; and the weights are used as they lie in the file of
their publisher, mapped, so that nothing has to be converted or loaded. Several sequences go through the linear layers
together; only attention looks at each alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memllm_cli.errors import DamagedError
from memllm_cli.tensors import read_safetensors

Array = NDArray[np.float32]
NAMES = {
    "mpnet": {
        "q": "attention.attn.q", "k": "attention.attn.k", "v": "attention.attn.v", "o": "attention.attn.o",
        "norm": "attention.LayerNorm", "up": "intermediate.dense", "down": "output.dense", "out": "output.LayerNorm",
    },
    "bert": {
        "q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value",
        "o": "attention.output.dense", "norm": "attention.output.LayerNorm", "up": "intermediate.dense",
        "down": "output.dense", "out": "output.LayerNorm",
    },
}  # fmt: skip
"""What the published files call the parts of a layer."""
_FAR = 128
"""MPNet's distance from which on all are one."""


class NumpyEncoder:
    """An encoder from the folder of its publisher, with the trained difference `lora` (`LAYER.A`, `LAYER.B`).

    Raises DamagedError when the folder does not hold what it should.
    """

    def __init__(self, folder: Path, lora: Mapping[str, NDArray[Any]] | None = None) -> None:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self.kind = str(config["model_type"])
        if self.kind not in NAMES:
            raise DamagedError(f"{folder} holds no encoder of a known kind: {self.kind}", "reinstall it")
        self.layers, self.heads = int(config["num_hidden_layers"]), int(config["num_attention_heads"])
        self.width, self.epsilon = int(config["hidden_size"]), float(config["layer_norm_eps"])
        self._w = {
            k.removeprefix(f"{self.kind}."): v for k, v in read_safetensors(folder / "model.safetensors").items()
        }
        self._lora = {k: np.asarray(v, dtype=np.float32) for k, v in (lora or {}).items()}
        self._biases: dict[int, Array] = {}
        try:
            self._w["embeddings.word_embeddings.weight"], self._linear(0, "down")
        except KeyError as error:
            raise DamagedError(f"{folder}: the tensor {error} is missing", "reinstall it") from error

    def __call__(self, sequences: Sequence[Sequence[int]]) -> list[Array]:
        """Vectors (pieces, width) of each sequence."""
        if not sequences:
            return []
        bounds = np.cumsum([0, *map(len, sequences)])
        x = self._norm("embeddings.LayerNorm", np.concatenate([self._embedded(s) for s in sequences]))
        for layer in range(self.layers):
            x = self._layer(layer, x, bounds)
        return [x[a:b] for a, b in pairwise(bounds)]

    def _embedded(self, ids: Sequence[int]) -> Array:
        first = 2 if self.kind == "mpnet" else 0
        positions = self._w["embeddings.position_embeddings.weight"][first : first + len(ids)]
        out: Array = self._w["embeddings.word_embeddings.weight"][list(ids)] + positions
        if self.kind == "bert":
            out = out + self._w["embeddings.token_type_embeddings.weight"][0]
        return out

    def _layer(self, layer: int, x: Array, bounds: NDArray[np.int64]) -> Array:
        q, k, v = (self._apply(layer, part, x) for part in "qkv")
        size = self.width // self.heads
        mixed = np.empty_like(x)
        for a, b in pairwise(bounds):

            def split(y: Array, a: int = a, b: int = b) -> Array:
                return y[a:b].reshape(b - a, self.heads, size).transpose(1, 0, 2)

            scores = split(q) @ split(k).transpose(0, 2, 1) / np.float32(math.sqrt(size))
            if self.kind == "mpnet":
                scores += self._bias(int(b - a))
            scores -= scores.max(-1, keepdims=True)
            np.exp(scores, out=scores)
            scores /= scores.sum(-1, keepdims=True)
            mixed[a:b] = (scores @ split(v)).transpose(1, 0, 2).reshape(b - a, self.width)
        x = self._norm(self._name(layer, "norm"), self._apply(layer, "o", mixed) + x)
        inner = _gelu(self._apply(layer, "up", x))
        return self._norm(self._name(layer, "out"), self._apply(layer, "down", inner) + x)

    def _name(self, layer: int, part: str) -> str:
        return f"encoder.layer.{layer}.{NAMES[self.kind][part]}"

    def _linear(self, layer: int, part: str) -> tuple[Array, Array]:
        name = self._name(layer, part)
        return self._w[f"{name}.weight"], self._w[f"{name}.bias"]

    def _apply(self, layer: int, part: str, x: Array) -> Array:
        weight, bias = self._linear(layer, part)
        out: Array = x @ weight.T
        out += bias
        down = self._lora.get(f"{layer}.{part}.A")
        if down is not None:
            out += (x @ down.T) @ self._lora[f"{layer}.{part}.B"].T
        return out

    def _norm(self, name: str, x: Array) -> Array:
        x = x - x.mean(-1, keepdims=True)
        x /= np.sqrt(np.einsum("ij,ij->i", x, x)[:, None] / np.float32(x.shape[-1]) + np.float32(self.epsilon))
        x *= self._w[f"{name}.weight"]
        x += self._w[f"{name}.bias"]
        return x

    def _bias(self, length: int) -> Array:
        """Of the attention between pieces, by their distance (heads, length, length)."""
        found = self._biases.get(length)
        if found is None:
            table = self._w["encoder.relative_attention_bias.weight"]
            half = len(table) // 2
            distance = np.arange(length)[None, :] - np.arange(length)[:, None]
            n = np.abs(distance)
            with np.errstate(divide="ignore"):
                steps = np.log(np.maximum(n, 1) / (half // 2)) / math.log(_FAR / (half // 2)) * (half - half // 2)
            far = np.minimum(half // 2 + steps.astype(np.int64), half - 1)
            bucket = np.where(distance > 0, half, 0) + np.where(n < half // 2, n, far)
            found = np.ascontiguousarray(table[bucket].transpose(2, 0, 1))
            if len(self._biases) > 16:
                self._biases.clear()
            self._biases[length] = found
        return found


def _gelu(x: Array) -> Array:
    """By its approximation with tanh, which differs by less than .0005."""
    y = x * x
    y *= np.float32(0.044715)
    y += 1
    y *= x
    y *= np.float32(math.sqrt(2 / math.pi))
    np.tanh(y, out=y)
    y += 1
    y *= x
    y *= np.float32(0.5)
    return y
