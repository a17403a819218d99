"""Amounts: numbers with a currency, a unit or a time beside them, ranges and bounds of such, and rates.

An amount is read only when everything in its text is understood; of another text none of it is, so that no part of it
is lost. Spellings stand in `units.csv`. Knows nothing of dates.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from memllm_cli.memory.values.numerals import EXACT, Meaning, Numeral, Token, numeral, phrase, tokens

_LONGEST = 24
"""Tokens that an amount has at most; a longer text is a sentence."""
_UNITS = {"money": ("currency", "sign"), "number": ("unit",), "duration": ("time",)}
_THREE_DECIMALS = frozenset("BHD IQD JOD KWD LYD OMR TND".split())
_ISO = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_ISO_UNITS = (("M", 12), ("M", 1), ("S", 604800), ("S", 86400), ("S", 3600), ("S", 60), ("S", 1))
_EVERY = {("S", "1"): "second", ("S", "60"): "minute", ("S", "3600"): "hour", ("S", "86400"): "day",
          ("S", "604800"): "week", ("M", "1"): "month", ("M", "12"): "year"}  # fmt: skip
_SECONDS_OF_MONTH = 2_629_746
_FREE = re.compile(r"[^\W\d_]{3,}")
_NO_THING = frozenset(
    "and or of to the plus minus net gross per from after before with without for in at on by than und oder von bis ab "
    "et ou less more times each incl including excl excluding only if unless when while until approx point "
    "points".split()
)
"""Words behind a number that do not say what was counted, but that the number is not all."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit or a currency: `base` is what it is compared in ("" where it is open which one is meant), `factor` how
    much of that it is; for a sign such as $ all that it can stand for."""

    name: str
    base: str
    factor: Decimal = Decimal(1)
    members: frozenset[str] = frozenset()

    @classmethod
    def of(cls, meaning: Meaning) -> Unit:
        """The unit that a row of the table stands for."""
        if meaning.kind == "sign":
            return cls(meaning.unit, meaning.unit, members=frozenset(meaning.value.split()))
        return cls(meaning.name, meaning.unit, Decimal(meaning.value))

    def beside(self, other: Unit) -> Unit | None:
        """What the two mean side by side ("US$ 5 USD", "$5 CAD"); None if they contradict each other."""
        if self.members != other.members and (other.base in self.members or self.base in other.members):
            return other if self.members else self
        return self if (self.base, self.factor, self.members) == (other.base, other.factor, other.members) else None


@dataclass(slots=True)
class _Side:
    """An amount as far as it was read: a number with its unit, or for a time its parts in base units."""

    value: Decimal
    numeral: Numeral
    before: Unit | None = None
    after: Unit | None = None
    parts: tuple[tuple[str, Decimal], ...] = ()

    @property
    def unit(self) -> Unit | None:
        if self.before is None or self.after is None:
            return self.after or self.before
        return self.before.beside(self.after)


@dataclass(frozen=True, slots=True)
class Amount:
    """A `number` of a `unit` as written, and the same in `parts` of base units: several for a year and ten days."""

    number: Decimal
    unit: str
    parts: tuple[tuple[str, Decimal], ...]

    def __str__(self) -> str:
        return " ".join(_part(number, base) for base, number in self.parts)


@dataclass(frozen=True, slots=True)
class Measure:
    """What a text gives: an amount, one with a `bound` such as "at least", a range up to `high`, `per` something."""

    low: Amount
    high: Amount | None = None
    bound: str = ""
    per: str = ""

    @property
    def single(self) -> bool:
        """Whether it is one amount and no range, bound or rate."""
        return self.high is None and not self.bound and not self.per

    def __str__(self) -> str:
        """The form in which it is compared."""
        ends = f"{self.low} to {self.high}" if self.high is not None else str(self.low)
        return self.bound + ends + (f" per {self.per}" if self.per else "")


def plain(value: Decimal) -> str:
    """A number in digits, without zeros that say nothing."""
    text = format(value, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def _part(number: Decimal, base: str) -> str:
    if base == "M":
        return f"{plain(number)}M"
    if base == "S":
        for seconds, sign in ((86400, "D"), (3600, "H"), (60, "min")):
            if number % seconds == 0:
                return f"{plain(number / seconds)}{sign}"
        return f"{plain(number)}s"
    return f"{plain(number)} {base}".strip()


@lru_cache(maxsize=1 << 12)
def measure(text: str, kind: str) -> Measure | None:
    """The amount that a text gives as a value of a kind (`money`, `number`, `duration`); None if any of it is left."""
    if kind == "duration" and (found := _ISO.fullmatch(text.strip())) and any(found.groups()):
        return _iso(found)
    parts = tokens(text)
    while parts and parts[-1].kind == "other" and parts[-1].text in ".,;:":
        parts.pop()
    return _Reader(parts, kind).read() if 0 < len(parts) <= _LONGEST else None


def _iso(found: re.Match[str]) -> Measure:
    """A time as ISO 8601 has it: P1Y6M."""
    sums: dict[str, Decimal] = {}
    for number, (base, factor) in zip(found.groups(), _ISO_UNITS, strict=True):
        if number:
            sums[base] = sums.get(base, Decimal(0)) + Decimal(number) * factor
    return Measure(Amount(Decimal(0), "", tuple(sorted(sums.items()))))


class _Reader:
    """Reads tokens from left to right; what it does not know it stops at."""

    def __init__(self, parts: list[Token], kind: str) -> None:
        self.parts = parts
        self.kind = kind
        self.at = 0
        found = [m[0] for i in range(len(parts)) if kind == "money" and (m := phrase(parts, i, _UNITS[kind]))]
        self.codes = {m.unit for m in found}
        self.scales = ("scale", "money scale") if found else ("scale",)

    def read(self) -> Measure | None:
        """The whole text."""
        if self.kind != "duration" and self._text() == "(" and self._closing(0) == len(self.parts) - 1:
            return self._bracketed()
        begins = phrase(self.parts, 0, _UNITS[self.kind])  # CA$ 5 is not about 5 dollars
        bound = self._skip("bound") if begins is None else ""
        self._skip("filler")
        opened = not bound and bool(self._skip("from"))
        first = self._side()
        second = None
        if first is not None and not bound and self._between(opened):
            second = self._side()
            if second is None:
                return None
        elif opened:
            return None
        if first is None:
            return None
        self._counted(second or first)
        if self.kind == "duration":
            self._skip("behind")
        per = self._rate()
        if per is None or self.at < len(self.parts):
            return None
        if second is None:
            low = self._amount(first)
            return Measure(low, None, bound, per) if low is not None else None
        return self._range(first, second, per)

    def _bracketed(self) -> Measure | None:
        """An amount in brackets, as books write what is below zero."""
        inner = _Reader(self.parts[1:-1], self.kind)
        side = inner._side()
        if side is None or side.value <= 0 or inner.at < len(inner.parts):
            return None
        side.value = -side.value
        low = self._amount(side)
        return Measure(low) if low is not None else None

    def _range(self, first: _Side, second: _Side, per: str) -> Measure | None:
        if not _shared(first, second):
            return None
        low, high = self._amount(first), self._amount(second)
        if low is None or high is None or len(low.parts) != 1 or len(high.parts) != 1:
            return None
        (base, least), (other, most) = low.parts[0], high.parts[0]
        return Measure(low, high, per=per) if base == other and least < most else None

    # -- one amount ---------------------------------------------------------------------------------------------------

    def _side(self) -> _Side | None:
        """One amount with what belongs to it; None if there is none."""
        negative = self._sign()
        before = self._unit() if self.kind == "money" else None
        negative = self._sign() or negative
        inside = self._text() == "(" and (before is not None or self._unit_behind())  # $(500), (500) %
        self.at += inside
        number = self._number()
        if number is None:
            return None
        self.at = number.end
        if inside and self._text() != ")":
            return None
        if not inside and not self._said_twice(number):
            return None
        self.at += inside
        side = _Side(-number.value if negative or inside else number.value, number, before)
        self._closed()
        if self.kind == "duration":
            return side if self._times(side) and self._repeated(side) else None
        side.after = self._unit()
        if number.article and number.scale == 1 and side.unit is None:
            return None
        if side.before is not None and side.after is not None and side.unit is None:
            return None
        if side.after is not None and self.kind == "number" and self._words("and", "a", "half"):
            side.value, self.at = side.value + Decimal("0.5"), self.at + 3
        return side if self._repeated(side) else None

    def _number(self) -> Numeral | None:
        """The number here. Three digits behind its only dot are thousands of money, and thousandths of a percentage."""
        alone = re.fullmatch(r"[1-9]\d{0,2}[.,]\d{3}", self._text()) is not None
        thousands = None
        if self.kind == "money" and self.codes:
            if alone and self.codes & _THREE_DECIMALS:
                return None
            thousands = True
        elif self.kind == "number" and alone:
            after = phrase(self.parts, self.at + 1, ("unit",))
            if after is not None and after[0].unit in ("%", "percentage points"):
                if "," in self._text():
                    return None
                thousands = False
        found = numeral(self.parts, self.at, self.scales, thousands)
        behind = self.parts[self.at + 1] if self.at + 1 < len(self.parts) else None
        if found is not None and self.kind == "number" and behind is not None and behind.text in "kK" and behind.glued:
            return Numeral(EXACT.multiply(found.value, Decimal(1000)), self.at + 2, Decimal(1000))  # K alone is kelvin
        return found

    def _times(self, side: _Side) -> bool:
        """A time's units, each smaller than the one before; none if they stand behind the other end of a range."""
        parts: dict[str, Decimal] = {}
        value, smallest = side.value, Decimal("Infinity")
        if value < 0:
            return False
        while True:
            found = phrase(self.parts, self.at, ("time",))
            if found is None and not (parts and smallest == 3600 and self._text() == "m"):
                break
            unit, factor = (found[0].unit, Decimal(found[0].value)) if found is not None else ("S", Decimal(60))
            self.at = found[1] if found is not None else self.at + 1
            if self._words("and", "a", "half"):
                value, self.at = value + Decimal("0.5"), self.at + 3
            size = factor * (_SECONDS_OF_MONTH if unit == "M" else 1)
            if size >= smallest or (unit not in "MS" and parts) or not (parts.keys() <= {"M", "S"}):
                return False
            parts[unit], smallest = EXACT.add(parts.get(unit, Decimal(0)), EXACT.multiply(value, factor)), size
            mark = self.at
            while self._text() == "," or self._words("and") or self._words("und") or self._words("et"):
                self.at += 1
            number = numeral(self.parts, self.at, ("scale",), None)
            if number is None or number.article or number.end >= len(self.parts):
                self.at = mark
                break
            value, self.at = number.value, number.end
        side.parts = tuple(sorted(parts.items()))
        return bool(parts) or self._text() == "-" or phrase(self.parts, self.at, ("to",)) is not None

    def _unit(self) -> Unit | None:
        """The unit or the currency here; of a currency more than one sign may stand side by side."""
        found: Unit | None = None
        while (next_ := phrase(self.parts, self.at, _UNITS[self.kind])) is not None:
            unit = Unit.of(next_[0])
            both = unit if found is None else found.beside(unit)
            if both is None:
                break
            found, self.at = both, next_[1]
            if self.kind != "money":
                break
        return found

    def _unit_behind(self) -> bool:
        """Whether the number in brackets here is the number of the unit behind them."""
        end = self._closing(self.at)
        return end is not None and phrase(self.parts, end + 1, _UNITS[self.kind]) is not None

    def _closed(self) -> None:
        """What may stand between a number and its unit: "500,-", "500/-", "18-month", "1,5 million d'euros"."""
        if self.kind == "money" and self._text() in (",", ".", "/") and self._text(1) == "-":
            self.at += 2
            while self._text() == "-" and self.parts[self.at].glued:
                self.at += 1
        if self.kind != "money" and self._text() == "-" and phrase(self.parts, self.at + 1, _UNITS[self.kind]):
            self.at += 1
        elif self._text().casefold() == "d" and self._text(1) == "'":
            self.at += 2
        elif self._text().casefold() in ("de", "di") and phrase(self.parts, self.at + 1, _UNITS[self.kind]):
            self.at += 1

    def _said_twice(self, number: Numeral) -> bool:
        """Whether a number that stands in brackets behind a number is the same: thirty (30)."""
        again = numeral(self.parts, self.at + 1, self.scales, None) if self._text() == "(" else None
        if again is None or again.end >= len(self.parts) or self.parts[again.end].text != ")":
            return True
        self.at = again.end + 1
        return again.value == number.value

    def _repeated(self, side: _Side) -> bool:
        """Whether an amount that stands in brackets behind an amount is the same in another notation."""
        if not self._said_twice(side.numeral):
            return False
        end = self._closing(self.at) if self._text() == "(" else None
        if end is None:
            return True
        inner = _Reader(self.parts[self.at + 1 : end], self.kind)
        again = inner._side()
        if again is None or inner.at < len(inner.parts):
            return False
        self.at = end + 1
        one, other = self._amount(side), inner._amount(again)
        return one is not None and other is not None and one.parts == other.parts

    def _counted(self, side: _Side) -> None:
        """What was counted, in up to three plain words: "48 employees". They stay, as they are, part of the value."""
        if self.kind != "number" or side.unit is not None or not any(p.kind == "number" for p in self.parts[: self.at]):
            return
        rest = self.parts[self.at :]
        if 1 <= len(rest) <= 3 and all(map(_counts, rest)):
            thing = " ".join(p.text.casefold() for p in rest)
            side.after, self.at = Unit(thing, thing), len(self.parts)

    def _rate(self) -> str | None:
        """What an amount is a rate of, "" for nothing; None where the words do not say it."""
        if self.kind == "duration":
            return ""
        if every := self._skip("every"):
            return every
        if not self._skip("per"):
            return ""
        found = phrase(self.parts, self.at, ("time",))
        if found is not None:
            self.at = found[1]
            return _EVERY.get((found[0].unit, found[0].value))
        rest = self.parts[self.at :]
        if not 1 <= len(rest) <= 2 or not all(p.kind == "word" for p in rest):
            return None
        self.at = len(self.parts)
        per = " ".join(p.text.casefold() for p in rest)
        return "year" if per == "annum" else per

    def _amount(self, side: _Side) -> Amount | None:
        if self.kind == "duration":
            return Amount(side.value, "", side.parts) if side.parts else None
        unit = side.unit
        if unit is None:
            return Amount(side.value, "", (("", side.value),)) if side.before is side.after is None else None
        if not unit.base:
            return None
        number = EXACT.multiply(side.value, unit.factor)
        if self.kind == "money":
            return Amount(number, unit.base, ((unit.base, number),))
        return Amount(side.value, unit.name, ((unit.base, number),))

    # -- small steps --------------------------------------------------------------------------------------------------

    def _text(self, on: int = 0) -> str:
        return self.parts[self.at + on].text if self.at + on < len(self.parts) else ""

    def _words(self, *words: str) -> bool:
        return [p.text.casefold() for p in self.parts[self.at : self.at + len(words)]] == list(words)

    def _skip(self, kind: str) -> str:
        found = phrase(self.parts, self.at, (kind,))
        if found is None:
            return ""
        self.at = found[1]
        return found[0].unit or kind

    def _sign(self) -> bool:
        """Whether a minus stands here; a plus says nothing."""
        sign = self._text().casefold()
        self.at += sign in ("+", "-", "plus", "minus")
        return sign in ("-", "minus")

    def _between(self, opened: bool) -> bool:
        """Whether a range goes on here: "5-10", "5 to 10"; with "and" only if "between" opened it."""
        if self._text() == "-":
            self.at += 1
            return True
        if not opened and self._text().casefold() in ("and", "et", "y", "und"):
            return False
        return bool(self._skip("to"))

    def _closing(self, opening: int) -> int | None:
        return next((i for i in range(opening, len(self.parts)) if self.parts[i].text == ")"), None)


def _counts(word: Token) -> bool:
    """Whether a word can say what was counted."""
    known = word.text.casefold() in _NO_THING or phrase([word], 0, ("number", "scale")) is not None
    return _FREE.fullmatch(word.text) is not None and not known


def _shared(first: _Side, second: _Side) -> bool:
    """Give one end of a range the unit and the scale that only the other one has; whether it is clear that it has them.

    "EUR 5-10 million" is millions at both ends; of "EUR 5 to EUR 10 million" nobody can say.
    """
    scale = second.numeral.scale
    if scale != 1 and first.numeral.scale == 1 and first.after is None and not first.parts:
        if scale == 0 or (first.before is not None and second.before is not None):
            return False
        first.value = EXACT.multiply(first.value, scale)
    if not first.parts and second.parts:
        if len(second.parts) > 1 or not second.value:
            return False
        base, whole = second.parts[0]
        first.parts = ((base, EXACT.divide(EXACT.multiply(first.value, whole), second.value)),)
    if first.unit is None:
        first.after = second.unit
    elif second.unit is None:
        second.after = first.unit
    return True
