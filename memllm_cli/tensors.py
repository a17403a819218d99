"""Tensors from a safetensors file, without PyTorch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memllm_cli.errors import DamagedError

_HINT = "reinstall the package that it came from"
_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4"}
_LONGEST_HEADER = 100_000_000  # what the reference implementation of safetensors accepts


def read_safetensors(path: Path) -> dict[str, NDArray[Any]]:
    """Every tensor of a safetensors file, mapped from it; bfloat16 becomes float32.

    The file: eight bytes, the length of a JSON header with each tensor's type, shape and place; then the data.
    Raises DamagedError when header and data do not fit together.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if size < 8 or length > min(size - 8, _LONGEST_HEADER):
                raise DamagedError(f"{path} is not a safetensors file, or is cut off", _HINT)
            header = json.loads(file.read(length))
        data = np.memmap(path, dtype=np.uint8, mode="r", offset=8 + length) if size > 8 + length else np.empty(0, "u1")
    except OSError as error:
        raise DamagedError(f"cannot read {path}: {error.strerror}", _HINT) from error
    except ValueError as error:  # JSON and UTF-8 errors
        raise DamagedError(f"{path} is not a safetensors file", _HINT) from error
    if not isinstance(header, dict):
        raise DamagedError(f"{path} is not a safetensors file", _HINT)
    return {name: _tensor(path, name, entry, data) for name, entry in header.items() if name != "__metadata__"}


def _tensor(path: Path, name: str, entry: Any, data: NDArray[np.uint8]) -> NDArray[Any]:
    wrong = DamagedError(f"{path}: the entry of the tensor {name[:80]!r} is wrong", _HINT)
    try:
        kind = np.dtype(_TYPES[entry["dtype"]])
        shape = tuple(entry["shape"])
        start, end = entry["data_offsets"]
    except (KeyError, TypeError, ValueError):
        raise wrong from None
    if not all(type(n) is int and n >= 0 for n in (*shape, start, end)):
        raise wrong
    count = 1
    for n in shape:
        count *= n
    if not start <= end <= len(data) or count * kind.itemsize != end - start:
        raise wrong
    values = data[start:end].view(kind).reshape(shape)
    if entry["dtype"] == "BF16":
        return (values.astype("<u4") << 16).view("<f4")
    return values
