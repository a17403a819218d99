"""Values that are not names: numbers, money, dates, durations. Written form in, normalised form out."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from memllm_cli.memory.values.names import normal

ENTITY = "entity"
LITERALS = ("number", "money", "date", "duration")
KINDS = (ENTITY, "text", *LITERALS)

_MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_SIGNS = {"€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY"}
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "k": 10**3, "m": 10**6, "bn": 10**9}
_UNITS = {"day": "D", "week": "W", "month": "M", "year": "Y", "hour": "H", "minute": "min"}
_ONES = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_WORDS = {"a": 1, "an": 1, **{w: i + 1 for i, w in enumerate(_ONES)}}
for _i, _ten in enumerate(_TENS):
    _WORDS[_ten] = 10 * (_i + 2)
    _WORDS.update({f"{_ten}-{w}": 10 * (_i + 2) + i + 1 for i, w in enumerate(_ONES[:9])})
_COUNT = "|".join(sorted(_WORDS, key=len, reverse=True))
_WEEKDAY = re.compile(r"^(?:mon|tues|wednes|thurs|fri|satur|sun)day\s+")


@lru_cache(maxsize=1 << 14)
def normalise(text: str, kind: str) -> str:
    """The form in which a value is compared.

    Dates become ISO 8601 (`2026-03-01`, `2026-03`, `2026`), money `4200 EUR`, durations `3M`, numbers `4200 m2`;
    what cannot be read as its kind is compared as a name.
    """
    reader = _reader(kind)
    value = reader(text) if reader else None
    return value if value is not None else normal(text)


def _decimal(text: str) -> Decimal | None:
    digits = text.replace(" ", "").replace("\u00a0", "").replace("'", "")
    if re.fullmatch(r"[+-]?\d{1,3}(\.\d{3})+(,\d+)?", digits) and not re.fullmatch(r"[+-]?\d\.\d{3}", digits):
        digits = digits.replace(".", "").replace(",", ".")
    elif re.fullmatch(r"[+-]?\d+,\d{1,2}", digits):
        digits = digits.replace(",", ".")
    digits = digits.replace(",", "")
    try:
        return Decimal(digits) if re.fullmatch(r"[+-]?\d+(\.\d+)?", digits) else None
    except InvalidOperation:
        return None


def _plain(value: Decimal) -> str:
    text = format(value.normalize(), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _number(text: str) -> str | None:
    match = re.match(r"^\s*([+-]?[\d][\d.,' \u00a0]*)\s*(.*)$", text.strip())
    if not match:
        return None
    value = _decimal(match[1].strip())
    unit = normal(match[2])
    if value is None:
        return None
    scale = unit.split(" ")[0]
    if scale in _SCALES:
        value, unit = value * _SCALES[scale], unit[len(scale) :].strip()
    return f"{_plain(value)} {unit}".strip()


def _money(text: str) -> str | None:
    currency = next((code for sign, code in _SIGNS.items() if sign in text), None)
    if currency is None and (match := re.search(r"\b([A-Z]{3})\b", text)):
        currency = match[1]
    if currency is None and (match := re.search(r"\b(euros?|dollars?|pounds?)\b", text, re.IGNORECASE)):
        currency = {"e": "EUR", "d": "USD", "p": "GBP"}[match[1][0].lower()]
    match = re.search(r"\d[\d.,' \u00a0]*", text)
    value = _decimal(match[0].strip(" ,.'")) if match else None
    if match is None or value is None:
        return None
    after = re.match(r"\s*([a-z]+)", text[match.end() :].lower())
    if after and after[1] in _SCALES:
        value *= _SCALES[after[1]]
    return f"{_plain(value)} {currency or ''}".strip()


def _date(text: str) -> str | None:
    value = _WEEKDAY.sub("", normal(text).replace(",", " ")).removeprefix("the ")
    value = re.sub(r"\b(\d+)(st|nd|rd|th)\b", r"\1", value)
    value = re.sub(r"^(\d{1,2})-([a-z]{3,9})-(\d{4})$", r"\1 \2 \3", value)
    if match := re.fullmatch(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?", value):
        return _iso(match[1], match[2], match[3])
    if match := re.fullmatch(r"(\d{1,2})\.\s*(\d{1,2})\.\s*(\d{4})", value):
        return _iso(match[3], match[2], match[1])
    words = value.replace(" of ", " ").split()
    months = [i + 1 for w in words for i, m in enumerate(_MONTHS) if len(w) > 2 and m.startswith(w.strip("."))]
    years = [w for w in words if re.fullmatch(r"\d{4}", w)]
    days = [w for w in words if re.fullmatch(r"\d{1,2}", w)]
    if len(months) == 1 and len(years) == 1 and len(words) == 2 + len(days) and len(days) <= 1:
        return _iso(years[0], str(months[0]), days[0] if days else None)
    return None


def _iso(year: str, month: str | None, day: str | None) -> str | None:
    try:
        date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        return None
    return "-".join([year, *(f"{int(x):02d}" for x in (month, day) if x)])


def _duration(text: str) -> str | None:
    plain = re.sub(r"^[a-z-]+ \((\d+)\)", r"\1", normal(text))  # "thirty (30) days"
    match = re.fullmatch(rf"(\d+|{_COUNT})[\s-]*(?:calendar |business |working )?([a-z]+?)s?", plain)
    if not match:
        return None
    amount = match[1] if match[1].isdigit() else _WORDS.get(match[1])
    unit = _UNITS.get(match[2])
    return f"{amount}{unit}" if amount and unit else None


def fits(text: str, kind: str) -> bool:
    """Whether a text can be read as a value of its kind; names and free text always can."""
    reader = _reader(kind)
    return reader is None or reader(text) is not None


def _reader(kind: str) -> Callable[[str], str | None] | None:
    return {"number": _number, "money": _money, "date": _date, "duration": _duration}.get(kind)


def space(kind: str) -> str:
    """What a kind's values are compared within: names and texts are one, every literal type is its own."""
    return ENTITY if kind in (ENTITY, "text") else kind
