"""When a fact holds: stretches of days, half open, as ordinals; a date given as a month or a year means all of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, timedelta
from functools import lru_cache

from memllm_cli.errors import UsageError

Span = tuple[int, int]
"""First day and the day after the last, as proleptic Gregorian ordinals."""
BEGINNING, END = 0, date.max.toordinal() + 1
ALWAYS: Span = (BEGINNING, END)


@lru_cache(maxsize=4096)
def days(text: str) -> Span:
    """The days an ISO date, month or year means. Raises ValueError."""
    parts = [int(p) for p in text.split("-")]
    first = date(parts[0], parts[1] if len(parts) > 1 else 1, parts[2] if len(parts) > 2 else 1)
    if len(parts) == 3:
        after = first.toordinal() + 1
    elif len(parts) == 2 and first.month < 12:
        after = date(first.year, first.month + 1, 1).toordinal()
    else:
        after = date(first.year + 1, 1, 1).toordinal() if first.year < date.max.year else END
    return first.toordinal(), after


def span(valid_from: str | None, valid_to: str | None) -> Span:
    """From the first day of `valid_from` through the last of `valid_to`; open where there is none or no date."""
    try:
        begin = days(valid_from)[0] if valid_from else BEGINNING
        end = days(valid_to)[1] if valid_to else END
    except ValueError:
        return ALWAYS
    return (begin, end) if begin < end else ALWAYS


def overlap(first: Span, second: Span) -> bool:
    """Whether two stretches share a day."""
    return first[0] < second[1] and second[0] < first[1]


def without(spans: Iterable[Span], cut: Span) -> list[Span]:
    """What is left of stretches when one is taken out."""
    out: list[Span] = []
    for begin, end in spans:
        if cut[0] > begin:
            out.append((begin, min(end, cut[0])))
        if cut[1] < end:
            out.append((max(begin, cut[1]), end))
    return [s for s in out if s[0] < s[1]]


def without_all(spans: Iterable[Span], cuts: Iterable[Span]) -> list[Span]:
    """What is left of stretches when several are taken out."""
    left = list(spans)
    for cut in cuts:
        left = without(left, cut)
    return left


def joined(spans: Iterable[Span]) -> list[Span]:
    """The same days in as few stretches as can be, in order."""
    out: list[Span] = []
    for begin, end in sorted(spans):
        if out and begin <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((begin, end))
    return out


def shown(stretch: Span) -> tuple[str | None, str | None]:
    """First and last day in ISO form; None where it is open."""
    begin, end = stretch
    return (
        date.fromordinal(begin).isoformat() if begin > BEGINNING else None,
        (date.fromordinal(end) - timedelta(1)).isoformat() if end < END else None,
    )


def iso(text: str) -> str:
    """A day, month or year as typed, in ISO form. Raises UsageError for what is none, or not in the calendar."""
    from memllm_cli.memory.values.literals import normalise

    value = normalise(text, "date")
    try:
        if re.fullmatch(r"\d{4}(-\d\d(-\d\d)?)?", value):
            days(value)
            return value
    except ValueError:
        pass
    raise UsageError(f"'{text}' is not a date.", "Write it as 2026-01-31, 2026-01 or 2026.")


def day_of(text: str) -> int:
    """The ordinal of a day as typed (day, month or year: its first day). Raises UsageError."""
    if text.strip().casefold() in ("today", "now"):
        return date.today().toordinal()
    return days(iso(text))[0]
