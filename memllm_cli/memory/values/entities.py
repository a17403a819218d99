"""Names and literal values as the store keeps them."""

from __future__ import annotations

from typing import NamedTuple

from memllm_cli.memory.values.literals import ENTITY


class Entity(NamedTuple):
    """A name or a literal value. `normal` is what it is compared by, `scope` the document it belongs to."""

    id: int
    name: str
    normal: str
    kind: str
    scope: int | None = None
    operation: int = 0


def space(kind: str) -> str:
    """What a kind's values are compared within: names and texts are one, every literal type is its own."""
    return ENTITY if kind in (ENTITY, "text") else kind
