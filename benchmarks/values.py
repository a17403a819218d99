"""What reading values is worth: pairs of notations that are one value or not, and amounts and dates of real papers.

    python -m benchmarks.values                                         the table of notations, ours and others
    python -m benchmarks.values --tatqa tatqa_dev.json --sroie train.jsonl.gz     and real papers

Beside ours stands the reader of an earlier version, taken from the repository's history, and libraries as far as they
are installed (babel, price-parser, dateparser, quantulum3, text2num), each for the kinds of value that it reads. What
a reader does not read is compared as text. In real papers the truth is what the whole paper says of its notation: those
of `--tatqa` are in English, the receipts of `--sroie` are from Malaysia, where the day comes first.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import importlib
import json
import re
import subprocess
import sys
import types
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from benchmarks.common import ROOT
from memllm_cli.memory.values.dates import day_first
from memllm_cli.memory.values.literals import LITERALS, coarser, fits, normalise

EARLIER = "9255b32"
"""The last version that read values in one file, by patterns looked for anywhere in a text."""
TABLE = ROOT / "tests" / "memory" / "values.csv"
_DAYS = ("%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y", "%d %b %Y", "%d-%b-%Y", "%d/%m/%y", "%d-%m-%y", "%d.%m.%y", "%d %b %y",
         "%d-%b-%y", "%d %B %Y", "%Y-%m-%d", "%Y/%m/%d", "%d%b%Y", "%d/%b/%Y", "%b %d, %Y", "%d %b, %Y")  # fmt: skip
Reader = Callable[[str, str], str | None]
"""A text and the kind of its value in, a compared form out; None where it is not read."""


def ours(text: str, kind: str) -> str | None:
    """The reader of this version."""
    return normalise(text, kind) if fits(text, kind) else None


def earlier() -> Reader | None:
    """The reader of an earlier version; None outside a checkout with its history."""
    file = f"{EARLIER}:memllm_cli/memory/values/literals.py"
    found = subprocess.run(["git", "show", file], cwd=ROOT, capture_output=True, text=True, check=False)
    if found.returncode:
        return None
    module = types.ModuleType("earlier_literals")
    exec(found.stdout, module.__dict__)
    return lambda text, kind: module.normalise(text, kind) if module.fits(text, kind) else None


def _babel(text: str, kind: str) -> str | None:
    numbers = importlib.import_module("babel.numbers")
    dates = importlib.import_module("babel.dates")
    try:
        return str(dates.parse_date(text, locale="en") if kind == "date" else numbers.parse_decimal(text, locale="en"))
    except (ValueError, IndexError):  # NumberFormatError is a ValueError
        return None


def _price_parser(text: str, kind: str) -> str | None:
    price = importlib.import_module("price_parser").Price.fromstring(text)
    return None if price.amount is None else f"{price.amount.normalize()} {price.currency or ''}"


def _dateparser(text: str, kind: str) -> str | None:
    settings = {"REQUIRE_PARTS": ["year"], "RETURN_TIME_AS_PERIOD": True}
    found = importlib.import_module("dateparser.date").DateDataParser(settings=settings).get_date_data(text)
    shape = {"year": "%Y", "month": "%Y-%m", "day": "%Y-%m-%d"}.get(found.period, "%Y-%m-%dT%H:%M%z")
    return found.date_obj.strftime(shape) if found.date_obj else None


def _quantulum(text: str, kind: str) -> str | None:
    found = importlib.import_module("quantulum3.parser").parse(text)
    return f"{found[0].value:g} {found[0].unit.name}" if len(found) == 1 else None


def _text2num(text: str, kind: str) -> str | None:
    module = importlib.import_module("text_to_num")
    written = module.alpha2digit(text, "en").replace(",", "")
    return str(float(written)) if re.fullmatch(r"-?\d+(\.\d+)?", written) else None


LIBRARIES: dict[str, tuple[str, Reader, tuple[str, ...]]] = {
    "babel": ("babel", _babel, ("number", "date")),
    "price-parser": ("price_parser", _price_parser, ("money", "number")),
    "dateparser": ("dateparser", _dateparser, ("date",)),
    "quantulum3": ("quantulum3", _quantulum, ("money", "number", "duration")),
    "text2num": ("text_to_num", _text2num, ("number",)),
}


def compared(reader: Reader, kinds: tuple[str, ...], rows: list[dict[str, str]]) -> Counter[tuple[str, str]]:
    """Rows of the table by kind and by what a reader makes of them: `right`, `joined` (two values taken for one, or
    one for part of the other) or `parted` (one value in two notations taken for two)."""
    out: Counter[tuple[str, str]] = Counter()
    for row in rows:
        kind = row["kind"]
        if kind not in kinds:
            continue
        first, second = (
            (f"read {v}" if (v := _safe(reader, row[s], kind)) else normalise(row[s], "text")) for s in "ab"
        )
        bare = [v.removeprefix("read ") for v in (first, second)]
        found = "same" if first == second else "coarser" if coarser(bare[0], bare[1], kind) else "different"
        verdict = (
            "right" if found == row["one"] else "joined" if row["one"] == "different" or found == "same" else "parted"
        )
        out[kind, verdict] += 1
    return out


def _safe(reader: Reader, text: str, kind: str) -> str | None:
    """What a reader gives; an error of another's library is no reading."""
    if reader is ours:
        return ours(text, kind)
    try:
        return reader(text, kind)
    except Exception:
        return None


def cells(path: Path) -> Iterator[tuple[str, str, Decimal]]:
    """Cells of TAT-QA's tables that hold a number: the text, `money` or `number`, the value in English notation."""
    for page in json.loads(path.read_text(encoding="utf-8")):
        for text in (cell.strip() for row in page["table"]["table"] for cell in row):
            bare = re.sub(r"[\s$€£]", "", text)
            if not re.fullmatch(r"\(?-?[$€£]?(?:\d{1,3}(?:,\d{3})*|\d+)(?:\.\d+)?\)?%?\)?", bare) or re.fullmatch(
                r"\d{4}", bare
            ):
                continue
            value = Decimal(re.sub(r"[(),%]", "", bare))
            yield text, "money" if re.search("[$€£]", text) else "number", -value if "(" in bare else value


def receipts(path: Path) -> Iterator[tuple[str, str, str, str]]:
    """Dates and totals of receipts: `date` or `money`, as written, the value, the receipt's text."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            for _, relation, text in row["triples"]:
                if relation == "date" and (day := _day(text)):
                    yield "date", text, day, row["text"]
                elif relation == "total" and (digits := re.fullmatch(r"(?:RM|\$)?\s*([\d,]*\.?\d+)", text.strip())):
                    yield "money", text, str(Decimal(digits[1].replace(",", ""))), row["text"]


def _day(text: str) -> str | None:
    for shape in _DAYS:
        try:
            return datetime.strptime(text.strip().title(), shape).date().isoformat()
        except ValueError:
            continue
    return None


def _number_of(form: str | None) -> Decimal | None:
    """The number that a compared form begins with."""
    match = re.match(r"-?\d+(?:\.\d+)?(?:E[+-]?\d+)?", form or "")
    return Decimal(match[0]) if match else None


def papers(title: str, found: list[tuple[bool | None, str]]) -> None:
    """Print how many values were read right, were not read, and were read wrongly, with some of the last."""
    counts = Counter(right for right, _ in found)
    wrong = ", ".join(dict.fromkeys(text for right, text in found if right is False))
    print(f"{title:44} {counts[True]:6} right {counts[None]:6} unread {counts[False]:6} wrong  {wrong[:60]}")


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.values", description=__doc__)
    parser.add_argument("--tatqa", type=Path, help="tatqa_dev.json")
    parser.add_argument("--sroie", type=Path, help="train.jsonl.gz")
    given = parser.parse_args()
    readers: dict[str, tuple[Reader, tuple[str, ...]]] = {"ours": (ours, LITERALS)}
    if (before := earlier()) is not None:
        readers["earlier"] = before, LITERALS
    for name, (module, reader, kinds) in LIBRARIES.items():
        try:
            importlib.import_module(module)
        except ImportError:
            print(f"{name} is not installed: left out", file=sys.stderr)
            continue
        readers[name] = reader, kinds
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    print(f"{len(rows)} pairs of notations; joined: two values taken for one; parted: one for two")
    print(f"{'':14}{'kind':10}{'pairs':>6}{'right':>7}{'joined':>8}{'parted':>8}")
    for name, (reader, kinds) in readers.items():
        counts = compared(reader, kinds, rows)
        for kind in kinds:
            right, joined, parted = (counts[kind, v] for v in ("right", "joined", "parted"))
            print(f"{name:14}{kind:10}{right + joined + parted:6}{right:7}{joined:8}{parted:8}")
    for name, (reader, kinds) in readers.items():
        if given.tatqa and {"money", "number"} & set(kinds):
            judged = [_judged(reader, kinds, *cell) for cell in cells(given.tatqa)]
            papers(f"TAT-QA's cells, {name}", [j for j in judged if j is not None])
        if given.sroie:
            for wanted in ("date", "money"):
                if wanted in kinds:
                    papers(f"receipts' {wanted}s, {name}", list(_receipts(reader, wanted, given.sroie)))
    if given.sroie:
        papers("receipts' dates, ours in their document", list(_in_documents(given.sroie)))


def _judged(
    reader: Reader, kinds: tuple[str, ...], text: str, kind: str, value: Decimal
) -> tuple[bool | None, str] | None:
    if kind not in kinds:
        return None
    read = _number_of(_safe(reader, text, kind))
    return None if read is None else read == value, text


def _receipts(reader: Reader, wanted: str, path: Path) -> Iterator[tuple[bool | None, str]]:
    for kind, text, value, _ in receipts(path):
        if kind == wanted:
            form = _safe(reader, text, kind)
            right = form == value if kind == "date" else _number_of(form) == Decimal(value)
            yield None if form is None else right, text


def _in_documents(path: Path) -> Iterator[tuple[bool | None, str]]:
    for kind, text, value, document in receipts(path):
        if kind == "date":
            form = normalise(text, kind, day_first([document]))
            yield None if not re.fullmatch(r"\d{4}-\d\d-\d\d", form) else form == value, text


if __name__ == "__main__":
    main()
