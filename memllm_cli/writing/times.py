"""When something holds, from a document's own words: days, months, years, and those that count from the document's."""

from __future__ import annotations

import re
from datetime import date, timedelta

from memllm_cli.memory.values.literals import normalise
from memllm_cli.memory.values.validity import days

_ISO = re.compile(r"\d{4}(-\d\d(-\d\d)?)?")
_YEAR = re.compile(r"(?<!\d)(1[5-9]\d\d|20\d\d)(?!\d)")
_AWAY = {"yesterday": -1, "today": 0, "tonight": 0, "tomorrow": 1}
_UNITS = {"week": 7, "fortnight": 14}


def resolved(words: str, day: date | None) -> str | None:
    """The ISO date, month or year that words mean; those like "yesterday" are counted from `day`. None for others."""
    value = normalise(words.strip(" ,.;:()"), "date")
    if _ISO.fullmatch(value):
        try:
            days(value)
            return value
        except ValueError:
            return None
    if day is not None and (found := _relative(words.lower().split(), day)) is not None:
        return found
    years = _YEAR.findall(words)
    return years[0] if len(set(years)) == 1 else None


def _relative(words: list[str], day: date) -> str | None:
    if len(words) == 1 and words[0] in _AWAY:
        return (day + timedelta(_AWAY[words[0]])).isoformat()
    if len(words) == 2 and words[0] in ("last", "this", "next"):
        step = ("last", "this", "next").index(words[0]) - 1
        if words[1] == "year":
            return str(day.year + step)
        if words[1] == "month":
            months = day.year * 12 + day.month - 1 + step
            return f"{months // 12:04d}-{months % 12 + 1:02d}"
        if words[1] in _UNITS and step == 0:
            return None
    return None


def day_of(texts: list[str]) -> date | None:
    """The day that the first of some texts means that means one."""
    for text in texts:
        value = normalise(text, "date")
        if re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            try:
                return date.fromisoformat(value)
            except ValueError:
                continue
    return None
