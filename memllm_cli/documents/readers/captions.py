"""Captions of recordings (vtt, srt) to parts: who said what, and when; without what places it on a screen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

from memllm_cli.documents.base import Line, Parsed, Part

_TIMES = re.compile(r"\s*((?:\d{1,3}:)?\d{1,2}:\d{2})[.,]\d{1,3}\s*-->\s*(?:\d{1,3}:)?\d{1,2}:\d{2}[.,]\d{1,3}")
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]{1,80})>")
_TAG = re.compile(r"<[^<>]{0,200}>|\{\\?[a-z]+\d*[^{}]{0,80}\}", re.I)
_SPEAKER = re.compile(r"(?:>>+\s*)?([A-Z][\w.'’ -]{0,38}?):\s+(?=\S)")
_ASIDE = ("NOTE", "STYLE", "REGION", "WEBVTT")


def parse(source: str) -> Parsed:
    """What is said, a turn for each stretch of one speaker; a line is one of the file."""
    parsed = Parsed()
    held: list[Line] = []
    speaker = time = ""
    before: list[str] = []
    for line, at, who, texts in _cues(source):
        new = [t for t in texts if t not in before]  # captions that roll repeat the line above
        before = texts
        if not new:
            continue
        if held and who != speaker:
            parsed.parts.append(_turn(speaker, time, held))
            held = []
        if not held:
            speaker, time = who, at
        held += [Line(line + n, text) for n, text in enumerate(new)]
    if held:
        parsed.parts.append(_turn(speaker, time, held))
    return parsed


def _turn(speaker: str, time: str, lines: list[Line]) -> Part:
    if not speaker:
        return Part("paragraph", tuple(lines), note=time)
    return Part("turn", tuple(lines), label=speaker, note=time)


def _cues(source: str) -> Iterator[tuple[int, str, str, list[str]]]:
    """The cues: line, time, speaker ("" where none is named), texts."""
    lines = source.split("\n")
    n = 0
    while n < len(lines):
        times = _TIMES.match(lines[n])
        if times is None:
            n += 1
            if lines[n - 1].split(" ")[0].split("\t")[0] in _ASIDE:
                while n < len(lines) and lines[n].strip():
                    n += 1
            continue
        n += 1
        begin = n
        said: list[str] = []
        while n < len(lines) and lines[n].strip() and not _TIMES.match(lines[n]):
            said.append(lines[n])
            n += 1
        voice = _VOICE.search(" ".join(said))
        who = " ".join(unescape(voice[1]).split()) if voice else ""
        texts = [" ".join(unescape(_TAG.sub("", text)).split()) for text in said]
        if not who and texts and (named := _SPEAKER.match(texts[0])):
            who, texts[0] = named[1], texts[0][named.end() :]
        yield begin + 1, times[1], who, [text for text in texts if text]
