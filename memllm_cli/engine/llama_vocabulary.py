"""The vocabulary of a llama.cpp model: text to ids and back.

Text is untrusted: nothing in it ever becomes a control token.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterable
from typing import Any

from memllm_cli.llamacpp import library

TEMPLATES = ("chatml", "llama3", "gemma", "mistral", "plain")

# What gives a chat template away, and the control token without which the format makes no sense.
_SIGNS = (
    ("<|im_start|>", "chatml"),
    ("<|start_header_id|>", "llama3"),
    ("<start_of_turn>", "gemma"),
    ("[INST]", "mistral"),
)
_ENDS = ("<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "<end_of_turn>", "<eos>", "</s>")
_MARKERS = (*_ENDS, *(sign for sign, _ in _SIGNS), "<|end_header_id|>", "<|begin_of_text|>", "[/INST]", "<s>", "<bos>")
_USER_DEFINED = 1 << 4  # LLAMA_TOKEN_ATTR_USER_DEFINED


class Vocabulary:
    """Text to ids and back for one loaded model, whose lifetime it shares."""

    def __init__(self, model: Any) -> None:
        self._llama = library()
        self._model = model
        self._vocab = self._llama.llama_model_get_vocab(model)
        self.size = int(self._llama.llama_vocab_n_tokens(self._vocab))
        self._pieces: dict[int, bytes] = {}
        self._markers = {text: token for text in _MARKERS if (token := self.special(text)) is not None}
        self._forbidden = frozenset(self._markers.values())
        self._split = re.compile("|".join(re.escape(text) for text in self._markers) or r"(?!)")
        self.stops = self._find_stops()

    def check(self, tokens: Iterable[int]) -> None:
        """Raise ValueError on ids out of range: llama.cpp ends the process on them in some places."""
        if any(not 0 <= token < self.size for token in tokens):
            raise ValueError(f"token ids go from 0 to {self.size - 1}")

    def template(self) -> str:
        """Which of the project's own chat formats fits, by the markers in the model's template."""
        text = (self._llama.llama_model_chat_template(self._model, None) or b"").decode("utf-8", "replace")
        for sign, template in _SIGNS:
            if sign in text:
                # [INST] is ordinary text in some models; the others are of no use without their token.
                return template if template == "mistral" or sign in self._markers else "plain"
        return "plain"

    def _find_stops(self) -> frozenset[int]:
        llama, vocab = self._llama, self._vocab
        found = {int(llama.llama_vocab_eos(vocab)), int(llama.llama_vocab_eot(vocab))}
        found |= {self._markers[text] for text in _ENDS if text in self._markers}
        return frozenset(token for token in found if token >= 0)

    def _tokenize(self, text: str, special: bool) -> list[int]:
        data = text.encode("utf-8", "replace")  # a lone surrogate becomes "?"
        if not data:
            return []
        size = len(data) + 8
        ids = (ctypes.c_int32 * size)()
        count = self._llama.llama_tokenize(self._vocab, data, len(data), ids, size, False, special)
        if count < 0:
            size = -count
            ids = (ctypes.c_int32 * size)()
            count = self._llama.llama_tokenize(self._vocab, data, len(data), ids, size, False, special)
        return list(ids[:count])

    def tokenize(self, text: str) -> list[int]:
        """Ids of `text`. Nothing in it is taken for a special token, and none is added."""
        ids = self._tokenize(text, special=False)
        if self._forbidden.isdisjoint(ids):
            return ids
        # A file may declare its markers as ordinary added words, which are then found in any text: cut each
        # one in two, so that only its characters are left.
        out: list[int] = []
        start = 0
        for match in self._split.finditer(text):
            out += self._tokenize(text[start : match.start() + 1], special=False)
            start = match.start() + 1
        out += self._tokenize(text[start:], special=False)
        return [token for token in out if token not in self._forbidden]

    def special(self, text: str) -> int | None:
        """The id of the control token spelled `text` (`<|im_start|>`), or None if the model has none."""
        ids = self._tokenize(text, special=True)
        if len(ids) != 1:
            return None
        llama, vocab, token = self._llama, self._vocab, ids[0]
        if llama.llama_vocab_get_text(vocab, token) != text.encode("utf-8", "replace"):
            return None
        control = llama.llama_vocab_is_control(vocab, token) or llama.llama_vocab_is_eog(vocab, token)
        added = text in _MARKERS and int(llama.llama_vocab_get_attr(vocab, token)) & _USER_DEFINED
        return token if control or added else None

    def bos(self) -> list[int]:
        """What every prompt starts with: one id or none."""
        token = int(self._llama.llama_vocab_bos(self._vocab))
        return [token] if token >= 0 and self._llama.llama_vocab_get_add_bos(self._vocab) else []

    def piece(self, token: int) -> bytes:
        """The bytes one token stands for (control tokens: none). UTF-8 characters may span tokens."""
        known = self._pieces.get(token)
        if known is not None:
            return known
        self.check((token,))
        size = 64
        buffer = ctypes.create_string_buffer(size)
        count = self._llama.llama_token_to_piece(self._vocab, token, buffer, size, 0, False)
        if count < 0:
            size = -count
            buffer = ctypes.create_string_buffer(size)
            count = self._llama.llama_token_to_piece(self._vocab, token, buffer, size, 0, False)
        piece = b"" if token in self._forbidden else bytes(buffer.raw[: max(0, count)])
        self._pieces[token] = piece
        return piece
