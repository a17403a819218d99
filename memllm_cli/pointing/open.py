"""A pointer from its weights and the folder of the encoder that it was tuned from."""

from __future__ import annotations

import json
from pathlib import Path

from memllm_cli.errors import DamagedError
from memllm_cli.pieces import Vocabulary
from memllm_cli.pointing.encoder import NumpyEncoder
from memllm_cli.pointing.pointer import Pointer
from memllm_cli.tensors import read_safetensors


def open_pointer(weights: Path, base: Path) -> Pointer:
    """A pointer; `weights` is the file of what was trained, `base` the encoder's folder. Raises DamagedError."""
    trained = read_safetensors(weights)
    head = {k: v for k, v in trained.items() if k.startswith("head.")}
    lora = {k: v for k, v in trained.items() if not k.startswith("head.")}
    try:
        return Pointer(NumpyEncoder(base, lora), Vocabulary(pieces_of(base)), head)
    except (OSError, KeyError, ValueError, IndexError) as error:
        raise DamagedError(
            f"The pointer cannot be opened: {error}", f"Get {base.name} again: memllm model pull"
        ) from error


def pieces_of(folder: Path) -> list[str]:
    """The word pieces of an encoder's folder in the order of their ids. Raises OSError, KeyError, ValueError."""
    path = folder / "vocab.txt"
    if path.is_file():
        return path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    ids: dict[str, int] = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    return sorted(ids, key=lambda piece: ids[piece])
