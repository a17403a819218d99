"""Numpy arrays in a file that is mapped, not loaded: a line of JSON that says where each stands, then their bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ALIGNED = 64


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write one-dimensional arrays to a file."""
    places, at = {}, 0
    for name, array in arrays.items():
        places[name] = (at, len(array), array.dtype.str)
        at += -(-array.nbytes // _ALIGNED) * _ALIGNED
    head = json.dumps(places).encode() + b"\n"
    head = head[:-1].ljust(-(-len(head) // _ALIGNED) * _ALIGNED - 1) + b"\n"
    with path.open("wb") as file:
        file.write(head)
        for array in arrays.values():
            data = np.ascontiguousarray(array)
            file.write(data.view(np.uint8).data if data.nbytes else b"")
            file.write(b"\0" * (-data.nbytes % _ALIGNED))


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a file that `write_arrays` made and that a checksum vouches for. Raises OSError, ValueError."""
    with path.open("rb") as file:
        line = file.readline()
    places = json.loads(line)
    data = np.memmap(path, dtype=np.uint8, mode="r", offset=0)[len(line) :]
    out = {}
    for name, (at, count, kind) in places.items():
        type_ = np.dtype(kind)
        out[name] = data[at : at + count * type_.itemsize].view(type_).view(np.ndarray)
    return out
