"""How a person wants to be answered."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(slots=True)
class Options:
    """How to answer. `style`: `grounded` or `free`. `within`: ids of the documents to answer from; None for all.

    `person` is the name of the one who asks: "I" and "my" mean it, where memory has it.
    """

    style: str = "grounded"
    temperature: float = 0.3
    most_tokens: int = 256
    seed: int = 0
    within: Collection[int] | None = None
    person: str = ""
