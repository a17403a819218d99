"""Language models in llama.cpp, through the low-level bindings of llama-cpp-python.

Knows token ids, kept contexts and logits; nothing of calls, prompts or memory. The chat template inside a
GGUF is a program from an untrusted file: it is looked at for markers, never run.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memllm_cli.engine.base import log_sum_exp
from memllm_cli.engine.llama_threads import Threads
from memllm_cli.engine.llama_vocabulary import TEMPLATES, Vocabulary
from memllm_cli.errors import MemllmError, ModelMissing, UsageError
from memllm_cli.llamacpp import default_threads, free, library, require_gguf

_SCORED = 64  # rows of logits one decode may give: 64 x 49,152 floats are 13 MB
_HINT = "see `memllm model list`; `memllm model pull NAME` gets a model"


class LlamaEngine:
    """A GGUF model with `sequences` kept contexts of `context` tokens in one unified cache.

    `context` is cut to what the model was trained for. `gpu_layers` -1 means all of them, if llama.cpp was
    built for a GPU. `batch` is the number of tokens evaluated in one go. Raises ModelMissing when the file is
    missing, broken or not a GGUF, MemllmError when there is not enough memory for the context.
    """

    def __init__(
        self,
        path: Path,
        *,
        name: str = "",
        sha256: str = "",
        template: str = "",
        context: int = 2048,
        sequences: int = 1,
        gpu_layers: int = -1,
        threads: int | None = None,
        batch: int = 512,
    ) -> None:
        if template and template not in TEMPLATES:
            raise UsageError(f"unknown chat format {template!r}", f"one of: {', '.join(TEMPLATES)}")
        require_gguf(path, "model", _HINT)
        self.name = name or path.name
        self.sha256 = sha256
        self.sequences = sequences
        self._llama = llama = library()
        self._model = self._load_model(path, gpu_layers)
        self._close = weakref.finalize(self, free, llama, None, self._model, None)
        self._vocabulary = Vocabulary(self._model)
        self._size = self._vocabulary.size
        self.context = max(1, min(context, int(llama.llama_model_n_ctx_train(self._model)) or context))
        self._batch_size = max(1, min(batch, self.context * sequences))
        threads = threads or default_threads()
        self._ctx = self._make_context(threads)
        on_gpu = gpu_layers != 0 and llama.llama_supports_gpu_offload()
        self._threads = None if on_gpu else Threads(threads)
        self._threads_now = threads
        self._batch = llama.llama_batch_init(self._batch_size, 0, 1)
        self._close.detach()
        self._close = weakref.finalize(self, free, llama, self._ctx, self._model, self._batch)
        self._memory = llama.llama_get_memory(self._ctx)
        self._view_batch()
        self._tokens: list[list[int]] = [[] for _ in range(sequences)]
        self._logits: NDArray[np.float32] = np.empty((sequences, self._size), dtype=np.float32)
        self._ready = [False] * sequences
        self._norm: list[float | None] = [None] * sequences
        self.template = template or self._vocabulary.template()
        self.stops = self._vocabulary.stops

    # -- loading ------------------------------------------------------------------------------------------

    def _load_model(self, path: Path, gpu_layers: int) -> Any:
        llama = self._llama
        params = llama.llama_model_default_params()
        params.n_gpu_layers = gpu_layers if llama.llama_supports_gpu_offload() else 0
        params.load_mode = llama.LLAMA_LOAD_MODE_MMAP
        model = llama.llama_model_load_from_file(os.fsencode(path), params)
        if not model:
            raise ModelMissing(
                f"{path} is damaged or incomplete, or of a kind this llama.cpp does not know",
                "build or pull it again: memllm model build NAME --force, memllm model pull NAME",
            )
        return model

    def _make_context(self, threads: int) -> Any:
        llama = self._llama
        params = llama.llama_context_default_params()
        params.n_ctx = self.context * self.sequences
        params.n_batch = params.n_ubatch = self._batch_size
        params.n_seq_max = self.sequences
        params.kv_unified = True
        # Without these, room for the logits of a whole batch is set aside: 100 MB for 512 x 49,152.
        params.n_outputs_max = min(max(_SCORED, self.sequences), self._batch_size)
        params.n_outputs_max_per_seq = 0
        params.n_threads = params.n_threads_batch = threads
        context = llama.llama_init_from_model(self._model, params)
        if not context:
            raise MemllmError(
                f"cannot set up {self.sequences} contexts of {self.context} tokens for {self.name}",
                "use a smaller context or a smaller model; `memllm doctor` shows the memory there is",
            )
        return context

    def _view_batch(self) -> None:
        """numpy views of the batch, which is filled hundreds of tokens at a time."""
        size, batch = self._batch_size, self._batch
        self._b_token = np.ctypeslib.as_array(batch.token, shape=(size,))
        self._b_pos = np.ctypeslib.as_array(batch.pos, shape=(size,))
        self._b_output = np.ctypeslib.as_array(batch.logits, shape=(size,))
        np.ctypeslib.as_array(batch.n_seq_id, shape=(size,))[:] = 1
        self._b_seq = [batch.seq_id[i] for i in range(size)]

    @property
    def architecture(self) -> str:
        """What llama.cpp calls the kind of model (`llama`, `qwen2` ...)."""
        text = ctypes.create_string_buffer(64)
        self._llama.llama_model_meta_val_str(self._model, b"general.architecture", text, len(text))
        return text.value.decode("utf-8", "replace")

    # -- text ---------------------------------------------------------------------------------------------

    def tokenize(self, text: str) -> list[int]:
        """Ids of `text`. Nothing in it is taken for a special token, and none is added."""
        return self._vocabulary.tokenize(text)

    def special(self, text: str) -> int | None:
        """The id of the control token spelled `text` (`<|im_start|>`), or None if the model has none."""
        return self._vocabulary.special(text)

    def bos(self) -> list[int]:
        """What every prompt starts with: one id or none."""
        return self._vocabulary.bos()

    def piece(self, token: int) -> bytes:
        """The bytes one token stands for (control tokens: none). UTF-8 characters may span tokens."""
        return self._vocabulary.piece(token)

    # -- sequences ----------------------------------------------------------------------------------------

    def tokens(self, seq: int) -> Sequence[int]:
        """The ids evaluated in a sequence."""
        return tuple(self._tokens[seq])

    def load(self, seq: int, tokens: Sequence[int]) -> int:
        """Make the sequence equal `tokens`, evaluating only what follows the common prefix.

        At least the last token is evaluated, so that logits are at hand. Returns how many were evaluated.
        Raises ValueError when `tokens` is empty or longer than `context`.
        """
        wanted = list(tokens)
        if not wanted:
            raise ValueError("a sequence needs at least one token")
        self._vocabulary.check(wanted)
        self._check_room(len(wanted))
        kept = _common(self._tokens[seq], wanted, len(wanted) - 1)
        kept = self._cut(seq, kept)
        self._evaluate({seq: wanted[kept:]})
        return len(wanted) - kept

    def feed(self, batch: Mapping[int, Sequence[int]]) -> None:
        """Append tokens to several sequences and evaluate them together. Empty lists are ignored.

        Raises ValueError when a sequence would grow longer than `context`.
        """
        wanted = {seq: list(tokens) for seq, tokens in batch.items() if len(tokens)}
        for seq, tokens in wanted.items():
            self._vocabulary.check(tokens)
            self._check_room(len(self._tokens[seq]) + len(tokens))
        self._evaluate(wanted)

    def rewind(self, seq: int, length: int) -> None:
        """Keep the first `length` tokens of a sequence; its logits are gone until something is fed."""
        old = self._tokens[seq]
        if not 0 <= length <= len(old):
            raise ValueError(f"sequence {seq} holds {len(old)} tokens, not {length}")
        if length == len(old):
            return
        wanted = old[:length]
        if self._cut(seq, length) < length:  # a recurrent model: its state cannot be taken back
            self._evaluate({seq: wanted})
            self._ready[seq] = False

    def fork(self, source: int, target: int) -> None:
        """Make `target` a copy of `source` without evaluating anything; its logits are copied too."""
        if source == target:
            return
        self._llama.llama_memory_seq_rm(self._memory, target, -1, -1)
        self._llama.llama_memory_seq_cp(self._memory, source, target, -1, -1)
        self._tokens[target] = list(self._tokens[source])
        self._ready[target] = self._ready[source]
        self._norm[target] = self._norm[source]
        if self._ready[source]:
            self._logits[target] = self._logits[source]

    def logits(self, seq: int) -> NDArray[np.float32]:
        """All logits (vocabulary,) after the last token. A view: valid until the sequence changes."""
        if not self._ready[seq]:
            raise ValueError(f"sequence {seq} has no logits: feed it first")
        row: NDArray[np.float32] = self._logits[seq]
        return row

    def pick(self, seq: int, ids: Sequence[int]) -> NDArray[np.float32]:
        """Log-probabilities (len(ids),), over the whole vocabulary, of chosen next ids."""
        row = self.logits(seq)
        norm = self._norm[seq]
        if norm is None:
            norm = self._norm[seq] = log_sum_exp(row)
        chosen: NDArray[np.float32] = row[np.asarray(ids, dtype=np.intp)] - np.float32(norm)
        return chosen

    def follow(self, seq: int, tokens: Sequence[int], watch: Sequence[int] = ()) -> NDArray[np.float64]:
        """Append tokens; log-probabilities (len(tokens), 1 + len(watch)) of each, and of the ids `watch` in its place.

        Raises ValueError when the sequence has no logits yet or would grow longer than `context`.
        """
        wanted = list(tokens)
        self._vocabulary.check([*wanted, *watch])
        self._check_room(len(self._tokens[seq]) + len(wanted))
        out = np.empty((len(wanted), 1 + len(watch)), dtype=np.float64)
        if not wanted:
            return out
        ids = np.array([0, *watch], dtype=np.intp)

        def note(i: int, row: NDArray[np.float32]) -> None:
            ids[0] = wanted[i]
            out[i] = row[ids].astype(np.float64) - log_sum_exp(row)

        note(0, self.logits(seq))
        step = min(_SCORED, self._batch_size)
        for start in range(0, len(wanted) - 1, step):
            part = wanted[start : min(start + step, len(wanted) - 1)]
            at = len(self._tokens[seq])
            self._ready[seq] = False
            self._decode([(seq, at + i, token, True) for i, token in enumerate(part)])
            self._tokens[seq] += part
            for i in range(len(part)):
                note(start + i + 1, self._output(i))
        self._evaluate({seq: wanted[-1:]})
        return out

    def close(self) -> None:
        """Give the memory back. The engine is of no use afterwards."""
        if self._close.alive:
            self._close()
            # a later call fails here, in Python, and not in freed memory
            del self._ctx, self._memory, self._model, self._batch, self._vocabulary

    # -- evaluation ---------------------------------------------------------------------------------------

    def _check_room(self, length: int) -> None:
        if length > self.context:
            raise ValueError(f"{length} tokens do not fit a context of {self.context}")

    def _cut(self, seq: int, length: int) -> int:
        """Forget what follows the first `length` tokens. Returns how many are left: `length`, or 0."""
        if length < len(self._tokens[seq]):
            if length and not self._llama.llama_memory_seq_rm(self._memory, seq, length, -1):
                length = 0
            if not length:
                self._llama.llama_memory_seq_rm(self._memory, seq, -1, -1)
            del self._tokens[seq][length:]
        self._ready[seq] = False
        return length

    def _evaluate(self, wanted: Mapping[int, list[int]]) -> None:
        """Append and evaluate; the logits of each sequence's last token are copied out.

        If llama.cpp refuses, the sequences are as they were before, without their logits.
        """
        before = {seq: len(self._tokens[seq]) for seq in wanted}
        queue: list[tuple[int, int, int, bool]] = []
        for seq, tokens in wanted.items():
            self._ready[seq] = False
            last = len(tokens) - 1
            queue += [(seq, before[seq] + i, token, i == last) for i, token in enumerate(tokens)]
        try:
            for start in range(0, len(queue), self._batch_size):
                part = queue[start : start + self._batch_size]
                self._decode(part)
                for i, (seq, _, _, last_one) in enumerate(part):
                    if last_one:
                        self._logits[seq] = self._output(i)
                        self._norm[seq] = None
                        self._ready[seq] = True
        except MemllmError:
            for seq, length in before.items():
                if not self._llama.llama_memory_seq_rm(self._memory, seq, length, -1):
                    self._llama.llama_memory_seq_rm(self._memory, seq, -1, -1)
                    self._tokens[seq] = []
                self._ready[seq] = False
            raise
        for seq, tokens in wanted.items():
            self._tokens[seq] += tokens

    def _decode(self, part: Sequence[tuple[int, int, int, bool]]) -> None:
        """Evaluate (sequence, position, token, logits wanted) rows, at most a batch of them."""
        count = len(part)
        self._b_pos[:count] = [row[1] for row in part]
        self._b_token[:count] = [row[2] for row in part]
        self._b_output[:count] = [row[3] for row in part]
        for i, row in enumerate(part):
            self._b_seq[i][0] = row[0]
        self._batch.n_tokens = count
        if self._threads is not None and (threads := self._threads.begin()) != self._threads_now:
            self._llama.llama_set_n_threads(self._ctx, threads, threads)
            self._threads_now = threads
        code = self._llama.llama_decode(self._ctx, self._batch)
        if self._threads is not None:
            self._threads.end()
        if code != 0:
            raise MemllmError(
                f"llama.cpp could not evaluate {count} tokens (code {code})",
                "try a shorter text or a smaller batch; `memllm doctor` checks the model",
            )

    def _output(self, index: int) -> NDArray[np.float32]:
        """A view of the logits of a batch's row, valid until the next decode."""
        pointer = self._llama.llama_get_logits_ith(self._ctx, index)
        view: NDArray[np.float32] = np.ctypeslib.as_array(pointer, shape=(self._size,))
        return view


def _common(a: Sequence[int], b: Sequence[int], most: int) -> int:
    """Length of the common beginning, at most `most`."""
    limit = min(len(a), len(b), most)
    if a[:limit] == b[:limit]:
        return limit
    return next(i for i in range(limit) if a[i] != b[i])
