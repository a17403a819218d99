"""When two names are the same name, and when they must not be taken for each other."""

from __future__ import annotations

import difflib
import re
import unicodedata
from functools import lru_cache

_QUOTES = str.maketrans(dict.fromkeys("‘’‚‛`´′", "'") | dict.fromkeys("“”„‟«»″", '"'))
_DASHES = re.compile(r"\s*[‐‑‒–—―−]\s*|\s+-\s+")
_SPACES = re.compile(r"\s+")
_AROUND = " .,;:\"'"
_DOTTED = re.compile("i\u0307+")
_MARKS = re.compile(r"(?<=\w)(?:[+#]+|[*-]+$)|(?<![\w.])\.(?=[^\W_])")
"""Marks that make a name another one: C, C++ and C#, A and A+, Net and .NET."""
_NUMERAL = re.compile(r"\b(?=[ivxl])(?:x{0,3})(?:l?x{0,3})(?:ix|iv|v?i{0,3})\b(?![\u0300-\u036f])")
"""Not before a mark that belongs to its last letter, which is no letter of a number then."""
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


_ROLES = frozenset(
    (
        "agency agent agreement applicant assignee assignor authority bank beneficiary board borrower buyer carrier "
        "client committee company consultant contract contractor corporation council court customer debtor defendant "
        "department director distributor employee employer executor firm franchisee franchisor fund government group "
        "guarantor holder insured insurer issuer landlord lease lender lessee lessor licensee licensor manager "
        "manufacturer members ministry mortgagee mortgagor operator owner parent partner partnership parties party "
        "patient petitioner plaintiff policy premises president principal producer project property provider publisher "
        "purchaser recipient respondent seller settlor shareholder sponsor state study subcontractor subsidiary "
        "supplier tenant testator transferee transferor treaty trust trustee underwriter undertaking university vendor "
    ).split()
)


def is_role(form: str) -> bool:
    """Whether a name in normal form stands for somebody else in every document: 'the tenant', 'this company', 'lessor'.

    Such a name is kept apart between documents.
    """
    words = form.split()
    if words and words[0] in ("the", "this", "said", "such"):
        words = words[1:]
    return len(words) == 1 and words[0] in _ROLES


_POINTS = re.compile(r"(?:this|the said|said|the present|such)\s+(?=\S)", re.IGNORECASE)


def pointed(name: str) -> str:
    """What a document names by pointing: "Supply Agreement" of "This Supply Agreement"; "" where it does not point."""
    found = _POINTS.match(name)
    return name[found.end() :] if found else ""


def role_word(form: str) -> str:
    """The last word of a name in normal form if it is one for a role or a paper, such as 'agreement'; else ""."""
    last = form.rpartition(" ")[2]
    return last if last in _ROLES else ""


_MINOR = frozenset(
    "a an and at by da de del der des di do dos du e et for für in la le of on or the to und y &".split()
)


def abbreviates(short: str, name: str) -> bool:
    """Whether a short name is the initials of a name: "BGA" of "Baltic Grain Authority", small words in it or not."""
    letters = [c for c in unicodedata.normalize("NFKC", short).casefold() if c.isalnum()]
    words = [w for w in re.split(r"[^\w&]+", normal(name)) if w]
    if not 2 <= len(letters) <= len(words) or not any(c.isupper() for c in short):
        return False
    reached = {0}
    for word in words:
        on = {at + 1 for at in reached if at < len(letters) and word[0] == letters[at]}
        reached = on | reached if word in _MINOR else on
    return len(letters) in reached


ALIKE = 0.85
"""How alike two spellings of a word are at least, as difflib's ratio."""


@lru_cache(maxsize=1 << 16)
def normal(name: str) -> str:
    """The form in which names are compared: Unicode form, case, quotation marks, dashes and spaces do not count."""
    text = unicodedata.normalize("NFKC", name).translate(_QUOTES)
    text = "".join(c for c in text if unicodedata.category(c) not in ("Cf", "Cc") or c in "\t\n ")
    text = _DASHES.sub("-", text)
    text = _stripped(_stripped(_SPACES.sub(" ", text)).casefold())
    if text.isascii():
        return text
    # İ is i with a dot more once its case is folded: that dot is the one an i has anyway.
    return unicodedata.normalize("NFKC", _DOTTED.sub("i", text))


def _stripped(text: str) -> str:
    """A text without stops and quotes around it; but a dot that a name begins with is part of it: ".NET"."""
    bare = text.strip(_AROUND)
    if len(bare) == len(text):
        return bare
    at = text.find(bare)
    dotted = at > 0 and text[at - 1] == "." and bare[:1].isalnum() and (at == 1 or text[at - 2] in " \"'")
    return f".{bare}" if dotted else bare


def other_ends(form: str) -> tuple[str, ...]:
    """A compared form without the mark it ends in, or with the ones it may end in: "Mamma Mia" for "Mamma Mia!"."""
    bare = form.rstrip("!?").rstrip()
    return (bare,) if bare != form and bare else (f"{form}!", f"{form}?") if form else ()


def distinguishing(name: str) -> frozenset[str]:
    """Parts of a name that tell it from its neighbours: digits, ordinals, roman numerals, negations, directions, marks
    such as those of C++, C# and .NET."""
    text = normal(name)
    parts: set[str] = {*re.findall(r"\d+", text), *_MARKS.findall(text)}
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

    Never when they differ in a digit, an ordinal, a roman numeral, a negation or a direction, nor in one whole word of
    several, as people of one family do; and only with some overlap in characters.
    """
    if distinguishing(first) != distinguishing(second) or overlap(first, second) < least:
        return False
    return _one_word_apart(normal(first).split(), normal(second).split())


def _one_word_apart(first: list[str], second: list[str]) -> bool:
    """False when of several words exactly one is another word, and not another spelling, a plural or an initial."""
    if len(first) != len(second) or len(first) < 2:
        return True
    different = [(a.strip(".,"), b.strip(".,")) for a, b in zip(first, second, strict=True) if a != b]
    if len(different) != 1:
        return True
    short, long = sorted(different[0], key=len)
    if distinguishing(short):  # "second" and "2nd", which are the same here
        return True
    if not short or long == f"{short}s" or (len(short) == 1 and long.startswith(short)):
        return True
    letters = (short[0], long[0])
    alike = difflib.SequenceMatcher(None, short, long, autojunk=False).ratio()
    return len(short) >= 6 and letters[0] == letters[1] and alike >= ALIKE
