"""Vectors of single tokens from a GGUF encoder in llama.cpp, the input given as vectors.

llama.cpp adds positions and norms to what it is given as it does to the vectors of ids; so whatever is to be said
of a token beside its id (how the word is written) can be added before.
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

_ROOM = 512  # tokens of one text: the encoder's positions
_HINT = "make it again: memllm model build drafter --force"


class LlamaTokens:
    """A GGUF encoder without pooling. Raises ModelMissing when the file is missing, broken or no encoder.

    Not safe to use from two threads at once.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        require_gguf(path, "drafter", _HINT)
        self._pieces = _Table(path)
        self.vocabulary = self._pieces.words
        self._llama = llama = library()
        params = llama.llama_model_default_params()
        params.n_gpu_layers = -1 if llama.llama_supports_gpu_offload() else 0
        params.load_mode = llama.LLAMA_LOAD_MODE_MMAP
        model = llama.llama_model_load_from_file(os.fsencode(path), params)
        if not model:
            raise ModelMissing(f"the encoder {path} is damaged", _HINT)
        self._close = weakref.finalize(self, free, llama, None, model, None)
        self.width = int(llama.llama_model_n_embd(model))
        settings = llama.llama_context_default_params()
        settings.n_ctx = settings.n_batch = settings.n_ubatch = _ROOM
        settings.n_seq_max = 1
        settings.n_outputs_max = _ROOM
        settings.n_outputs_max_per_seq = 0
        settings.embeddings = True
        settings.pooling_type = llama.LLAMA_POOLING_TYPE_NONE
        settings.n_threads = settings.n_threads_batch = threads or min(4, os.cpu_count() or 1)
        self._ctx = llama.llama_init_from_model(model, settings)
        if not self._ctx or llama.llama_get_memory(self._ctx):
            if self._ctx:
                llama.llama_free(self._ctx)
            raise ModelMissing(f"{path} is not an encoder", _HINT)
        self._batch = llama.llama_batch_init(_ROOM, self.width, 1)
        self._close.detach()
        self._close = weakref.finalize(self, free, llama, self._ctx, model, self._batch)

    def __call__(self, ids: Sequence[int], added: NDArray[np.float32], /) -> NDArray[np.float32]:
        """Vectors (tokens, width) of one text of at most 512 tokens; `added` joins the vectors of the pieces."""
        count, batch = len(ids), self._batch
        if not 0 < count <= _ROOM or added.shape != (count, self.width):
            raise ValueError(f"{count} tokens, {added.shape} to add")
        x = np.ascontiguousarray(self._pieces[ids] + added, dtype=np.float32)
        ctypes.memmove(batch.embd, x.ctypes.data, x.nbytes)
        batch.n_tokens = count
        for i in range(count):
            batch.pos[i] = i
            batch.n_seq_id[i] = 1
            batch.seq_id[i][0] = 0
            batch.logits[i] = 1
        code = self._llama.llama_encode(self._ctx, batch)
        if code != 0:
            raise MemllmError(f"llama.cpp could not encode {count} tokens (code {code})", _HINT)
        return np.ctypeslib.as_array(self._llama.llama_get_embeddings(self._ctx), shape=(count, self.width)).copy()

    def close(self) -> None:
        """Give the memory back. The encoder is of no use afterwards."""
        if self._close.alive:
            self._close()
            del self._ctx, self._batch


class _Table:
    """The vectors of the pieces, out of the file, and the pieces themselves."""

    def __init__(self, path: Path) -> None:
        from gguf import GGUFReader

        try:
            reader = GGUFReader(path)
            tensor = next(t for t in reader.tensors if t.name == "token_embd.weight")
            field = reader.get_field("tokenizer.ggml.tokens")
            pieces = [str(p) for p in field.contents()] if field else []
        except (StopIteration, ValueError, IndexError, KeyError, OSError) as error:
            raise ModelMissing(f"the encoder {path} is damaged: {error}", _HINT) from error
        self._data, self._kind = tensor.data, tensor.tensor_type
        self.words = [_written(p) for p in pieces]
        """The vocabulary as BERT writes it."""

    def __getitem__(self, ids: Sequence[int]) -> NDArray[np.float32]:
        from gguf.quants import dequantize

        out: NDArray[np.float32] = dequantize(np.asarray(self._data)[list(ids)], self._kind)
        return out


def _written(piece: str) -> str:
    if piece.startswith("\u2581"):
        return piece[1:]
    return piece if piece.startswith("[") and piece.endswith("]") and len(piece) > 2 else "##" + piece
