"""A sentence encoder in llama.cpp: starts in a fraction of a second, needs no PyTorch.

Knows short texts and unit vectors; nothing of entities or of how vectors are stored.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from memllm_cli.errors import MemllmError, ModelMissing
from memllm_cli.llamacpp import free, library, require_gguf

LONGEST = 256
"""Tokens of a text that count, the two around it included; all-MiniLM-L6-v2 was trained so."""
_TOGETHER = 16  # texts in one evaluation: attention is computed across all of them, so more is slower
_ROOM = 512  # tokens in one evaluation
_HINT = "`memllm doctor` checks the encoder; `memllm init` makes it again"


class LlamaEmbedder:
    """A GGUF encoder with mean pooling; `embed` gives unit vectors.

    Raises ModelMissing when the file is missing, broken or no encoder. Not safe to use from two threads at once.
    """

    def __init__(self, path: Path, identity: str = "all-MiniLM-L6-v2", threads: int | None = None) -> None:
        self.identity = identity
        require_gguf(path, "encoder", _HINT)
        self._llama = llama = library()
        params = llama.llama_model_default_params()
        params.n_gpu_layers = -1 if llama.llama_supports_gpu_offload() else 0
        params.load_mode = llama.LLAMA_LOAD_MODE_MMAP
        self._model = model = llama.llama_model_load_from_file(os.fsencode(path), params)
        if not model:
            raise ModelMissing(f"the encoder {path} is damaged", _HINT)
        self._close = weakref.finalize(self, free, llama, None, model, None)
        self._vocab = llama.llama_model_get_vocab(model)
        self.dimensions = int(llama.llama_model_n_embd(model))
        settings = llama.llama_context_default_params()
        settings.n_ctx = settings.n_batch = settings.n_ubatch = _ROOM
        settings.n_seq_max = _TOGETHER
        settings.kv_unified = True
        settings.n_outputs_max = _ROOM
        settings.n_outputs_max_per_seq = 0
        settings.embeddings = True
        settings.pooling_type = llama.LLAMA_POOLING_TYPE_MEAN
        settings.n_threads = settings.n_threads_batch = threads or min(4, os.cpu_count() or 1)
        self._ctx = llama.llama_init_from_model(model, settings)
        if not self._ctx or llama.llama_get_memory(self._ctx):  # an encoder keeps no context
            if self._ctx:
                llama.llama_free(self._ctx)
            raise ModelMissing(f"{path} is not an encoder", _HINT)
        self._batch = llama.llama_batch_init(_ROOM, 0, 1)
        self._close.detach()
        self._close = weakref.finalize(self, free, llama, self._ctx, model, self._batch)
        self._longest = min(LONGEST, int(llama.llama_model_n_ctx_train(model)) or LONGEST)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors (len(texts), dimensions), in order. An empty list gives (0, dimensions).

        A text counts up to its first 256 tokens.
        """
        out = np.empty((len(texts), self.dimensions), dtype=np.float32)
        waiting: list[list[int]] = []
        done = tokens = 0
        for text in texts:
            ids = self._tokenize(text)
            if len(waiting) == _TOGETHER or tokens + len(ids) > _ROOM:
                self._encode(waiting, out[done : done + len(waiting)])
                done, tokens, waiting = done + len(waiting), 0, []
            waiting.append(ids)
            tokens += len(ids)
        if waiting:
            self._encode(waiting, out[done:])
        return out

    def close(self) -> None:
        """Give the memory back. The embedder is of no use afterwards."""
        if self._close.alive:
            self._close()
            # a later call fails here, in Python, and not in freed memory
            del self._ctx, self._model, self._vocab, self._batch

    def _tokenize(self, text: str) -> list[int]:
        """Ids with the opening and closing token; nothing in the text is taken for one of them."""
        # Every token but the first two stands for at least one byte. Names are short; a long text is cut
        # before it is tokenised, at a length that is sure to fill the window in any script.
        data = text[: self._longest * 32].encode("utf-8", "replace")
        size = len(data) + 8
        ids = (ctypes.c_int32 * size)()
        count = self._llama.llama_tokenize(self._vocab, data, len(data), ids, size, True, False)
        if count < 0:
            raise MemllmError("llama.cpp could not tokenise a name", _HINT)
        found: list[int] = list(ids[:count])
        if len(found) > self._longest:
            found = [*found[: self._longest - 1], found[-1]]
        return found

    def _encode(self, texts: Sequence[Sequence[int]], out: NDArray[np.float32]) -> None:
        """Evaluate several texts at once, each a sequence of its own, into the rows of `out`."""
        batch, at = self._batch, 0
        for seq, ids in enumerate(texts):
            for position, token in enumerate(ids):
                batch.token[at] = token
                batch.pos[at] = position
                batch.n_seq_id[at] = 1
                batch.seq_id[at][0] = seq
                batch.logits[at] = 1
                at += 1
        batch.n_tokens = at
        code = self._llama.llama_encode(self._ctx, batch)
        if code != 0:
            raise MemllmError(f"llama.cpp could not encode {len(texts)} names (code {code})", _HINT)
        for seq in range(len(texts)):
            pointer = self._llama.llama_get_embeddings_seq(self._ctx, seq)
            out[seq] = np.ctypeslib.as_array(pointer, shape=(self.dimensions,))
        norms = np.linalg.norm(out, axis=1, keepdims=True)
        out /= np.maximum(norms, np.float32(1e-12))
