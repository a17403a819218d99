"""A GGUF of a BERT encoder from its safetensors, without PyTorch.

Sources for the form: the keys and tensor names of llama.cpp's `bert` architecture as the `gguf` package lists
them; its word-piece vocabulary marks the beginnings of words with U+2581 where BERT marks their continuations
with `##`. The same input gives the same bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from memllm_cli.errors import DamagedError, MemllmError, StorageError
from memllm_cli.files import whole
from memllm_cli.tensors import read_safetensors

_HINT = "reinstall the package that it came from"
_NORMAL, _CONTROL = 1, 3  # llama.cpp's token types

_OUTER = {
    "embeddings.word_embeddings.weight": "token_embd.weight",
    "embeddings.position_embeddings.weight": "position_embd.weight",
    "embeddings.token_type_embeddings.weight": "token_types.weight",
    "embeddings.LayerNorm.weight": "token_embd_norm.weight",
    "embeddings.LayerNorm.bias": "token_embd_norm.bias",
}
_INNER = {
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}
_BLOCK = re.compile(r"encoder\.layer\.(\d+)\.(.+)\.(weight|bias)")
_SPECIAL = {"bos": "[CLS]", "seperator": "[SEP]", "padding": "[PAD]", "unknown": "[UNK]", "mask": "[MASK]"}


@dataclass(frozen=True, slots=True)
class _Shape:
    """The sizes of the encoder, from its `config.json`."""

    blocks: int
    heads: int
    width: int
    inner: int
    positions: int
    types: int
    vocabulary: int
    epsilon: float

    def tensors(self) -> Iterator[tuple[str, str, tuple[int, ...]]]:
        """Their names, ours, and shapes, in the order of the file."""
        sizes = {
            "token_embd.weight": (self.vocabulary, self.width),
            "position_embd.weight": (self.positions, self.width),
            "token_types.weight": (self.types, self.width),
            "token_embd_norm.weight": (self.width,),
            "token_embd_norm.bias": (self.width,),
        }
        for theirs, ours in _OUTER.items():
            yield theirs, ours, sizes[ours]
        for block in range(self.blocks):
            for theirs, ours in _INNER.items():
                rows = self.inner if ours == "ffn_up" else self.width
                columns = self.inner if ours == "ffn_down" else self.width
                name = f"encoder.layer.{block}.{theirs}"
                shape = (rows,) if ours.endswith("norm") else (rows, columns)
                yield f"{name}.weight", f"blk.{block}.{ours}.weight", shape
                yield f"{name}.bias", f"blk.{block}.{ours}.bias", (rows,)


def write_minilm_gguf(
    folder: Path,
    target: Path,
    kind: Literal["q8_0", "f16"] = "q8_0",
    tuned: Mapping[str, NDArray[Any]] | None = None,
) -> None:
    """Write the BERT encoder in `folder` (safetensors, config, vocabulary) to `target` as a GGUF.

    Matrices are stored as `kind`; norms, biases, positions and token types as float32. Tensors of `tuned` take the
    place of the folder's. `target` appears complete or not at all.

    Raises DamagedError when the folder does not hold what it should, StorageError when the disk refuses.
    """
    shape = _read_shape(folder)
    vocabulary, special = _read_vocabulary(folder)
    if len(vocabulary) != shape.vocabulary:
        raise DamagedError(f"{folder}: {len(vocabulary)} words, {shape.vocabulary} promised", _HINT)
    # the tensors may be named from the encoder's own root or from a model around it
    read = read_safetensors(folder / "model.safetensors")
    tensors = {k.removeprefix("bert."): v for k, v in read.items()} | dict(tuned or {})
    for theirs, _, size in shape.tensors():
        if theirs not in tensors:
            raise DamagedError(f"{folder}: the tensor {theirs} is missing", _HINT)
        if tensors[theirs].shape != size:
            raise DamagedError(f"{folder}: the tensor {theirs} has the wrong shape", _HINT)
    try:
        with whole(target) as part:
            _write(part, shape, vocabulary, special, tensors, kind)
    except OSError as error:
        raise StorageError(f"cannot write {target}: {error.strerror}", "check space and permissions") from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise DamagedError(f"cannot read {path}: {error.strerror}", _HINT) from error
    except ValueError as error:
        raise DamagedError(f"{path} is not JSON", _HINT) from error
    if not isinstance(value, dict):
        raise DamagedError(f"{path} is not what it should be", _HINT)
    return value


def _read_shape(folder: Path) -> _Shape:
    config = _read_json(folder / "config.json")
    if config.get("model_type") != "bert" or config.get("hidden_act") != "gelu":
        raise MemllmError(f"{folder} is no BERT encoder", "only encoders of this architecture can be converted")
    try:
        shape = _Shape(
            blocks=int(config["num_hidden_layers"]),
            heads=int(config["num_attention_heads"]),
            width=int(config["hidden_size"]),
            inner=int(config["intermediate_size"]),
            positions=int(config["max_position_embeddings"]),
            types=int(config["type_vocab_size"]),
            vocabulary=int(config["vocab_size"]),
            epsilon=float(config["layer_norm_eps"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedError(f"{folder / 'config.json'} lacks a size: {error}", _HINT) from error
    if shape.width % 32 or shape.inner % 32 or shape.heads < 1 or shape.width % shape.heads:
        raise DamagedError(f"{folder / 'config.json'}: sizes that do not go together", _HINT)
    return shape


def _read_vocabulary(folder: Path) -> tuple[list[str], set[str]]:
    """Words in the order of their ids, and those of them that are control tokens."""
    special = set(_SPECIAL.values())
    words: list[str]
    if (folder / "vocab.txt").is_file():
        try:
            words = (folder / "vocab.txt").read_text("utf-8").removesuffix("\n").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise DamagedError(f"cannot read {folder / 'vocab.txt'}", _HINT) from error
        words = [word.removesuffix("\r") for word in words]
    else:
        tokenizer = _read_json(folder / "tokenizer.json")
        try:
            ids: dict[str, int] = tokenizer["model"]["vocab"]
            words = sorted(ids, key=lambda word: ids[word])
        except (KeyError, TypeError) as error:
            raise DamagedError(f"{folder / 'tokenizer.json'} holds no word pieces", _HINT) from error
        if [ids[word] for word in words] != list(range(len(words))):
            raise DamagedError(f"{folder / 'tokenizer.json'}: ids with gaps", _HINT)
    if not special <= set(words):
        raise DamagedError(f"{folder}: the vocabulary lacks {', '.join(sorted(special - set(words)))}", _HINT)
    return words, special


def _piece(word: str, special: set[str]) -> str:
    if word in special:
        return word
    return word[2:] if word.startswith("##") else "\u2581" + word


def _write(
    path: Path,
    shape: _Shape,
    vocabulary: list[str],
    special: set[str],
    tensors: dict[str, NDArray[Any]],
    kind: str,
) -> None:
    import gguf

    stored = gguf.GGMLQuantizationType.Q8_0 if kind == "q8_0" else gguf.GGMLQuantizationType.F16
    ftype = gguf.LlamaFileType.MOSTLY_Q8_0 if kind == "q8_0" else gguf.LlamaFileType.MOSTLY_F16
    writer = gguf.GGUFWriter(path, "bert")
    writer.add_file_type(ftype)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_context_length(shape.positions)
    writer.add_embedding_length(shape.width)
    writer.add_feed_forward_length(shape.inner)
    writer.add_block_count(shape.blocks)
    writer.add_head_count(shape.heads)
    writer.add_layer_norm_eps(shape.epsilon)
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_token_type_count(shape.types)
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([_piece(word, special) for word in vocabulary])
    writer.add_token_types([_CONTROL if word in special else _NORMAL for word in vocabulary])
    for role, word in _SPECIAL.items():
        writer.add_uint32(f"tokenizer.ggml.{role}_token_id", vocabulary.index(word))
    for theirs, ours, size in shape.tensors():
        values = np.ascontiguousarray(tensors[theirs], dtype=np.float32)
        if len(size) < 2 or ours in ("position_embd.weight", "token_types.weight"):
            writer.add_tensor(ours, values)
        else:
            writer.add_tensor(ours, gguf.quants.quantize(values, stored), raw_dtype=stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
