"""When two names are the same name, and when they must not be taken for each other."""

from __future__ import annotations

import re
import unicodedata

_QUOTES = str.maketrans(dict.fromkeys("‘’‚‛`´′", "'") | dict.fromkeys("“”„‟«»″", '"'))
_DASHES = re.compile(r"\s*[‐‑‒–—―−]\s*|\s+-\s+")
_SPACES = re.compile(r"\s+")
_NUMERAL = re.compile(r"\b(?=[ivxl])(?:x{0,3})(?:l?x{0,3})(?:ix|iv|v?i{0,3})\b")
_ORDINALS = [
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
]
_NUMBERS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_NEGATIONS = {"not", "no", "non", "never", "without", "anti", "un"}
_OPPOSED = {"north", "south", "east", "west", "northern", "southern", "eastern", "western", "upper", "lower"}


def normal(name: str) -> str:
    """The form in which names are compared: Unicode form, case, quotation marks, dashes and spaces do not count."""
    text = unicodedata.normalize("NFKC", name).translate(_QUOTES)
    text = "".join(c for c in text if unicodedata.category(c) not in ("Cf", "Cc") or c in "\t\n ")
    text = _DASHES.sub("-", text)
    return _SPACES.sub(" ", text).strip().strip(".,;:\"'").casefold().strip()


def distinguishing(name: str) -> frozenset[str]:
    """Parts of a name that tell it from its neighbours: digits, ordinals, roman numerals, negations, directions."""
    text = normal(name)
    parts: set[str] = set(re.findall(r"\d+", text))
    for word in re.findall(r"[^\W\d_]+", text):
        if word in _ORDINALS:
            parts.add(str(_ORDINALS.index(word) + 1))
        elif word in _NUMBERS:
            parts.add(str(_NUMBERS.index(word) + 1))
        elif word in _NEGATIONS or word in _OPPOSED:
            parts.add(word)
    parts.update(match for match in _NUMERAL.findall(text) if match)
    return frozenset(parts)


def overlap(first: str, second: str) -> float:
    """How many character trigrams two names share, as the Dice coefficient from 0 to 1."""
    a, b = (_trigrams(normal(x)) for x in (first, second))
    return 2 * len(a & b) / (len(a) + len(b)) if a and b else 0.0


def _trigrams(text: str) -> set[str]:
    padded = f"  {text} "
    return {padded[i : i + 3] for i in range(len(padded) - 2)}


def may_match(first: str, second: str, least: float = 0.3) -> bool:
    """Whether similarity by vector may take one name for the other.

    Never when they differ in a digit, an ordinal, a roman numeral, a negation or a direction; and only with some
    overlap in characters.
    """
    return distinguishing(first) == distinguishing(second) and overlap(first, second) >= least
