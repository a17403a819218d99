"""The model that is tuned to write: where it lies, what it is called, how it cuts text into tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from memllm_cli.errors import MemllmError, NotFound
from memllm_cli.training.write_data import Tokenize


@dataclass(frozen=True, slots=True)
class Base:
    """`name` is what the adapter remembers: a catalog name or a path. `start` is what every sequence begins with."""

    path: Path
    name: str
    tokenize: Tokenize
    start: Sequence[int]


def gguf(path: Path, name: str) -> Base:
    """A GGUF, its text cut by llama.cpp as it will be in use. Raises ModelMissing when it is none."""
    from memllm_cli.engine.base import remembered
    from memllm_cli.engine.llama import LlamaEngine

    engine = LlamaEngine(path, context=64)
    if (architecture := engine.architecture) != "llama":
        raise MemllmError(f"{path.name} is of the architecture '{architecture}'.", "Only llama is merged.")
    return Base(path, name, remembered(engine.tokenize), engine.bos())


def folder(path: Path) -> Base:
    """A folder in transformers' format: to train, not to merge. Raises ImportError, NotFound."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(str(path))
    except (OSError, ValueError) as error:
        raise NotFound(f"{path} holds no model in transformers' format.", "Give a GGUF or another folder.") from error

    def tokenize(text: str) -> list[int]:
        return list(tokenizer(text, add_special_tokens=False)["input_ids"])

    return Base(path, str(path), tokenize, [])
