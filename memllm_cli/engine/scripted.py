"""An engine that plays a script: for tests and demonstrations, through the same protocol as a real model.

Its vocabulary is made as text comes in: words (with the space before them), the markers of calls, and single
characters. Its logits prefer the next token of what the script would write; under a constraint that forbids
it, they prefer what comes nearest. Nothing is random, nothing depends on what was asked before except the
numbering of the vocabulary.

How a script is written: each turn is what the model writes. What the program inserts after the `-->` of a read
need not be in it, and finished calls may have been dropped from the context: both are seen through. `continuation`
does this and can be used by callables, too.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

CONTROL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
_END = CONTROL.index("<|im_end|>")
_ANSWER = "<|im_start|>assistant\n"
_TOKEN = re.compile(r"\(\{|\}\)|-->|>>|;|\n| ?\w+|.", re.DOTALL)
_CALL = re.compile(r"(\(\{.*?(?:\}\)|\Z))", re.DOTALL)
_MARK = re.compile(r"\(\{|\}\)|-->|>>|[;()]")
_GROW = 4096  # logits cover a multiple of this many ids
_CLOSERS = ("})", "-->", ")", ">>", ";")  # likely ways out of a call when the script has none

Script = Sequence[str] | Callable[[str], str]


class ScriptedEngine:
    """Plays `script`: a turn for each answer, or a function from the text so far to what should follow.

    The text so far has control tokens spelled out. Turns are counted by the openings of an answer in the chat
    format (`<|im_start|>assistant`); a context without any is answered by the first turn, from where the last
    `load` ended. After its last turn the engine only ends turns. Everything else is as in `Engine`.
    """

    def __init__(
        self,
        script: Script,
        *,
        name: str = "scripted",
        sha256: str = "0" * 64,
        context: int = 4096,
        sequences: int = 1,
    ) -> None:
        self.name = name
        self.sha256 = sha256
        self.context = context
        self.sequences = sequences
        self.template = "chatml"
        self.stops = frozenset({CONTROL.index("<|endoftext|>"), _END})
        self._script = script
        self._words: list[str] = list(CONTROL)
        self._ids = {word: i for i, word in enumerate(CONTROL)}
        self._tokens: list[list[int]] = [[] for _ in range(sequences)]
        self._loaded = [0] * sequences
        self._ready = [False] * sequences
        self._logits: list[NDArray[np.float32] | None] = [None] * sequences

    # -- text ---------------------------------------------------------------------------------------------

    def tokenize(self, text: str) -> list[int]:
        """Ids of `text`; new words get new ids. Control tokens in it are taken for ordinary characters."""
        text = text.encode("utf-8", "replace").decode("utf-8")
        return [self._id(word) for word in _TOKEN.findall(text)]

    def _id(self, word: str) -> int:
        known = self._ids.get(word)
        if known is None:
            known = self._ids[word] = len(self._words)
            self._words.append(word)
        return known

    def special(self, text: str) -> int | None:
        """The id of a control token, or None."""
        return CONTROL.index(text) if text in CONTROL else None

    def bos(self) -> list[int]:
        """Nothing: prompts start with their text."""
        return []

    def piece(self, token: int) -> bytes:
        """The bytes one token stands for (control tokens: none)."""
        self._check(token)
        return b"" if token < len(CONTROL) else self._words[token].encode()

    def text(self, seq: int) -> str:
        """The text of a sequence, control tokens spelled out."""
        return "".join(self._words[token] for token in self._tokens[seq])

    # -- sequences ----------------------------------------------------------------------------------------

    def tokens(self, seq: int) -> Sequence[int]:
        """The ids evaluated in a sequence."""
        return tuple(self._tokens[seq])

    def load(self, seq: int, tokens: Sequence[int]) -> int:
        """Make the sequence equal `tokens`; returns how many a real engine would have evaluated."""
        if not tokens:
            raise ValueError("a sequence needs at least one token")
        self._check(*tokens)
        self._room(len(tokens))
        old, kept = self._tokens[seq], 0
        while kept < min(len(old), len(tokens) - 1) and old[kept] == tokens[kept]:
            kept += 1
        self._tokens[seq] = list(tokens)
        self._loaded[seq] = len(tokens)
        self._changed(seq, ready=True)
        return len(tokens) - kept

    def feed(self, batch: Mapping[int, Sequence[int]]) -> None:
        """Append tokens to several sequences. Empty lists are ignored."""
        for seq, tokens in batch.items():
            self._check(*tokens)
            self._room(len(self._tokens[seq]) + len(tokens))
        for seq, tokens in batch.items():
            if len(tokens):
                self._tokens[seq] += tokens
                self._changed(seq, ready=True)

    def rewind(self, seq: int, length: int) -> None:
        """Keep the first `length` tokens of a sequence; its logits are gone until something is fed."""
        old = self._tokens[seq]
        if not 0 <= length <= len(old):
            raise ValueError(f"sequence {seq} holds {len(old)} tokens, not {length}")
        if length < len(old):
            del old[length:]
            self._loaded[seq] = min(self._loaded[seq], length)
            self._changed(seq, ready=False)

    def fork(self, source: int, target: int) -> None:
        """Make `target` a copy of `source`; its logits are copied too."""
        self._tokens[target] = list(self._tokens[source])
        self._loaded[target] = self._loaded[source]
        self._changed(target, ready=self._ready[source])

    def logits(self, seq: int) -> NDArray[np.float32]:
        """All logits after the last token: every id known by now has one."""
        if not self._ready[seq]:
            raise ValueError(f"sequence {seq} has no logits: feed it first")
        row = self._logits[seq]
        if row is None or len(row) < len(self._words):
            row = self._logits[seq] = self._prefer(self._wishes(seq))
        return row

    def pick(self, seq: int, ids: Sequence[int]) -> NDArray[np.float32]:
        """Log-probabilities (len(ids),), over the whole vocabulary, of chosen next ids."""
        self._check(*ids)
        row = self.logits(seq)
        top = float(row.max())
        norm = top + math.log(float(np.exp(row - np.float32(top)).sum()))
        chosen: NDArray[np.float32] = row[np.asarray(ids, dtype=np.intp)] - np.float32(norm)
        return chosen

    def follow(self, seq: int, tokens: Sequence[int], watch: Sequence[int] = ()) -> NDArray[np.float64]:
        """Append tokens; log-probabilities of each and of the ids `watch` in its place."""
        rows = []
        for token in tokens:
            rows.append(self.pick(seq, [token, *watch]).astype(np.float64))
            self.feed({seq: [token]})
        return np.array(rows).reshape(len(tokens), 1 + len(watch))

    def close(self) -> None:
        """Nothing to give back."""

    def _changed(self, seq: int, ready: bool) -> None:
        self._ready[seq] = ready
        self._logits[seq] = None

    def _check(self, *tokens: int) -> None:
        if any(not 0 <= token < len(self._words) for token in tokens):
            raise ValueError(f"token ids go from 0 to {len(self._words) - 1}")

    def _room(self, length: int) -> None:
        if length > self.context:
            raise ValueError(f"{length} tokens do not fit a context of {self.context}")

    # -- what it would like to write ----------------------------------------------------------------------

    def _wanted(self, seq: int) -> str:
        """The rest of the turn that the script is in."""
        text = self.text(seq)
        if callable(self._script):
            return self._script(text)
        before, mark, written = text.rpartition(_ANSWER)
        if mark:
            turn = before.count(_ANSWER)
        else:
            turn = 0
            written = "".join(self._words[token] for token in self._tokens[seq][self._loaded[seq] :])
        return continuation(self._script[turn], written) if turn < len(self._script) else ""

    def _wishes(self, seq: int) -> list[int]:
        """Next ids, best first: the script's, what it says without the call it is about to open, near misses."""
        wanted = self._wanted(seq)
        first = self._first(wanted)
        wishes = [first]
        if wanted.startswith("({"):
            wishes.append(self._first(_CALL.sub("", wanted, count=1)))
        if first >= len(CONTROL):
            word = self._words[first]
            wishes.append(self._id(word[1:] if word.startswith(" ") and len(word) > 1 else f" {word}"))
        wishes += [*(self._id(word) for word in _CLOSERS), _END]
        return list(dict.fromkeys(wishes))

    def _first(self, text: str) -> int:
        found = _TOKEN.match(text)
        return self._id(found.group()) if found else _END

    def _prefer(self, wishes: Sequence[int]) -> NDArray[np.float32]:
        size = -(-len(self._words) // _GROW) * _GROW
        row = np.linspace(0.0, -1.0, size, dtype=np.float32)
        row[: len(CONTROL)] = -2.0
        row[len(self._words) :] = -40.0  # ids that stand for nothing yet
        for rank, token in enumerate(wishes):
            row[token] = 20.0 if rank == 0 else 12.0 - rank
        return row


def continuation(turn: str, written: str) -> str:
    """What is left to write of `turn` after `written`, which may lack calls, hold results, or have strayed.

    Inside a call a constraint may have chosen other words: the call is then continued behind as many markers as
    have been written. Text that the script does not know is passed over, and the script goes on from its start.
    """
    for start in range(len(written) + 1):
        rest = _align(turn, written[start:])
        if rest is not None:
            return rest
    raise AssertionError("an empty text always aligns")


def _align(turn: str, written: str) -> str | None:
    """The rest of `turn`, or None if `written` is no beginning of it."""
    parts = [part for part in _CALL.split(turn) if part]
    at = 0
    for i, part in enumerate(parts):
        left, after = written[at:], "".join(parts[i + 1 :])
        if not part.startswith("({"):
            if part.startswith(left):
                return part[len(left) :] + after
            if not left.startswith(part):
                return None
            at += len(part)
        elif left.startswith("({") or part.startswith(left):
            end = left.find("})")
            if end < 0:
                return _inside(part, left) + after
            at += end + 2
        # else the call was dropped from the context, or never allowed
    return "" if at or not written else None


def _inside(call: str, written: str) -> str:
    """The rest of a call of which `written` is the beginning, perhaps with other words in it."""
    if call.startswith(written):
        return call[len(written) :]
    if "-->" in written and "-->" in call and ")" in written[: written.index("-->")]:
        return "})"  # a read: what follows the arrow is the program's
    ours, theirs = list(_MARK.finditer(call)), list(_MARK.finditer(written))
    count = len(theirs)
    if count > len(ours):
        return "})"
    field = written[theirs[-1].end() :] if theirs else written
    inner = call[ours[count - 1].end() :].lstrip() if count else call
    if inner.startswith(field.lstrip()):
        return inner[len(field.lstrip()) :]
    return call[ours[count].start() :] if count < len(ours) else "})"
