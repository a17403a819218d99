"""Taking facts out and in as a flat table, and a form to compare two memories. What is read here is untrusted."""

from __future__ import annotations

import csv
import difflib
import io
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from memllm_cli.errors import DamagedError, UsageError
from memllm_cli.memory.edit.memory import ImportRow, Memory
from memllm_cli.memory.edit.statements import LONGEST_NAME, is_sayable
from memllm_cli.memory.history.facts import stated_by
from memllm_cli.memory.values.names import normal
from memllm_cli.memory.values.validity import days, iso
from memllm_cli.types import Triple

if TYPE_CHECKING:
    from memllm_cli.memory.history.facts import Fact, Key
    from memllm_cli.memory.history.snapshot import Snapshot

COLUMNS = (
    "subject", "relation", "object", "probability", "stated_by", "status", "valid_from", "valid_to", "qualifiers",
    "source", "page", "line", "sentence",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")
_LARGEST_CELL = 2**24


def guarded(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return "'" + text if text.startswith(_FORMULA) else text


def unguarded(cell: str) -> str:
    """What `guarded` was given; cells without its mark stay as they are."""
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith(_FORMULA) else cell


def csv_line(cells: Iterable[str]) -> str:
    """One line of a table. Unlike the csv module's, it quotes a lone carriage return on every Python."""
    return ",".join(_cell(guarded(c)) for c in cells) + "\n"


def _cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\r\n') else text


def csv_rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Lines of a table with their number in the file. Raises DamagedError for broken quoting."""
    limit = csv.field_size_limit(_LARGEST_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        number = 1
        for row in reader:
            yield number, [unguarded(c) for c in row]
            number = reader.line_num + 1
    except csv.Error as error:
        raise DamagedError(f"Line {reader.line_num}: {error}.", "Correct the table; nothing was stored.") from error
    finally:
        csv.field_size_limit(limit)


def write_csv(memory: Memory, out: IO[str], proposed: bool = False, day: int | None = None) -> int:
    """Facts as a table, one a row, in a stable order; with `proposed` proposals too. Returns how many rows.

    A fact that holds at several times has a row for each.
    """
    snapshot = memory.snapshot
    facts = _sorted(snapshot, proposed, day)
    evidence = memory.evidence(facts)
    out.write(csv_line(COLUMNS))
    rows = [(fact, *stretch) for fact in facts for stretch in fact.stretches]
    for fact, begin, end in rows:
        newest, best = fact.newest, next(iter(evidence[fact.key]), None)
        out.write(
            csv_line(
                (
                    *snapshot.texts(fact),
                    "" if fact.probability is None else repr(fact.probability),
                    stated_by(fact),
                    "proposed" if fact.proposed else "fact",
                    begin or "",
                    end or "",
                    "" if newest.qualifiers == "{}" else newest.qualifiers,
                    best.uri if best else "",
                    str(best.page) if best and best.page else "",
                    str(best.line) if best else "",
                    best.sentence if best else "",
                )
            )
        )
    return len(rows)


def write_canonical(memory: Memory, out: IO[str], proposed: bool = False, day: int | None = None) -> int:
    """Sorted lines `subject >> relation >> object`, a tab and the status: equal for equal memories.

    A fact that does not always hold has its days behind the status.
    """
    snapshot = memory.snapshot
    facts = _sorted(snapshot, proposed, day)
    out.writelines(sorted(f"{' >> '.join(snapshot.texts(f))}\t{_status(f)}\n" for f in facts))
    return len(facts)


def _status(fact: Fact) -> str:
    status = "proposed" if fact.proposed else "fact"
    days = ";".join(f"{begin or ''}..{end or ''}" for begin, end in fact.stretches if begin or end)
    return f"{status}\t{days}" if days else status


def _sorted(snapshot: Snapshot, proposed: bool, day: int | None) -> list[Fact]:
    facts = (f for f in snapshot.facts(None if proposed else False) if day is None or f.holds(day))
    return sorted(facts, key=lambda f: (snapshot.texts(f), f.key))


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be imported, and why."""

    line: int
    reason: str


def read_csv(text: str, snapshot: Snapshot) -> tuple[list[ImportRow], list[BadRow]]:
    """Rows of a table by the names in its header, and those that cannot be taken.

    Needed: subject, relation, object. Understood: document or source, sentence, probability, status, valid_from,
    valid_to, qualifiers; other columns are left alone. Raises DamagedError when the table cannot be read at all.
    """
    if text.lstrip().startswith(("{", "[")):
        raise DamagedError(
            "This is JSON, not a table.",
            "JSON is imported without --format csv; a table begins: subject,relation,object",
        )
    rows, own = csv_rows(text), is_export(text)
    _, header = next(rows, (1, []))
    names = [h.strip().lower() for h in header]
    missing = [c for c in COLUMNS[:3] if c not in names]
    if missing:
        raise _no_header(header, missing[0], snapshot)
    good: list[ImportRow] = []
    bad: list[BadRow] = []
    for number, cells in rows:
        if not any(c.strip() for c in cells):
            continue
        try:
            if len(cells) != len(names):
                raise ValueError(f"{len(cells)} cells instead of {len(names)}")
            good.append(row(dict(zip(names, cells, strict=True)), snapshot, own))
        except ValueError as error:
            bad.append(BadRow(number, str(error)))
    return good, bad


def is_export(text: str) -> bool:
    """Whether a table has the columns that `write_csv` writes."""
    return text.split("\n", 1)[0].strip() == ",".join(COLUMNS)


_DELIMITERS = ((";", "semicolons (;)"), ("\t", "tabs"), ("|", "bars (|)"))


def _no_header(header: Sequence[str], missing: str, snapshot: Snapshot) -> DamagedError:
    """What a first line without the needed columns is instead, and what to do."""
    line = ",".join(header)
    example = ",".join(COLUMNS[:3])
    for sign, name in _DELIMITERS:
        if len(header) < 3 and line.count(sign) >= 2:
            return DamagedError(
                f"The columns are separated by {name}, not by commas.",
                f"Save the table as CSV with commas; its first line names the columns: {example}",
            )
    if len(header) > 2 and snapshot.relations.find(header[1]) is not None:
        return DamagedError(
            "The first line is a fact; the names of the columns are missing.", f"Put a line before it: {example}"
        )
    found = ", ".join(h.strip()[:40] or "(empty)" for h in header[:8])
    return DamagedError(
        f"The first line has no column '{missing}'; it has: {found}.",
        f"It must name the columns, with commas between them: {example}",
    )


def checked(subject: str, relation: str, object_: str) -> Triple:
    """A fact of names that can be kept; ValueError says which cannot."""
    triple = Triple(*(" ".join(text.split()) for text in (subject, relation, object_)))
    for column, value in zip(COLUMNS, (triple.subject, triple.relation, triple.object), strict=False):
        if not normal(value):
            raise ValueError(f"the {column} is empty")
        if len(value) > LONGEST_NAME:
            raise ValueError(f"the {column} has {len(value)} characters; at most {LONGEST_NAME} are kept")
        if not is_sayable(value):
            raise ValueError(f"the {column} is '{value}': no name contains >> or is a variable like ?x")
    return triple


def row(cells: dict[str, str], snapshot: Snapshot, own: bool = False) -> ImportRow:
    """One row checked; ValueError says what is wrong with it.

    With `own` a relation need not be known: in a table that another memory wrote it is no slip.
    """
    triple = checked(*(cells[c] for c in COLUMNS[:3]))
    new = snapshot.relations.find(triple.relation) is None
    if new and not own:
        phrases = {normal(p): p for p, _, _ in snapshot.relations.phrases()}
        near = difflib.get_close_matches(normal(triple.relation), phrases, n=3, cutoff=0.55)
        hint = f" (nearest: {', '.join(phrases[n] for n in near)})" if near else ""
        raise ValueError(f"no relation is called '{triple.relation}'{hint}")
    status = cells.get("status", "").strip() or "fact"
    if status not in ("fact", "proposed"):
        raise ValueError(f"status is '{status}', not 'fact' or 'proposed'")
    begin, end = _days(cells)
    return ImportRow(
        triple,
        document=(cells.get("document") or cells.get("source") or "").strip(),
        sentence=cells.get("sentence", ""),
        probability=_probability(cells.get("probability", "").strip()),
        proposed=status == "proposed",
        valid_from=begin,
        valid_to=end,
        qualifiers=_qualifiers(cells.get("qualifiers", "").strip()),
        own=new,
    )


def _probability(text: str) -> float | None:
    try:
        value = float(text) if text else None
    except ValueError:
        value = math.nan
    if value is not None and not 0 <= value <= 1:
        raise ValueError(f"probability is '{text}', not a number from 0 to 1")
    return value


def _days(cells: dict[str, str]) -> tuple[str | None, str | None]:
    out: list[str | None] = []
    for column in ("valid_from", "valid_to"):
        text = cells.get(column, "").strip()
        try:
            out.append(iso(text) if text else None)
        except UsageError:
            raise ValueError(f"{column} is '{text}', not a date like 2026-01-31") from None
    begin, end = out
    if begin and end and days(begin)[0] >= days(end)[1]:
        raise ValueError(f"valid_from, {begin}, is after valid_to, {end}")
    return begin, end


def _qualifiers(text: str) -> str:
    if not text:
        return "{}"
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ValueError("qualifiers is not a JSON object")
    return text


def contradictions(snapshot: Snapshot, rows: Sequence[ImportRow]) -> list[list[tuple[str, str, str]]]:
    """Groups of facts that reads see and that cannot all hold at once, among those the rows touch."""
    from memllm_cli.memory.views.conflicts import of_facts

    keys: dict[Key, None] = {}
    for row in rows:
        relation, flipped = snapshot.relations.get(row.triple.relation)
        subject, object_ = row.triple.subject, row.triple.object
        if flipped:
            subject, object_ = object_, subject
        if relation.one_object or relation.one_subject:
            for s in snapshot.known(subject, relation, "subject"):
                for o in snapshot.known(object_, relation, "object"):
                    keys[(s, relation.id, o)] = None
    facts = [f for k in keys if (f := snapshot.fact(k)) is not None and not f.proposed]
    return [[snapshot.texts(f) for f in c.facts] for c in of_facts(snapshot, facts)]
