"""Whether a text can be a field of a fact: the key or line that names a relation, a value, a name. By form alone."""

from __future__ import annotations

import re

from memllm_cli.documents.tables import is_nothing, unmarked

LONGEST_VALUE = 200
"""Characters above which what stands behind a key, in a cell or in an item is text, not a value."""
LONGEST_KEY = 60
SENTENCE_END = re.compile(r"[.!?…][\"'”’)]*$")
ENUMERATOR = re.compile(r"^\(?(?:\d{1,3}(?:\.\d{1,3}){0,5}|[a-z]|[ivx]{1,4})[.)]\s+", re.I)
_WITHIN = re.compile(r"[.!?…]\s+[A-ZÀ-Þ]")
_WITHIN_LEAD = re.compile(r"(?<=[.!?…])\s+")
_DOTTED = re.compile(r"(?:\b[^\W\d_]{1,3}|\.\w)\.$")
"""What ends with the full stop of an abbreviation."""
ADDRESS = re.compile(r"(?:https?://|www\.|mailto:)\S+", re.I)
_UNIT = re.compile(r"\(\s*([^()]{1,24})\s*\)\s*$")
_UNIT_WORD = re.compile(r"[$€£¥%]|[A-Z]{3}|[°µ]?[a-zA-Z]{1,4}[²³]?(?:/[a-zA-Z]{1,3}[²³]?)?")
_MONEY_WORD = re.compile(r"[A-Z]{0,3}[$€£¥]\s?(?:m|mn|bn|k|M|B|K|000s?|'000)?|%")


def is_value(text: str) -> bool:
    """Whether a text can be the value of a fact: it says something, and is no sentence."""
    text = text.strip()
    if is_nothing(text) or len(text) > LONGEST_VALUE or not any(c.isalnum() for c in text):
        return False
    if text[-1] in ",;:" or text[0] in ",;:":  # it goes on elsewhere
        return False
    words = text.split()
    if _WITHIN.search(text) and len(words) > 6:
        return False
    return len(words) <= 14 or not SENTENCE_END.search(text)


def key(text: str) -> str:
    """A relation's name from a key, a column or a lead: without marks of notes, numbers before it and units behind."""
    text = unmarked(ENUMERATOR.sub("", text.strip())).rstrip(":").strip(" *_#")
    unit = _UNIT.search(text)
    if unit is not None and unit.start() > 1 and _UNIT_WORD.fullmatch(unit[1].strip()):
        text = text[: unit.start()].strip()
    return text


def is_key(text: str) -> bool:
    """Whether a text can name a relation: short, with letters, and no address."""
    return bool(text) and len(text) <= LONGEST_KEY and any(c.isalpha() for c in text) and not ADDRESS.search(text)


def is_proper(name: str) -> bool:
    """Whether a text is the name of somebody or something: its words begin with capitals."""
    words = [w for w in name.split() if len(w) > 3 or w[:1].isupper()]
    return bool(words) and all(w[:1].isupper() and "_" not in w for w in words)


def relation(lead: str) -> str:
    """The relation that the line above a list names: the line, or its last sentence; "" for one too long to be one."""
    last = _WITHIN_LEAD.split(lead.strip())[-1]
    text = key(last)
    return text if is_key(text) and len(text.split()) <= 6 and not SENTENCE_END.search(text) else ""


def leads(text: str) -> bool:
    """Whether a heading or an item can be the name of a relation."""
    return is_key(text) and len(text.split()) <= 5 and not SENTENCE_END.search(text)


def bare(text: str) -> str:
    """A value without the full stop of the line it is."""
    text = text.strip()
    stops = text.endswith(".") and not _WITHIN.search(text) and not _DOTTED.search(text)
    return text[:-1] if stops else text


def without_unit(key: str) -> tuple[str, str]:
    """A column's name and the unit behind it: `Rent (EUR)`, `2019 €m`."""
    found = _UNIT.search(key)
    if found and _UNIT_WORD.fullmatch(found[1].strip()):
        return key[: found.start()].strip(), found[1].strip()
    name, _, last = key.rpartition(" ")
    return (name, last) if name and _MONEY_WORD.fullmatch(last) else (key, "")


def number(text: str) -> float | None:
    """The number in a cell; brackets mean less than nothing."""
    digits = re.sub(r"[^\d.]", "", text.replace(",", ""))
    try:
        return (-1 if text.strip().startswith(("(", "-", "−")) else 1) * float(digits)
    except ValueError:
        return None
