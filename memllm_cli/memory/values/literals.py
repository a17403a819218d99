"""Values that are not names: numbers, money, dates, durations. Written form in, compared form out.

One value in two notations has one compared form. A text of which any part is not understood is compared as a text, so
that no part of it is lost: what people write beside a number is often what it depends on.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from memllm_cli.memory.values.names import normal

# What reads values is imported when one is read: most commands are about names alone, and start sooner without it.

ENTITY = "entity"
LITERALS = ("number", "money", "date", "duration")
KINDS = (ENTITY, "text", *LITERALS)
_SHORT_UNIT = re.compile(r"(?<=\d)\s*([^\W\d_]{1,2})(?![^\W_])")


@lru_cache(maxsize=1 << 14)
def normalise(text: str, kind: str, day_first: bool | None = None) -> str:
    """The form in which a value is compared.

    Dates become ISO 8601 (`2026-03-01`, `2026-03`, `2026`), money `4200 EUR`, durations `3M`, numbers `4200 m²`;
    what cannot be read as its kind is compared as a text. `day_first` is how its document writes 03/04/2025.
    """
    found = _read(text, kind, day_first)
    return found if found is not None else _as_text(text) if kind in LITERALS else normal(text)


def fits(text: str, kind: str) -> bool:
    """Whether a text can be read as a value of its kind; names and free text always can."""
    return kind not in LITERALS or _read(text, kind, None) is not None


def coarser(form: str, other: str, kind: str) -> bool:
    """Whether a value in compared form says the same as another, less exactly: 2025-05 of 2025-05-03."""
    from memllm_cli.memory.values.dates import contains

    return kind == "date" and contains(form, other)


def space(kind: str) -> str:
    """What a kind's values are compared within: names and texts are one, every literal type is its own."""
    return ENTITY if kind in (ENTITY, "text") else kind


def _read(text: str, kind: str, day_first: bool | None) -> str | None:
    if kind not in LITERALS:
        return None
    if kind == "date":
        from memllm_cli.memory.values.dates import read_date

        return read_date(text, day_first)
    from memllm_cli.memory.values.measures import measure

    found = measure(text, kind)
    return str(found) if found is not None else None


def _as_text(text: str) -> str:
    """A value that was not read, as names are compared; but the case of a short unit stays (MW, mW), and every sign."""
    units = _SHORT_UNIT.findall(unicodedata.normalize("NFKC", text))
    form = normal(" ".join(text.split()))
    if len(units) != len(_SHORT_UNIT.findall(form)):
        return form
    left = iter(units)
    return _SHORT_UNIT.sub(lambda m: m[0] if (unit := next(left)).islower() else f" {unit}", form)
