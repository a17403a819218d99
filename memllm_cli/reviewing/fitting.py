"""Text cut to the room a terminal has, in columns. Pure; knows nothing of facts or screens."""

from __future__ import annotations

from collections.abc import Sequence

from prompt_toolkit.utils import get_cwidth

from memllm_cli.terminal import clean

Span = tuple[int, int]
CUT = "…"
_LEAD = 20  # columns kept before the first marked word of a sentence that is cut


def one_line(text: str) -> str:
    """Untrusted text as one clean line."""
    return " ".join(clean(text).split())


def cut(text: str, room: int) -> str:
    """The beginning of a text that fits so many columns, with a sign where something is missing."""
    if get_cwidth(text) <= room:
        return text
    out, used = [], 0
    for c in text:
        used += get_cwidth(c)
        if used > room - 1:
            break
        out.append(c)
    return "".join(out) + CUT if room > 0 else ""


def cut_front(text: str, room: int) -> str:
    """The end of a text that fits so many columns."""
    return text if get_cwidth(text) <= room else cut(text[::-1], room)[::-1]


def shrunk(parts: Sequence[str], room: int) -> list[str]:
    """Texts that share so many columns: the longest give way first, so that each stays to be seen."""
    widths = [get_cwidth(p) for p in parts]
    most = min(max(widths), max(1, room))
    while most > 1 and sum(min(w, most) for w in widths) > room:
        most -= 1
    spare = room - sum(min(w, most) for w in widths)
    out = []
    for part, width in zip(parts, widths, strict=True):
        more = 1 if width > most and spare > 0 else 0
        spare -= more
        out.append(cut(part, min(width, most + more)))
    return out


def padded(text: str, room: int) -> str:
    """A text that takes exactly so many columns."""
    shown = cut(text, room)
    return shown + " " * (room - get_cwidth(shown))


def passage(before: str, sentence: str, after: str, spans: Sequence[Span], room: int) -> list[tuple[str, str]]:
    """A sentence and what stands around it in so many columns, as (kind, text): `near`, `said` or `name` each.

    The sentence comes first: its neighbours get what it leaves, and of one that is too long its names stay.
    """
    if get_cwidth(sentence) > room:
        begin = max(0, spans[0][0] - _LEAD) if spans else 0
        shown = cut((CUT if begin else "") + sentence[begin:], room)
        moved = begin - (1 if begin else 0)
        spans = [(s - moved, min(e - moved, len(shown))) for s, e in spans if s - moved < len(shown)]
        before = after = ""
        sentence = shown
    left = max(0, room - get_cwidth(sentence) - 2)
    half = max(left // 2, left - get_cwidth(after))
    before = cut_front(before, half) if half > 1 else ""
    after = cut(after, left - get_cwidth(before)) if left - get_cwidth(before) > 1 else ""
    out = [("near", f"{before} ")] if before else []
    at = 0
    for start, end in spans:
        out += [("said", sentence[at:start]), ("name", sentence[start:end])]
        at = end
    out.append(("said", sentence[at:]))
    if after:
        out.append(("near", f" {after}"))
    return [(kind, text) for kind, text in out if text]
