"""Bytes to text, and characters that must not reach a terminal or a model.

Documents are untrusted: control characters move cursors, bidirectional overrides and zero-width characters make
text read differently from what it says, and tag characters (U+E0000) carry text that nobody sees.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from memllm_cli.errors import DocumentError
from memllm_cli.terminal import ESCAPE

# \t, \n and what str.split() takes for white space (\v, \f, \x1c-\x1f, \x85) are left: they become spaces.
_CONTROL = "\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f"
_BIDI = "\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c"
_ZERO_WIDTH = "\u200b\u2060-\u2064\ufeff\u00ad\u180e\u206a-\u206f"
# Joiners are spelling in Arabic and Indic scripts (U+0600 to U+0DFF), and only there are they kept.
_JOINER = "(?<![\u0600-\u0dff])[\u200c\u200d]"
_DROP = re.compile(f"({ESCAPE})|([{_CONTROL}])|([{_BIDI}])|([{_ZERO_WIDTH}]|{_JOINER})")
_NAMES = ("escape sequences", "control characters", "bidirectional controls", "zero-width characters")


def clean(text: str, dropped: Counter[str] | None = None) -> str:
    """Text without escape sequences, control, bidirectional and zero-width characters; `dropped` counts them."""
    if text.isascii() and text.isprintable():
        return text

    def drop(match: re.Match[str]) -> str:
        if dropped is not None and match.lastindex is not None:
            dropped[_NAMES[match.lastindex - 1]] += 1
        return ""

    return _DROP.sub(drop, text)


def dropped_notes(dropped: Counter[str]) -> list[str]:
    """One line for each kind of character that was dropped."""
    return [
        f"dropped {dropped[name]:,} {name if dropped[name] != 1 else name[:-1]}" for name in _NAMES if dropped[name]
    ]


def one_line(text: str) -> str:
    """Cleaned text with every run of white space as one space."""
    return " ".join(clean(text).split())


_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]{1,40})""", re.I)
_XML_ENCODING = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9_.:-]{1,40})""", re.I)
# Only plain character sets: Python also has codecs (punycode, idna) that are no charsets, and slow.
_KNOWN = re.compile(r"(iso-?8859|windows-?125|cp\d|koi8|gb|big5|shift|euc|mac|x-sjis|us-ascii|ascii|latin)", re.I)
_BOMS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)


def declared_charset(data: bytes) -> str:
    """The character set that an HTML page names in its first 2,048 bytes, "" if none or not one we know."""
    head = data[:2048]
    match = _CHARSET.search(head) or _XML_ENCODING.search(head)
    name = match.group(1).decode("ascii") if match else ""
    return name if _KNOWN.match(name) else ""


def decode(data: bytes, name: str, charset: str = "") -> tuple[str, list[str]]:
    """Bytes of a text file as text with `\\n` as the only line end, and notes on what was not plain UTF-8.

    `charset` is tried after UTF-8. Raises DocumentError for binary content and for an unknown encoding.
    """
    text, notes = _decode(data, name, charset)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text, notes


def _decode(data: bytes, name: str, charset: str) -> tuple[str, list[str]]:
    for mark, codec in _BOMS:
        if data.startswith(mark):
            try:
                text = data.decode(codec)
            except UnicodeDecodeError:
                raise _binary(name) from None
            if _too_many_controls(text.count("\0") * 50, text):
                raise _binary(name)
            return text, [f"was {codec.upper()}"]
    controls = sum(data.count(bytes([c])) for c in (*range(1, 8), *range(0x0E, 0x1B), 0x7F))
    if b"\0" in data or _too_many_controls(controls, data):
        raise _binary(name)
    try:
        return data.decode("utf-8-sig"), []
    except UnicodeDecodeError:
        pass
    if charset:
        try:
            return data.decode(charset), [f"was not UTF-8; read as {charset}"]
        except (UnicodeDecodeError, LookupError):
            pass
    lenient = data.decode("utf-8-sig", "replace")
    bad = lenient.count("\ufffd") - data.count(b"\xef\xbf\xbd")
    good = len(re.findall(r"[^\x00-\x7f\ufffd]", lenient))
    if good > 3 * bad:
        return lenient, [f"{bad:,} bytes were not UTF-8 and were replaced"]
    high = len(data) - len(data.translate(None, bytes(range(0x80, 0x100))))
    if high > 0.4 * len(data):
        raise DocumentError(f"{name} is in an encoding memllm does not know", "save it as UTF-8 and try again")
    try:
        return data.decode("cp1252"), ["was not UTF-8; read as Windows-1252"]
    except UnicodeDecodeError:
        return data.decode("latin-1"), ["was not UTF-8; read as Latin-1"]


def _too_many_controls(count: int, content: bytes | str) -> bool:
    return count > 2 and count > len(content) / 100


def _binary(name: str) -> DocumentError:
    return DocumentError(f"{name} is a binary file, not text", "convert it to text, markdown, HTML or PDF first")


def sane_title(candidates: Iterable[str]) -> str:
    """The first candidate that can serve as a title, cleaned; "" if there is none."""
    for candidate in candidates:
        title = one_line(candidate)
        if not 1 <= len(title) <= 200 or not any(c.isalpha() for c in title):
            continue
        if re.match(r"(untitled|document\d*$|microsoft word|no title|title$|slide ?\d)", title, re.I):
            continue
        if re.search(r"\.(docx?|dvi|tex|indd|qxd|rtf|odt|pptx?|xlsx?|ps|pdf)$", title, re.I):
            continue
        return title
    return ""
