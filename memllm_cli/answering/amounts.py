"""Values as numbers to add and to compare: money, numbers, dates and durations of one unit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal, DecimalException

from memllm_cli.memory.values.literals import normalise

KINDS = ("money", "number", "date", "duration")
_DAYS = {"D": Decimal(1), "W": Decimal(7), "M": Decimal("30.44"), "Y": Decimal("365.25")}
_MONEY = re.compile(
    r"(?:[A-Z]{3}|[€$£¥])?\s*\d[\d.,' \u00a0]*\s*(?:[A-Z]{3}|[€$£¥]|euros?|dollars?|pounds?)?", re.IGNORECASE
)
"""Money and nothing beside it: a sign, a scale or "a month" changes what is added."""
_EITHER = re.compile(r"\d\s*[km]\b", re.IGNORECASE)
"""Thousands or kilometres, millions or metres."""
_THOUSANDTHS = re.compile(r"\D*\d{1,3}\.\d{3}(?![\d.])[^\d,]*")
"""A thousand or thousandths, and nothing that says which."""
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)


@dataclass(frozen=True, slots=True)
class Amounts:
    """Numbers in one unit: `date` (as 20260301), `duration` (days), a currency, a unit, or nothing."""

    numbers: tuple[Decimal, ...]
    unit: str


def amounts(texts: Sequence[str], kinds: Sequence[str] = KINDS) -> Amounts | None:
    """Values as numbers of one unit, of the first of some kinds that fits; None where one cannot be read, or units
    differ."""
    for kind in kinds:
        read = [_amount(t, kind) for t in texts]
        known = [r for r in read if r is not None]
        if len(known) == len(read) and len({u for _, u in known}) == 1:
            return Amounts(tuple(n for n, _ in known), known[0][1])
    return None


def written(operation: str, read: Amounts) -> str | None:
    """The `sum`, `average` (to hundredths) or `difference` of numbers; None where it is too large to be exact."""
    try:
        total = Decimal(0)
        for number in read.numbers:
            total = _EXACT.add(total, number)
        if operation == "average":
            total = _EXACT.quantize(_EXACT.divide(total, Decimal(len(read.numbers))), Decimal("0.01"))
        elif operation == "difference":
            total = abs(_EXACT.subtract(read.numbers[0], read.numbers[1]))
    except DecimalException:
        return None
    text = f"{total:,f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} {read.unit}".strip()


def _amount(text: str, kind: str) -> tuple[Decimal, str] | None:
    """A value as a number to compare, and its unit."""
    form = normalise(text, kind)
    if _THOUSANDTHS.fullmatch(text):
        return None
    if kind == "date":
        match = re.fullmatch(r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?", form)
        if match is None:
            return None
        return Decimal(int(match[1]) * 10_000 + int(match[2] or 0) * 100 + int(match[3] or 0)), "date"
    if kind == "duration":
        match = re.fullmatch(r"(\d+)([DWMY])", form)
        return (Decimal(match[1]) * _DAYS[match[2]], "duration") if match else None
    if (kind == "money" and not _MONEY.fullmatch(text.strip())) or (kind == "number" and _EITHER.search(text)):
        return None
    match = re.fullmatch(r"([+-]?\d{1,30}(?:\.\d{1,20})?)(?: (.+))?", form)
    if match is None or (kind == "money" and not match[2]):
        return None
    return Decimal(match[1]), match[2] or ""
