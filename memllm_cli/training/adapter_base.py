"""The model that is tuned: where it lies, what it is called, how it cuts text and conversations into tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from memllm_cli.errors import MemllmError, NotFound
from memllm_cli.prompts import turns
from memllm_cli.training.ask_data import Turns
from memllm_cli.training.streams import Tokenize


@dataclass(frozen=True, slots=True)
class Base:
    """`name` is what the adapter remembers: a catalog name or a path. `start` is what every sequence begins with,
    `turns` gives the tokens of a conversation (with the flag its last turn is left open), `text` the text of tokens."""

    path: Path
    name: str
    tokenize: Tokenize
    start: Sequence[int]
    turns: Turns
    text: Callable[[Sequence[int]], str]


def gguf(path: Path, name: str) -> Base:
    """A GGUF, its text cut by llama.cpp as it will be in use. Raises ModelMissing when it is none."""
    from memllm_cli.engine.base import decode, remembered
    from memllm_cli.engine.llama import LlamaEngine

    engine = LlamaEngine(path, context=64)
    if (architecture := engine.architecture) != "llama":
        raise MemllmError(f"{path.name} is of the architecture '{architecture}'.", "Only llama is merged.")

    def text(ids: Sequence[int]) -> str:
        return decode(map(engine.piece, ids))

    return Base(path, name, remembered(engine.tokenize), engine.bos(), partial(turns, engine), text)


def folder(path: Path) -> Base:
    """A folder in transformers' format: to train, not to merge. Raises ImportError, NotFound."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(str(path))
    except (OSError, ValueError) as error:
        raise NotFound(f"{path} holds no model in transformers' format.", "Give a GGUF or another folder.") from error

    speaker = _Speaker(tokenizer)
    return Base(path, str(path), speaker.tokenize, [], partial(turns, speaker), speaker.text)


class _Speaker:
    """A tokenizer of transformers as the prompts ask for it."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self.template = "chatml" if self.special("<|im_start|>") is not None else "plain"

    def tokenize(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def special(self, text: str) -> int | None:
        found: int | None = self._tokenizer.get_added_vocab().get(text)
        return found

    def bos(self) -> list[int]:
        return []

    def text(self, ids: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(ids)))
