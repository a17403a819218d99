"""How reads stand in a conversation: for a model with examples in its prompt, and for one that was trained to read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from memllm_cli.calibration.reads import Weights
from memllm_cli.engine.base import Engine, remembered
from memllm_cli.prompts import Message, read_messages, turns
from memllm_cli.protocol import CLOSE, ITEM, as_field, asking, render_open_read, render_text
from memllm_cli.types import Query

MOST = 8
"""Values that a trained model is told, as in training."""


class ReadFormat(Protocol):
    """The tokens of prompts, calls and results."""

    engine: Engine
    """The model whose tokens they are."""
    trained: bool
    """Whether the model says by itself when it wants to read."""

    def prompt(self, history: Sequence[Message], question: str) -> list[int]:
        """A conversation, the assistant's turn left open."""

    def call(self, query: Query) -> tuple[str, list[int]]:
        """A read up to its arrow, and its tokens."""

    def results(self, values: Sequence[str]) -> list[int]:
        """What memory returned, with the close."""

    def texts(self, words: str, sentences: Sequence[str]) -> list[int]:
        """A search in texts for some words, with the sentences it returned."""


class Examples:
    """An instruction and examples come before the conversation; the read is forced."""

    trained = False

    def __init__(self, engine: Engine) -> None:
        self.engine, self._tokens = engine, remembered(engine.tokenize, 4096)

    def prompt(self, history: Sequence[Message], question: str) -> list[int]:
        """See ReadFormat."""
        return turns(self.engine, read_messages(history, question))

    def call(self, query: Query) -> tuple[str, list[int]]:
        """See ReadFormat."""
        known, other = (None if side is None else as_field(side) for side in (query.subject, query.object))
        text = render_open_read((Query(known, query.relation, other),))
        return text, self._tokens(text)

    def results(self, values: Sequence[str]) -> list[int]:
        """See ReadFormat."""
        said = ITEM.join(v for value in values if (v := as_field(value)))
        return self.engine.tokenize(f"{said}{CLOSE}")

    def texts(self, words: str, sentences: Sequence[str]) -> list[int]:
        """See ReadFormat."""
        return self.engine.tokenize(render_text(words, sentences))


class Trained:
    """The form of `protocol.asking`, which the adapter was trained on. No instruction."""

    trained = True

    def __init__(self, engine: Engine, weights: Weights | None = None) -> None:
        self.engine, self._tokens = engine, remembered(engine.tokenize)
        self.weights = weights or Weights()
        self.opening = self._tokens(asking.OPENING)[0]
        """The token whose probability says that a read is wanted."""

    def prompt(self, history: Sequence[Message], question: str) -> list[int]:
        """See ReadFormat."""
        return turns(self.engine, [*history, Message("user", question)])

    def call(self, query: Query) -> tuple[str, list[int]]:
        """See ReadFormat."""
        pieces = [asking.OPENING, asking.REST, *asking.queries([query])]
        return "".join(pieces), self._ids(pieces)

    def opened(self) -> list[int]:
        """A read up to its first query."""
        return self._ids([asking.OPENING, asking.REST])

    def begins(self, name: str) -> list[int]:
        """A query up to its relation, of which a subject is known."""
        return self._ids(asking.query(Query(name, "x", None))[:2])

    def query(self, query: Query) -> list[int]:
        """One query, without its end."""
        return self._ids(asking.query(query))

    def joined(self) -> tuple[list[int], list[int]]:
        """What stands between queries, and after the last."""
        return self._ids([ITEM]), self._ids([asking.ASKED])

    def _ids(self, pieces: Sequence[str]) -> list[int]:
        return [t for piece in pieces for t in self._tokens(piece)]

    def results(self, values: Sequence[str]) -> list[int]:
        """See ReadFormat."""
        return self._ids(asking.results(v for value in values[:MOST] if (v := as_field(value))))

    def texts(self, words: str, sentences: Sequence[str]) -> list[int]:
        """See ReadFormat."""
        return self.engine.tokenize(render_text(words, sentences))
