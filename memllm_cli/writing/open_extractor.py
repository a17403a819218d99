"""The extractor, loaded: its weights, and the folder of the encoder that it was tuned from."""

from __future__ import annotations

from pathlib import Path

from memllm_cli.errors import DamagedError
from memllm_cli.extracting.extractor import Extractor
from memllm_cli.extracting.heads import Heads
from memllm_cli.pieces import Vocabulary
from memllm_cli.pointing.encoder import NumpyEncoder
from memllm_cli.pointing.open import pieces_of
from memllm_cli.tensors import read_safetensors


def open_extractor(weights: Path, base: Path) -> Extractor:
    """An extractor; `weights` is the file of what was trained, `base` the encoder's folder. Raises DamagedError."""
    trained = read_safetensors(weights)
    heads = {k.removeprefix("heads."): v for k, v in trained.items() if k.startswith("heads.")}
    lora = {k: v for k, v in trained.items() if not k.startswith("heads.")}
    try:
        return Extractor(NumpyEncoder(base, lora), Vocabulary(pieces_of(base)), Heads(heads))
    except (OSError, KeyError, ValueError, IndexError) as error:
        raise DamagedError(
            f"The extractor cannot be opened: {error}", f"Get {base.name} again: memllm model pull"
        ) from error
