"""What the program asks of an encoder of names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Embedder(Protocol):
    """Turns short texts into unit vectors; their dot product is the cosine."""

    identity: str
    """What the vectors depend on, as recorded in a knowledge base: `all-MiniLM-L6-v2` for instance.

    Two embedders with one identity give interchangeable vectors (cosine at least 0.999)."""
    dimensions: int

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors (len(texts), dimensions), in order. An empty list gives (0, dimensions)."""

    def close(self) -> None:
        """Give the memory back."""
