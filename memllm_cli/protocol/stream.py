"""Text and calls told apart in a model's output as it arrives. Does no I/O.

What comes out does not depend on where the output was cut into pieces, once adjacent text is merged.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from memllm_cli.protocol.calls import Call, CallError, parse
from memllm_cli.protocol.grammar import CLOSE, OPEN


@dataclass(frozen=True, slots=True)
class TextSegment:
    """Text outside calls."""

    text: str


@dataclass(frozen=True, slots=True)
class CallSegment:
    """A whole call; `raw` is the text it was read from."""

    call: Call
    raw: str


@dataclass(frozen=True, slots=True)
class MalformedSegment:
    """Something that began like a call and is none."""

    raw: str


Segment = TextSegment | CallSegment | MalformedSegment


def merge(segments: Iterable[Segment]) -> list[Segment]:
    """The segments with adjacent text joined."""
    out: list[Segment] = []
    for segment in segments:
        if isinstance(segment, TextSegment) and out and isinstance(out[-1], TextSegment):
            out[-1] = TextSegment(out[-1].text + segment.text)
        else:
            out.append(segment)
    return out


class CallDecoder:
    """Splits output into text, calls and malformed calls.

    Calls do not nest: a second `({` makes what came before it malformed and starts anew. A call of more than
    `limit` characters is malformed as far as the limit; what follows is text again.
    """

    def __init__(self, limit: int = 8192) -> None:
        if limit < len(OPEN) + len(CLOSE):
            raise ValueError("the limit leaves no room for a call")
        self._limit = limit
        self._held = ""
        self._inside = False
        self._seen = 0  # characters of the open call in which no mark begins

    @property
    def inside(self) -> bool:
        """Whether a call has been opened and not yet closed."""
        return self._inside

    @property
    def held(self) -> str:
        """What has been fed and not yet handed out."""
        return self._held

    def feed(self, text: str) -> list[Segment]:
        """Take more output; return what is certain now."""
        self._held += text
        out: list[Segment] = []
        while self._call(out) if self._inside else self._text(out):
            pass
        return out

    def flush(self) -> list[Segment]:
        """The output is over: hand out what was held back. An unfinished call is malformed."""
        held, inside = self._held, self._inside
        self._leave("")
        if not held:
            return []
        return [MalformedSegment(held) if inside else TextSegment(held)]

    def _leave(self, rest: str) -> None:
        self._held, self._inside, self._seen = rest, False, 0

    def _text(self, out: list[Segment]) -> bool:
        """Hand out text before the next call; False when more output is needed."""
        at = self._held.find(OPEN)
        cut = at if at >= 0 else len(self._held) - self._held.endswith(OPEN[0])
        if cut:
            out.append(TextSegment(self._held[:cut]))
        self._held = self._held[cut:]
        if at < 0:
            return False
        self._inside, self._seen = True, len(OPEN)
        return True

    def _call(self, out: list[Segment]) -> bool:
        """Hand out the open call if it ends here; False when more output is needed."""
        held = self._held
        close, again = held.find(CLOSE, self._seen), held.find(OPEN, self._seen)
        if again >= 0 and (close < 0 or again < close) and again < self._limit:
            out.append(MalformedSegment(held[:again]))
            self._leave(held[again:])
        elif close >= 0 and (again < 0 or close < again) and close + len(CLOSE) <= self._limit:
            raw = held[: close + len(CLOSE)]
            try:
                out.append(CallSegment(parse(raw), raw))
            except CallError:
                out.append(MalformedSegment(raw))
            self._leave(held[len(raw) :])
        elif len(held) > self._limit:
            out.append(MalformedSegment(held[: self._limit]))
            self._leave(held[self._limit :])
        else:
            self._seen = max(len(OPEN), len(held) - 1)
            return False
        return True
