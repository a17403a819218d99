"""Captions of recordings (vtt, srt) to parts: who said what, and when; without what places it on a screen."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from html import unescape
from itertools import pairwise

from memllm_cli.documents.base import Line, Parsed, Part
from memllm_cli.documents.readers.text import ends_sentence
from memllm_cli.errors import DocumentError

_TIME = r"((?:\d{1,4}:)?\d{1,2}:\d{2})(?:[.,:](\d{1,6}))?"
_TIMES = re.compile(rf"\s*{_TIME}[ \t]*-{{1,2}}>[ \t]*{_TIME}(?=\s|$)")
_VOICE = re.compile(r"(<v(?:\.[^\s<>]{0,80})?\s[^<>]{1,120}>|</v>)")
_RUBY = re.compile(r"<rt>[^<>]{0,80}</rt>")
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,300}>|</?[a-zA-Z]>|</>|<\d[\d:.]{1,20}>|\{\\?[a-zA-Z]\d?[^{}]{0,80}\}")
_NEXT = re.compile(r"(?:>>+|»)\s*")
"""What says that another speaker begins, where none is named."""
_DASH = re.compile(r"[-–—‐]\s?(?=[^\W_]|[\"'“¿¡\[(<♪])")
_NAMED = re.compile(r"(?P<name>[^\W_][\w.'’&#/ -]{0,38}?(?:,[\w.'’ -]{1,20})?(?:\s?\([^()]{1,30}\))?)\s?:\s+(?=\S)")
_ASIDE = ("NOTE", "STYLE", "REGION")
_PAUSE = 1.0
"""Seconds between two captions after which the second repeats nothing of the first, but is said anew."""
_LONG, _LONGEST = 800, 3000
"""Characters after which a turn goes on as another one: where a sentence ends, and wherever."""


@dataclass(frozen=True, slots=True)
class _Cue:
    """A line of a caption: when it is shown, who says it ("" if nobody says), whether it is another than before."""

    caption: int
    """The line of its times, which its other lines have too."""
    number: int
    start: float
    end: float
    time: str
    who: str
    text: str
    other: bool = False


def parse(source: str) -> Parsed:
    """What is said, a turn for each stretch of one speaker; a line is one of the file.

    Raises DocumentError for a file without captions.
    """
    cues = list(_cues(source))
    if not cues:
        raise DocumentError(
            "it has no captions: nothing follows a line of times as 00:01.000 --> 00:02.000", "check the file"
        )
    parsed = Parsed()
    held: list[Line] = []
    speaker = time = ""
    size = 0

    def end() -> None:
        if held:
            parsed.parts.append(Part("turn" if speaker else "paragraph", tuple(held), 0, speaker, time))

    for cue in _new(_named(cues)):
        whole = not held or ends_sentence(held[-1].text)
        who = cue.who
        if not who and not cue.other and not whole:
            who = speaker  # a sentence that goes on is its speaker's
        if held and (who != speaker or cue.other or size > (_LONG if whole else _LONGEST)):
            end()
            held, size = [], 0
        if not held:
            speaker, time = who, cue.time
        held.append(Line(cue.number, cue.text))
        size += len(cue.text)
    end()
    return parsed


def _named(cues: Sequence[_Cue]) -> list[_Cue]:
    """Lines with the speakers that stand before them as text ("ADA: Yes."), where these are speakers.

    They are where they come again, are written as names are, or stand in three of four captions at least.
    """
    found = [None if cue.who else _NAMED.match(cue.text) for cue in cues]
    names = Counter(match["name"] for match in found if match)
    most = 4 * sum(names.values()) >= 3 * len({cue.caption for cue in cues})
    out: list[_Cue] = []
    for cue, match in zip(cues, found, strict=True):
        name = match["name"] if match else ""
        capital = [w for w in re.findall(r"\w+", name) if not w[0].islower()]
        is_name = len(capital) >= max(2, len(name.split()) - 1) or name.isupper()
        if match and capital and (is_name or most or names[name] > 1) and len(name.split()) <= 6:
            out.append(replace(cue, who=name, text=cue.text[match.end() :]))
        else:
            out.append(cue)
    return out


def _new(cues: Sequence[_Cue]) -> Iterator[_Cue]:
    """Lines without what they repeat of the caption before: captions that roll or grow show it again."""
    before: list[_Cue] = []
    n = 0
    while n < len(cues):
        last = n
        while last < len(cues) and cues[last].caption == cues[n].caption:
            last += 1
        now = list(cues[n:last])
        n = last
        if before and now[0].start - before[-1].end <= _PAUSE:
            yield from _beyond(before, now)
        else:
            yield from now
        before = now


def _beyond(before: Sequence[_Cue], now: Sequence[_Cue]) -> list[_Cue]:
    """What a caption shows beyond the one before."""
    old = [(cue.who, cue.text) for cue in before]
    new = [(cue.who, cue.text) for cue in now]
    if all(line in old for line in new):
        return []
    for size in range(min(len(old), len(new)), 0, -1):
        same, (who, text) = old[-size:], new[size - 1]
        if same[:-1] != new[: size - 1] or same[-1][0] != who:
            continue
        if text == same[-1][1]:
            return list(now[size:])
        if text.startswith(f"{same[-1][1]} "):
            grown = replace(now[size - 1], text=text[len(same[-1][1]) :].strip())
            return [grown, *now[size:]]
    return list(now)


def _cues(source: str) -> Iterator[_Cue]:
    """The lines of captions, each with its times, in the order of the file."""
    lines = source.split("\n")
    strict = source.lstrip("\ufeff").startswith("WEBVTT")
    places = [n for n, line in enumerate(lines) if "->" in line and _TIMES.match(line)]
    for place, after in pairwise([*places, len(lines)]):
        match = _TIMES.match(lines[place])
        assert match is not None
        start, end = _seconds(match[1], match[2]), _seconds(match[3], match[4])
        last = after
        if after < len(lines) and (lines[after - 1].strip().isdecimal() or not lines[after - 2].strip()):
            last -= 1  # the name or number of the next caption
        speaker = ""
        for n in range(place + 1, last):
            line = lines[n].strip()
            if not line and (strict and not _goes_on(lines[n + 1 : last])):
                break
            for other, who, text in _said(line, speaker):
                speaker = who
                yield _Cue(place, n + 1, start, end, match[1], who, text, other)


def _goes_on(lines: Sequence[str]) -> bool:
    """Whether what follows an empty line in a caption is still its text, as where programs leave first lines empty."""
    first = next((line.strip() for line in lines if line.strip()), "")
    return bool(first) and first.split()[0].rstrip(":") not in _ASIDE


def _said(line: str, who: str) -> Iterator[tuple[bool, str, str]]:
    """The pieces of a line: whether another speaks than before, who ("" if unknown), and what."""
    for piece in _VOICE.split(_RUBY.sub("", line)):
        if piece == "</v>":
            who = ""
        elif _VOICE.fullmatch(piece):
            who = " ".join(unescape(piece[2:-1].lstrip(".").partition(" ")[2] or piece[2:-1]).split())
        else:
            text = " ".join(unescape(_TAG.sub("", piece)).replace("\u200b", "").split())
            begins = _NEXT.match(text) or (None if who else _DASH.match(text))
            if text := text[begins.end() :] if begins else text:
                yield begins is not None and not who, who, text


def _seconds(time: str, fraction: str | None) -> float:
    """A time as it is written, in seconds."""
    total = 0
    for number in time.split(":"):
        total = total * 60 + int(number)
    return total + float(f"0.{fraction or 0}")
