"""Values of cells as their formats show them: dates, percentages, amounts of money.

A number means what its format says: .15 shown as 15 % is fifteen percent, and 1200 shown as €1,200.00 is money.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import Any

_CURRENCY = re.compile(
    r"\[\$([^\]-]*)(?:-[0-9A-Fa-f,]+)?\]|([€£¥₹₩₽₺₫]|(?<!\[)\$)|\"([^\"]*[^\W\d_€$£¥][^\"]*|[€$£¥])\""
)
_ZEROS = re.compile(r"[0#?]\.(0+)")


def shown(value: Any, form: str) -> str:
    """A value as text: numbers with what their format (a spreadsheet's number format) puts around them, ISO dates."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ", "minutes")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, time):
        return value.isoformat("minutes" if not value.second else "seconds")
    if isinstance(value, timedelta):
        return str(value)
    if not isinstance(value, (int, float)):
        return str(value).strip()
    form = (form or "General").split(";")[0]
    if form in ("General", "@"):
        return plain(value)
    zeros = _ZEROS.search(form)
    places = len(zeros[1]) if zeros else 0 if re.search("[0#]", form) else None
    if "%" in form:
        return f"{plain(value * 100, places)} %"
    before = after = ""
    if match := _CURRENCY.search(form):
        unit = next(g for g in (*match.groups(), "") if g is not None).strip()
        if match.start() < (re.search("[0#]", form) or match).start():
            before = unit if len(unit) == 1 else f"{unit} " if unit else ""
        else:
            after = f" {unit}" if unit else ""
    grouped = "," in form or bool(before or after)
    return f"{before}{plain(value, places, grouped)}{after}"


def plain(value: float, places: int | None = None, grouped: bool = False) -> str:
    """A number without the noise of binary fractions; with so many decimal places, where that loses nothing."""
    if value != value or value in (float("inf"), float("-inf")):
        return ""
    text = f"{value:.15g}"
    if "e" in text:
        return text
    number = float(text)
    have = len(text.partition(".")[2])
    digits = max(have, places or 0) if have else (places or 0)
    if places is not None and have > places:
        digits = min(have, max(places, 2))  # what a sheet rounds away is noise, but for cents
    return f"{number:,.{digits}f}" if grouped else f"{number:.{digits}f}"
