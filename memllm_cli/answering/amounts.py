"""Values as numbers to add and to compare: money, numbers, dates and durations of one unit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal, DecimalException

from memllm_cli.memory.values.literals import normalise
from memllm_cli.memory.values.measures import measure

KINDS = ("money", "number", "date", "duration")
_SECONDS = {"S": Decimal(1), "M": Decimal("30.44") * 86400}
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
    """A value as a number to compare, and its unit; a range, a rate or a bound is none."""
    if kind == "date":
        match = re.fullmatch(r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?", normalise(text, kind))
        if match is None:
            return None
        return Decimal(int(match[1]) * 10_000 + int(match[2] or 0) * 100 + int(match[3] or 0)), "date"
    found = measure(text, kind)
    if found is None or not found.single:
        return None
    if kind == "duration":
        if not all(base in _SECONDS for base, _ in found.low.parts):  # business days
            return None
        return sum((number * _SECONDS[base] for base, number in found.low.parts), Decimal(0)) / 86400, "duration"
    if kind == "money" and not found.low.unit:
        return None
    return found.low.number, found.low.unit
