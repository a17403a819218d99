"""Numbers as people write them: digits grouped in the ways of several countries, words, scales such as million.

Knows nothing of money, units or dates. What a notation leaves open is not guessed here: all its readings are given.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import cache
from pathlib import Path

_TOKEN = re.compile(
    r"(?P<number>\d+(?:\.\d+)?[eE][+-]?\d(?![^\W_])"
    r"|\d+(?:[.,']\d+| \d{3}(?!\d))*"
    r"|(?<![\w.,])[.,]\d+)"
    r"|(?P<word>[^\W\d_]+(?:\.[^\W\d_]+)*(?:(?<=[a-z])[23](?![^\W_]))?)"
    r"|(?P<other>\S)"
)
_SPACES = dict.fromkeys(
    map(ord, "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\t\n"), " "
)
_MARKS = str.maketrans(
    {**{ord(c): "'" for c in "’‘´`′"}, **{ord(c): "-" for c in "−‐‑‒–—"}} | {ord("\u2044"): "/"} | _SPACES
)
_FRACTIONS = {"½": "0.5", "¼": "0.25", "¾": "0.75", "⅕": "0.2", "⅖": "0.4", "⅗": "0.6", "⅘": "0.8", "⅛": "0.125",
              "⅜": "0.375", "⅝": "0.625", "⅞": "0.875"}  # fmt: skip
EXACT = Context(prec=100)
"""Numbers as long as they may be are not rounded when they are scaled."""
_MOST_DIGITS = 40
_SYMBOLS = frozenset(("unit", "currency", "sign", "time", "money scale"))


@dataclass(frozen=True, slots=True)
class Token:
    """A number in digits, a word without its stops, or one other character; `glued` to what stands before it or not."""

    text: str
    kind: str
    glued: bool


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a spelling stands for, a row of `units.csv`: its kind, the unit it is counted in, its value or members.

    `name` is the first spelling of the row.
    """

    kind: str
    unit: str
    value: str
    name: str


@dataclass(frozen=True, slots=True)
class Numeral:
    """A number: its value, where it ends, what scales all of it (1 for nothing, 0 where only a part is scaled), and
    whether it is nothing but "a"."""

    value: Decimal
    end: int
    scale: Decimal = Decimal(1)
    article: bool = False


def tokens(text: str) -> list[Token]:
    """The parts of a text. Signs that mean something (², ½, °) stay what they are."""
    plain = "".join(
        c if c in "²³℃℉" or c in _FRACTIONS else unicodedata.normalize("NFKC", c.translate(_MARKS)) for c in text
    )
    plain = plain.translate(_MARKS)
    out: list[Token] = []
    end = -1
    for match in _TOKEN.finditer(plain):
        kind = match.lastgroup or "other"
        word = match[0].replace(".", "") if kind == "word" else match[0]
        if word == "." and match.start() == end and out[-1].kind == "word":
            end = match.end()  # the stop of an abbreviation
            continue
        out.append(Token(word, kind, match.start() == end))
        end = match.end()
    return out


@cache
def _table() -> dict[str, list[Meaning]]:
    out: dict[str, list[Meaning]] = {}
    with Path(__file__).with_name("units.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            spellings = row["spellings"].split("|")
            meaning = Meaning(row["kind"], row["unit"], row["value"], spellings[0])
            for spelling in spellings:
                out.setdefault(spelling, []).append(meaning)
    return out


@cache
def _longest() -> dict[str, int]:
    """The tokens of the longest spelling that begins with a word."""
    out: dict[str, int] = {}
    for spelling in _table():
        words = spelling.split(" ")
        first = words[0].casefold()
        out[first] = max(out.get(first, 0), len(words))
    return out


def phrase(parts: list[Token], at: int, kinds: Sequence[str]) -> tuple[Meaning, int] | None:
    """The longest spelling of some kinds that begins at a token, and where it ends.

    Units of two letters or fewer mean what they mean in one case only (MW, mW); of longer words it does not count.
    """
    if at >= len(parts):
        return None
    table, longest = _table(), _longest().get(parts[at].text.casefold(), 0)
    for length in range(min(longest, len(parts) - at), 0, -1):
        written = " ".join([p.text for p in parts[at : at + length]])
        for form in (written, written.casefold()):
            for meaning in table.get(form, ()):
                if meaning.kind in kinds and (form == written or len(written) > 2 or meaning.kind not in _SYMBOLS):
                    return meaning, at + length
    return None


def readings(digits: str) -> tuple[Decimal, ...]:
    """The numbers that digits with their separators can mean: none, one, or for "4.200" two (thousands first)."""
    if sum(map(str.isdigit, digits)) > _MOST_DIGITS:
        return ()
    if re.fullmatch(r"0\d.*", digits):  # a code: its zeros are part of it
        return ()
    if re.fullmatch(r"\d+(?:(?:\.\d+)?[eE][+-]?\d)?", digits):
        return (Decimal(digits),)
    found: list[str] = []
    for group, points in ((",", "."), (".", ","), ("'", ".,"), (" ", ".,")):
        if match := re.fullmatch(rf"([1-9]\d{{0,2}}(?:{re.escape(group)}\d{{3}})+)(?:[{points}](\d+))?", digits):
            found.append(match[1].replace(group, "") + (f".{match[2]}" if match[2] else ""))
    if match := re.fullmatch(r"([1-9]\d?(?:,\d\d)+,\d{3})(?:\.(\d+))?", digits):  # 12,34,567 as in India
        found.append(match[1].replace(",", "") + (f".{match[2]}" if match[2] else ""))
    if re.fullmatch(r"\d*[.,]\d+", digits):
        found.append("0" + digits.replace(",", "."))
    return tuple(dict.fromkeys(Decimal(f) for f in found))


def numeral(parts: list[Token], at: int, scales: Sequence[str], thousands: bool | None) -> Numeral | None:
    """The number that begins at a token, in digits or words, with what scales it.

    `thousands` says how three digits behind the only dot are taken (None: not at all; a comma there parts thousands
    unless it is not so with the dot either).
    """
    if at >= len(parts):
        return None
    first = parts[at]
    if first.kind == "number":
        return _in_digits(parts, at, scales, thousands)
    if first.text in _FRACTIONS:
        return _scaled(parts, at + 1, Decimal(_FRACTIONS[first.text]), scales)
    word = first.text.casefold()
    if word == "half" or (word in ("a", "one") and at + 1 < len(parts) and parts[at + 1].text.casefold() == "half"):
        end = at + (1 if word == "half" else 2)
        article = phrase(parts, end, ("article",))
        return _scaled(parts, article[1] if article else end, Decimal("0.5"), scales)
    return _in_words(parts, at, scales)


def _in_digits(parts: list[Token], at: int, scales: Sequence[str], thousands: bool | None) -> Numeral | None:
    text, end = parts[at].text, at + 1
    found = readings(text)
    if not found:
        return None
    scale = phrase(parts, end, scales)
    if len(found) == 1:
        value = found[0]
    elif scale is not None:  # "1.125 billion", "1,125 million": as in English, if the scale is English
        if parts[end].text.casefold() not in _ENGLISH:
            return None
        value = found[1] if "." in text else found[0]
    elif "," in text and thousands is not False:
        value = found[0]
    elif thousands is None:
        return None
    else:
        value = found[0] if thousands else found[1]
    if end < len(parts) and parts[end].text in _FRACTIONS and value == value.to_integral_value():
        value, end = value + Decimal(_FRACTIONS[parts[end].text]), end + 1
    elif [p.text for p in parts[end : end + 3]] == ["1", "/", "2"]:
        value, end = value + Decimal("0.5"), end + 3
    value, end = _and_a_half(parts, end, value)
    return _scaled(parts, end, value, scales)


_ENGLISH = {"thousand", "million", "millions", "billion", "billions", "trillion", "bn", "tn", "k", "m"}


def _and_a_half(parts: list[Token], end: int, value: Decimal) -> tuple[Decimal, int]:
    if [p.text.casefold() for p in parts[end : end + 3]] in (["and", "a", "half"], ["and", "one", "half"]):
        return value + Decimal("0.5"), end + 3
    return value, end


def _scaled(parts: list[Token], end: int, value: Decimal, scales: Sequence[str]) -> Numeral:
    scale = Decimal(1)
    while (found := phrase(parts, end, scales)) is not None:
        scale, end = scale * Decimal(found[0].value), found[1]
    return Numeral(EXACT.multiply(value, scale), end, scale)


def _in_words(parts: list[Token], at: int, scales: Sequence[str]) -> Numeral | None:
    """Words such as "four thousand two hundred and five": hundreds add up and are scaled, scales fall."""
    total, group, room, last = Decimal(0), None, Decimal(1000), Decimal("Infinity")
    end, scale, article = at, Decimal(1), False
    while end < len(parts):
        start = end
        if (group is not None and parts[start].text == "-" and parts[start].glued) or (
            end > at and parts[start].text.casefold() == "and" and (room <= 100 or total)
        ):
            start += 1
        found = phrase(parts, start, ("number", "article", *scales))
        if found is None or (found[0].kind == "article" and end > at):
            break
        value = Decimal(found[0].value)
        if found[0].kind in ("number", "article"):
            if value >= room or (group is None and total and last <= 1):
                break
            group = (group or Decimal(0)) + value
            room = Decimal(10) if value >= 20 and value < 100 else Decimal(100) if value == 100 else Decimal(0)
            article = found[0].kind == "article"
        elif value == 100 and group is not None and group < 100:
            group, room, article = group * 100, Decimal(100), False
        elif value < last or group is None:
            if group is None and not total:
                break
            scale = scale * value if group is None else value if not total else Decimal(0)
            total, last = (total + group * value, value) if group is not None else (total * value, value)
            group, room, article = None, Decimal(1000), False
        else:
            break
        end = found[1]
        if group is not None:
            group, end = _and_a_half(parts, end, group)
    if end == at:
        return None
    if total and group is not None:
        scale = Decimal(0)
    return Numeral(total + (group or Decimal(0)), end, scale, article)
