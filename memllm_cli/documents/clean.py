"""Bytes to text, and characters that must not reach a terminal or a model.

Documents are untrusted: control characters move cursors, bidirectional overrides and zero-width characters make
text read differently from what it says, and tag characters (U+E0000) carry text that nobody sees.
"""

from __future__ import annotations

import codecs
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


_LOOKED_AT, _CHAOS = 200_000, 0.1
"""Bytes that an encoding is guessed from, and the share of odd letters up to which the guess counts."""

# Names that browsers take for a larger set than they are; a page that says the one is written in the other.
_MEANT = {"iso8859-1": "cp1252", "ascii": "cp1252", "iso8859-9": "cp1254", "iso8859-11": "cp874", "gb2312": "gb18030",
          "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949"}  # fmt: skip
_SHOWN = {"cp1252": "Windows-1252"}


def declared_charset(data: bytes) -> str:
    """The character set that an HTML page names in its first 2,048 bytes, "" if none or not one we know."""
    head = data[:2048]
    match = _CHARSET.search(head) or _XML_ENCODING.search(head)
    name = match.group(1).decode("ascii") if match else ""
    try:
        codec = codecs.lookup(name).name if _KNOWN.match(name) else ""
    except LookupError:
        return ""
    return _MEANT.get(codec, codec)


def decode(data: bytes, name: str, charset: str = "") -> tuple[str, list[str]]:
    """Bytes of a text file as text with `\\n` as the only line end, and notes on what was not plain UTF-8.

    `charset` is what lines that are not UTF-8 are in. Raises DocumentError for binary content and for an unknown
    encoding.
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
    if charset and len(b"\xe9\xe9".decode(charset, "replace")) == 1:
        # What has two bytes a letter may look like UTF-8 in one line and not in the next: all or nothing.
        try:
            return data.decode(charset), [f"was not UTF-8; read as {charset}"]
        except UnicodeDecodeError:
            charset = ""
    return _by_line(data.removeprefix(codecs.BOM_UTF8), name, charset)


def _guessed(data: bytes) -> tuple[str, list[str]] | None:
    """Text in an encoding that nobody declares, told by the letters that come of it; None where that is in doubt."""
    from charset_normalizer import from_bytes

    best = from_bytes(data[:_LOOKED_AT]).best()
    if best is None or best.chaos > _CHAOS:
        return None
    try:
        return data.decode(best.encoding), [f"was not UTF-8; read as {best.encoding}, which is a guess"]
    except UnicodeDecodeError:
        return None


def _by_line(data: bytes, name: str, charset: str) -> tuple[str, list[str]]:
    """Text of lines of which some are UTF-8 and some are not, each read by itself.

    A line is in one encoding as a rule, a file that was pasted together is not. Without a declared character set
    what is not UTF-8 is taken for Windows-1252, but for runs of letters that no language writes in it.
    """
    lines: list[str] = []
    utf8 = other = unknown = 0
    codec = charset or "cp1252"
    some = _CERTAIN.search(data) is not None
    for line in data.split(b"\n"):
        try:
            lines.append(line.decode("utf-8" if some else "ascii"))
            utf8 += not line.isascii()
            continue
        except UnicodeDecodeError:
            pass
        # Letters of the other encoding may stand in one line with UTF-8; what is left of a damaged letter is none.
        whole, strays = _STRAY.subn(lambda m: m[0].decode(codec, "replace").encode(), line)
        mixed = whole.decode(errors="replace")
        letters = len(_UTF8.findall(line)) if some else 0
        foreign = letters or any(any(map(str.isalpha, m[0].decode(codec, "replace"))) for m in _RUN.finditer(line))
        if letters and mixed.count("\ufffd") <= 2 * letters:
            utf8 += 1
            other += strays > 0
            lines.append(mixed)
        elif foreign and not charset:
            unknown += 1
            lines.append("")
        else:
            other += 1
            lines.append(line.decode(codec, "replace"))
    if unknown > other + utf8:
        if (found := _guessed(data)) is not None:
            return found
        raise DocumentError(f"{name} is in an encoding memllm does not know", "save it as UTF-8 and try again")
    said = _SHOWN.get(codec, codec)
    notes = []
    if other:
        notes.append(f"{_lines(other)} not UTF-8; read as {said}" if utf8 else f"was not UTF-8; read as {said}")
    if unknown:
        notes.append(f"{_lines(unknown)} left out: in an encoding memllm does not know")
    text = "\n".join(lines)
    if bad := text.count("\ufffd") - data.count(b"\xef\xbf\xbd"):
        notes.append(f"{'1 byte was' if bad == 1 else f'{bad:,} bytes were'} damaged UTF-8, replaced")
    return text, notes


def _lines(number: int) -> str:
    return "1 line was" if number == 1 else f"{number:,} lines were"


_UTF8 = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
# The same without what is a letter before a quotation mark, a dash or a hard space in Windows-1252 ("CAFÉ”").
_CERTAIN = re.compile(
    rb"\xc3[\x80-\xbf]|[\xc2-\xdf][\x80-\x84\x86-\x90\x95\x98-\x9f\xa1-\xaa\xac-\xba\xbc-\xbf]"
    rb"|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
# Bytes between ASCII that can be no part of UTF-8; not C2 and C3, which are what is left of its commonest letters.
_STRAY = re.compile(rb"(?<![\x80-\xff])(?:[\x80-\xbf]|[\xc4-\xff]+)(?![\x80-\xff])")
_RUN = re.compile(rb"[\x80-\xff]{4,}")


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
