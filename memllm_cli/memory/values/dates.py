"""Dates as people write them, in the form in which they are compared: ISO 8601, as coarse as they are written.

A quarter is `2025-Q2`, a half `2025-H1`, a decade `1850s`, a day of every year `--12-31`. What two countries read in
two ways, such as 03/04/2025, is none unless other dates of the same document say how it counts.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar jänner jän janvier janv enero ene gennaio gen janeiro januari stycznia ledna января",
            "february feb februar februari février févr febrero febbraio febb fevereiro fev lutego února февраля",
            "march mar märz maerz mär mrz mars marzo março maart mrt marts marca marzec března марта",
            "april apr avril avr abril abr aprile kwietnia kwiecień dubna апреля",
            "may mai mayo maggio mag maio mei maj maja května мая",
            "june jun juni juin junio giugno giu junho června czerwca czerwiec июня",
            "july jul juli juillet juil julio luglio lug julho červenec lipca lipiec июля",
            "august aug août aout agosto ago augustus augusti sierpnia sierpień srpna августа",
            "september sep sept septembre septiembre settembre sett setembro set września wrzesień сентября",
            "october oct oktober okt octobre octubre ottobre ott outubro out oktobar października октября",
            "november nov novembre noviembre novembro ноября",
            "december dec dezember dez décembre decembre déc diciembre dic dicembre dezembro grudnia grudzień декабря",
        ),
        start=1,
    )
    for name in names.split()
}
_WEEKDAYS = {
    name: number
    for number, names in enumerate(
        (
            "monday mon montag lundi lunes lunedì segunda-feira maandag",
            "tuesday tue tues dienstag mardi martes martedì terça-feira dinsdag",
            "wednesday wed mittwoch mercredi miércoles mercoledì quarta-feira woensdag",
            "thursday thu thur thurs donnerstag jeudi jueves giovedì quinta-feira donderdag",
            "friday fri freitag vendredi viernes venerdì sexta-feira vrijdag",
            "saturday sat samstag sonnabend samedi sábado sabato zaterdag",
            "sunday sun sonntag dimanche domingo domenica zondag",
        )
    )
    for name in names.split()
}
_FILLERS = frozenset("the of day de del den der le la el du on am г года year dia".split())
_ORDINAL_WORDS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth"
).split()
_ORDINALS = {
    **{word: number for number, word in enumerate(_ORDINAL_WORDS, start=1)},
    **{f"twenty-{word}": 21 + i for i, word in enumerate(_ORDINAL_WORDS[:9])},
    **{"thirtieth": 30, "thirty-first": 31},
}
_ISO = re.compile(r"(\d{4})([-/.])(\d{1,2})(?:\2(\d{1,2}))?")
_SHORT = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})")
_MONTH_YEAR = re.compile(r"(\d{1,2})[/.-](\d{4})")
_DAY = re.compile(r"(\d{1,2})(?:st|nd|rd|th|er|[oa°.])?")
_TIME = re.compile(
    r"(?P<day>.*?\d\.?)(?:t|,? at |,? um |,? à |,?\s)\s*(?P<h>\d{1,2})(?::(?P<m>\d\d)(?::(?P<s>\d\d(?:\.\d{1,6})?))?)?"
    r"\s*(?P<half>[ap]\.?m\.?)?\s*(?P<zone>z|utc|gmt|[+-]\d\d:?\d\d)?"
)
_PARTS = {
    "Q1": "q1 1q first-quarter 1st-quarter",
    "Q2": "q2 2q second-quarter 2nd-quarter",
    "Q3": "q3 3q third-quarter 3rd-quarter",
    "Q4": "q4 4q fourth-quarter 4th-quarter",
    "H1": "h1 1h first-half 1st-half",
    "H2": "h2 2h second-half 2nd-half",
}
_PART_OF_YEAR = {spelled: part for part, all_ in _PARTS.items() for spelled in all_.split()}
_NUMERIC = re.compile(r"(?<![\d/.-])(\d{1,2})([/-])(\d{1,2})\2(\d{4})(?![\d/-])")


def read_date(text: str, day_first: bool | None = None) -> str | None:
    """The date that a text gives, None if it gives none or more than one.

    `day_first` says how 03/04/2025 counts where it is known (`day_first`); a date that can be read in one way only is
    read so whatever it says.
    """
    value = unicodedata.normalize("NFKC", text).casefold()
    value = re.sub(r"\s+", " ", value.translate(_LINES)).strip(" ,;:\"'").removesuffix(".")
    value = re.sub(r"(?<=\d)\. (?=\d)", ".", value)  # 3. 5. 2025
    if not any(c.isdigit() for c in value) or len(value) > 60:
        return None
    timed = _TIME.fullmatch(value)
    if timed and (timed["m"] or timed["half"]) and (day := _day(timed["day"], day_first)) is not None:
        return _moment(day, timed)
    return _day(value, day_first) or _coarse(value)


_LINES = str.maketrans(dict.fromkeys("‐‑‒–—−", "-") | {"’": "'"})


def day_first(texts: Sequence[str]) -> bool | None:
    """Whether the dates in some texts (13/04/2025) write the day before the month; None if none or not all say so."""
    found = {
        int(a) > 12
        for text in texts
        for a, _, b, year in _NUMERIC.findall(text)
        if max(int(a), int(b)) > 12 and (_iso(year, b, a) or _iso(year, a, b))
    }
    return found.pop() if len(found) == 1 else None


def off_calendar(text: str) -> bool:
    """Whether a text would be a date if its month were longer: 31 February."""
    shorter = re.sub(r"(?<!\d)(?:29|3[01])(?!\d)", "28", text)
    return shorter != text and read_date(text) is None and read_date(shorter, True) is not None


def contains(coarse: str, fine: str) -> bool:
    """Whether a date in compared form is a stretch of time that another one lies in: 2025 and 2025-05-03."""
    if coarse == fine:
        return False
    around, within = _prefixes(coarse), _prefixes(fine)
    if not around or not within:
        return False
    return any(all(any(day.startswith(a) for a in around) for day in days) for days in (within, *_elsewhere(fine)))


def _elsewhere(form: str) -> list[list[str]]:
    """The days that a time of a known zone is in the east and in the west of the world."""
    if not form.endswith("Z"):
        return []
    at = datetime.fromisoformat(form[:-1])
    return [[str((at + timedelta(hours=h)).date())] for h in (-12, 14) if 1 < at.year < 9999]


def _prefixes(form: str) -> list[str]:
    """What the forms of all dates within a date begin with; empty for what is no date."""
    if match := re.fullmatch(r"(\d{4})-([QH])(\d)", form):
        size = 3 if match[2] == "Q" else 6
        first = (int(match[3]) - 1) * size + 1
        return [f"{match[1]}-{m:02d}" for m in range(first, first + size)]
    if re.fullmatch(r"\d{3}0s", form):
        return [f"{form[:3]}{n}" for n in range(10)]
    return [form] if re.fullmatch(r"\d{4}(-\d\d(-\d\d(T[\d:.]+Z?)?)?)?", form) else []


def _day(value: str, day_first: bool | None) -> str | None:
    """A day, a month or a year."""
    if re.fullmatch(r"\d{4}", value):
        return _iso(value)
    if match := re.fullmatch(r"(\d{4})(\d\d)(\d\d)", value):
        return _iso(match[1], match[2], match[3]) if "1500" < match[1] < "2200" else None
    if (match := _ISO.fullmatch(value)) and (match[4] or match[2] == "-"):
        return _iso(match[1], match[3], match[4])
    if match := _SHORT.fullmatch(value):
        ways = [_iso(match[4], match[3], match[1]), _iso(match[4], match[1], match[3])]
        if match[2] == ".":  # who parts a date by dots begins with the day
            return ways[0]
        if ways[0] is None or ways[1] is None or ways[0] == ways[1]:
            return ways[0] or ways[1]
        return None if day_first is None else ways[0 if day_first else 1]
    if match := _MONTH_YEAR.fullmatch(value):
        return _iso(match[2], match[1])
    if match := re.fullmatch(r"(\d{4})年(?:(\d{1,2})月(?:(\d{1,2})日)?)?", value):
        return _iso(match[1], match[2], match[3])
    return _in_words(value)


def _in_words(value: str) -> str | None:
    """A date with the name of its month: the words in any order that is in use, and nothing beside them."""
    day = month = year = weekday = None
    text = (
        re.sub(r"(?<=[^\W_])[-/](?=[^\W_])", " ", value) if re.search(r"\d[-/][^\W\d]|[^\W\d][-/]\d", value) else value
    )
    order = ""
    for word in re.sub(r"\b(twenty|thirty) (?=\w+(st|nd|rd|th)\b)", r"\1-", text).replace(",", " ").split():
        bare = word.rstrip(".")
        if bare in _WEEKDAYS and weekday is None and not order:
            weekday = _WEEKDAYS[bare]
        elif bare in _MONTHS and month is None:
            month, order = _MONTHS[bare], order + "m"
        elif re.fullmatch(r"\d{4}", bare) and year is None:
            year, order = bare, order + "y"
        elif (match := _DAY.fullmatch(word)) and day is None:
            day, order = int(match[1]), order + "d"
        elif bare in _ORDINALS and day is None:
            day, order = _ORDINALS[bare], order + "d"
        elif bare not in _FILLERS:
            return None
    if order == "y":  # the year 2025
        return _iso(year or "") if weekday is None else None
    if order in ("dm", "md") and weekday is None and not (order == "md" and "-" in value):  # May-25 may be a year
        return f"-{found[4:]}" if (found := _iso("2000", str(month), str(day))) else None
    if order not in ("dmy", "mdy", "ymd", "my", "ym"):
        return None
    found = _iso(year or "", str(month), str(day) if day is not None else None)
    if weekday is not None and (found is None or day is None or date.fromisoformat(found).weekday() != weekday):
        return None
    return found


def _coarse(value: str) -> str | None:
    """A quarter, a half, a decade, a year before or after Christ."""
    value = value.removeprefix("the ")
    if match := re.fullmatch(r"(\d{3}0)'?s", value):
        return f"{match[1]}s"
    if match := re.fullmatch(r"(?:(ad|ce) )?(\d{1,4}) ?(ad|ce|bc|bce)?", value.replace(".", "")):
        if match[3] in ("bc", "bce") and not match[1]:
            return f"{int(match[2])} BC"
        return _iso(f"{int(match[2]):04d}") if bool(match[1]) != bool(match[3]) else None
    if match := re.fullmatch(r"([\w]+(?:[ -](?:quarter|half))?)(?:[ ,/-]| of )+(\d{4})|(\d{4})[ /-]*([qh]\d)", value):
        part = _PART_OF_YEAR.get((match[1] or match[4]).replace(" ", "-"))
        return f"{match[2] or match[3]}-{part}" if part and _iso(match[2] or match[3]) else None
    return None


def _moment(day: str, match: re.Match[str]) -> str | None:
    """A day with a time of it, in UTC where the zone is known."""
    hour, half = int(match["h"]), (match["half"] or "").replace(".", "")
    if half and not 1 <= hour <= 12:
        return None
    hour = hour % 12 + 12 * (half == "pm") if half else hour
    clock = f"{hour:02d}:{match['m'] or '00'}:{match['s'] or '00'}"
    zone = {"z": "+00:00", "utc": "+00:00", "gmt": "+00:00"}.get(match["zone"] or "", match["zone"] or "")
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", day):
        return None
    try:
        at = datetime.fromisoformat(f"{day}T{clock}{zone}")
        at = at.astimezone(UTC).replace(tzinfo=None) if zone else at
    except (ValueError, OverflowError):
        return None
    return at.isoformat(timespec="auto" if at.second or at.microsecond else "minutes") + ("Z" if zone else "")


def _iso(year: str, month: str | None = None, day: str | None = None) -> str | None:
    try:
        date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        return None
    return "-".join([year, *(f"{int(x):02d}" for x in (month, day) if x is not None)])
