"""A trained adapter merged into the GGUF it was trained for, without PyTorch.

Source for the form: llama.cpp keeps the rows of `attn_q` and `attn_k` of the `llama` architecture in pairs for its
rotary embedding, transformers in halves; everything else is the same matrix under another name.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memllm_cli.errors import DamagedError, MemllmError, StorageError
from memllm_cli.files import sha256
from memllm_cli.models.quantise import quantise
from memllm_cli.tensors import read_safetensors

WEIGHTS, CONFIGURATION = "adapter.safetensors", "adapter.json"
"""Files of an adapter's folder."""
_NAMES = {
    "q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output",
    "gate_proj": "ffn_gate", "up_proj": "ffn_up", "down_proj": "ffn_down",
}  # fmt: skip
_KEY = re.compile(r"(\d+)\.(\w+)\.([ABW])")
_WRITTEN = ("general.architecture", "general.file_type", "general.quantization_version")

Array = NDArray[np.float32]


def merge(base: Path, adapter: Path, target: Path, kind: str) -> None:
    """Write `base` with the adapter in the folder `adapter` added to it, quantised as `kind`, to `target`.

    `target` appears complete or not at all; beside it a file twice its size is needed while it is made. Raises
    DamagedError when the adapter is not one or does not fit the base, StorageError when the disk refuses.
    """
    changes = read_adapter(adapter)
    if changes.base and changes.base != sha256(base):
        raise DamagedError(f"{base.name} is not the file the adapter was trained for", "choose its own base")
    try:
        with tempfile.TemporaryDirectory(prefix=".merge.", dir=target.parent) as folder:
            part = Path(folder) / "merged.gguf"
            _write(base, changes, part)
            quantise(part, target, kind)
    except OSError as error:
        raise StorageError(f"cannot write {target}: {error.strerror}", "check space and permissions") from error


class Change:
    """What an adapter does to one matrix: adds the product of two factors, or takes its place."""

    def __init__(self) -> None:
        self.factors: dict[str, Array] = {}

    def applied(self, matrix: Array, scale: float, heads: int) -> Array:
        """The matrix (out, in) changed. `heads` is 0, or how many pairs of rotated halves its rows are."""
        if "W" in self.factors:
            new = self.factors["W"]
        else:
            a, b = self.factors["A"], self.factors["B"]
            if a.ndim != 2 or b.ndim != 2 or b.shape[1] != a.shape[0]:
                raise DamagedError("the factors of the adapter do not fit each other", "train it again")
            new = scale * (b @ a)
        if new.shape != matrix.shape:
            raise DamagedError("the adapter is of another model: its matrices have other sizes", "choose its own base")
        if heads:
            new = paired(new, heads)
        return new if "W" in self.factors else matrix + new


def paired(matrix: Array, heads: int) -> Array:
    """Rows of rotated halves, of so many heads, put in pairs as llama.cpp keeps them."""
    rows, columns = matrix.shape
    return matrix.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


class Adapter:
    """An adapter as read: changes by the name a GGUF gives a matrix, and the checksum of its base, if known."""

    def __init__(self, changes: Mapping[str, Change], scale: float, base: str = "") -> None:
        self.changes, self.scale, self.base = changes, scale, base


def read_adapter(folder: Path) -> Adapter:
    """What `train write` left in a folder. Raises DamagedError."""
    try:
        about = json.loads((folder / CONFIGURATION).read_text(encoding="utf-8"))
        scale = float(about["alpha"]) / float(about["rank"]) if about["rank"] else 1.0
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"{folder} holds no adapter: {error}", "train one: memllm train write --help") from error
    changes: dict[str, Change] = {}
    for key, values in read_safetensors(folder / WEIGHTS).items():
        match = _KEY.fullmatch(key)
        if match is None or match[2] not in _NAMES:
            raise DamagedError(f"{folder / WEIGHTS} holds {key[:60]!r}, which is no layer", "train it again")
        name = f"blk.{match[1]}.{_NAMES[match[2]]}.weight"
        changes.setdefault(name, Change()).factors[match[3]] = np.asarray(values, dtype=np.float32)
    if not changes or any(c.factors.keys() not in ({"A", "B"}, {"W"}) for c in changes.values()):
        raise DamagedError(f"{folder / WEIGHTS} is not complete", "train it again")
    return Adapter(changes, scale, str(about.get("base_sha256", "")))


def _write(base: Path, adapter: Adapter, target: Path) -> None:
    """The base in half precision with the changes in it."""
    import gguf
    from gguf.quants import dequantize

    try:
        reader = gguf.GGUFReader(base)
    except (ValueError, OSError) as error:
        raise DamagedError(f"{base} is not a GGUF: {error}", "pull or install it again") from error
    architecture = str(_value(reader, "general.architecture", ""))
    if architecture != "llama":
        raise MemllmError(f"{base.name} is of the architecture '{architecture}'", "adapters are merged into llama only")
    count = _value(reader, "llama.attention.head_count", 0)
    heads = {"attn_q": count, "attn_k": _value(reader, "llama.attention.head_count_kv", count)}
    if not all(isinstance(n, int) and n > 0 for n in heads.values()):
        raise MemllmError(f"{base.name} has layers with different heads", "adapters are not merged into such models")
    missing = adapter.changes.keys() - {t.name for t in reader.tensors}
    if missing:
        raise DamagedError(f"{base.name} has no {min(missing)}, which the adapter changes", "choose its own base")
    writer = gguf.GGUFWriter(target, architecture)
    for key, field in reader.fields.items():
        if key.startswith("GGUF.") or key in _WRITTEN:
            continue
        inner = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(key, field.contents(), field.types[0], inner)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    for tensor in reader.tensors:
        values = np.asarray(dequantize(tensor.data, tensor.tensor_type), dtype=np.float32)
        if (change := adapter.changes.get(tensor.name)) is not None:
            values = change.applied(values, adapter.scale, heads.get(tensor.name.split(".")[2], 0))
        writer.add_tensor(tensor.name, values if values.ndim == 1 else values.astype(np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _value(reader: Any, key: str, default: Any) -> Any:
    field = reader.fields.get(key)
    return default if field is None else field.contents()
