"""Taking memory out and in: facts as a flat table, everything as JSON lines, and a form to compare two memories.

What is read here is untrusted: every line is checked before the first row is stored.
"""

from __future__ import annotations

import csv
import difflib
import io
import json
import math
import re
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from memllm_cli.errors import DamagedError, UsageError
from memllm_cli.memory.literals import KINDS, normalise
from memllm_cli.memory.names import normal
from memllm_cli.memory.schema import MIGRATIONS, VERSION
from memllm_cli.memory.store import ImportRow, Memory
from memllm_cli.memory.writer import LONGEST_NAME
from memllm_cli.types import Triple

if TYPE_CHECKING:
    from memllm_cli.memory.fold import Fact
    from memllm_cli.memory.snapshot import Snapshot

COLUMNS = (
    "subject", "relation", "object", "probability", "stated_by", "status", "valid_from", "valid_to", "qualifiers",
    "source", "page", "line", "sentence",
)  # fmt: skip
CACHES = ("vectors",)
"""Tables that come back by themselves and are left out."""
KIND = "knowledge base"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")
_CHUNK = 5000
_LARGEST_CELL = 2**24

# -- a flat table -------------------------------------------------------------------------------------------------


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


def write_csv(memory: Memory, out: IO[str], proposed: bool = False) -> int:
    """Facts as a table, one a row, in a stable order; with `proposed` proposals too. Returns how many rows."""
    snapshot = memory.snapshot
    facts = _sorted(snapshot, proposed)
    evidence = memory.evidence(facts)
    out.write(csv_line(COLUMNS))
    for fact in facts:
        newest, best = fact.newest, (evidence[fact.key] or [None])[0]
        out.write(
            csv_line(
                (
                    *snapshot.texts(fact),
                    "" if fact.probability is None else repr(fact.probability),
                    stated_by(fact),
                    "proposed" if fact.proposed else "fact",
                    newest.valid_from or "",
                    newest.valid_to or "",
                    "" if newest.qualifiers == "{}" else newest.qualifiers,
                    best.uri if best else "",
                    str(best.page) if best and best.page else "",
                    str(best.line) if best else "",
                    best.sentence if best else "",
                )
            )
        )
    return len(facts)


def write_canonical(memory: Memory, out: IO[str], proposed: bool = False) -> int:
    """Sorted lines `subject >> relation >> object`, a tab and the status: equal for equal memories."""
    snapshot = memory.snapshot
    facts = _sorted(snapshot, proposed)
    lines = (f"{' >> '.join(snapshot.texts(f))}\t{'proposed' if f.proposed else 'fact'}\n" for f in facts)
    out.writelines(sorted(lines))
    return len(facts)


def stated_by(fact: Fact) -> str:
    """`person`, `document` or `import`: who supports a fact, the strongest of them."""
    if fact.person:
        return "person"
    return "document" if any(a.source is not None for a in fact.supports) else "import"


def _sorted(snapshot: Snapshot, proposed: bool) -> list[Fact]:
    facts = [*snapshot.facts(), *(snapshot.facts(proposed=True) if proposed else ())]
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
    rows = csv_rows(text)
    _, header = next(rows, (1, []))
    names = [h.strip().lower() for h in header]
    missing = [c for c in COLUMNS[:3] if c not in names]
    if missing:
        raise DamagedError(
            f"The first line has no column '{missing[0]}'.",
            "It must name the columns, with commas between them: subject,relation,object",
        )
    good: list[ImportRow] = []
    bad: list[BadRow] = []
    for number, cells in rows:
        if not any(c.strip() for c in cells):
            continue
        try:
            if len(cells) != len(names):
                raise ValueError(f"{len(cells)} cells instead of {len(names)}")
            good.append(_row(dict(zip(names, cells, strict=True)), snapshot))
        except ValueError as error:
            bad.append(BadRow(number, str(error)))
    return good, bad


def _row(cells: dict[str, str], snapshot: Snapshot) -> ImportRow:
    """One row checked; ValueError says what is wrong with it."""
    triple = Triple(*(" ".join(cells[c].split()) for c in COLUMNS[:3]))
    for column, value in zip(COLUMNS, (triple.subject, triple.relation, triple.object), strict=False):
        if not normal(value):
            raise ValueError(f"the {column} is empty")
        if len(value) > LONGEST_NAME:
            raise ValueError(f"the {column} has {len(value)} characters; at most {LONGEST_NAME} are kept")
    if snapshot.relations.find(triple.relation) is None:
        phrases = {normal(p): p for p, _, _ in snapshot.relations.phrases()}
        near = difflib.get_close_matches(normal(triple.relation), phrases, n=3, cutoff=0.55)
        hint = f" (nearest: {', '.join(phrases[n] for n in near)})" if near else ""
        raise ValueError(f"no relation is called '{triple.relation}'{hint}")
    status = cells.get("status", "").strip() or "fact"
    if status not in ("fact", "proposed"):
        raise ValueError(f"status is '{status}', not 'fact' or 'proposed'")
    return ImportRow(
        triple,
        document=(cells.get("document") or cells.get("source") or "").strip(),
        sentence=cells.get("sentence", ""),
        probability=_probability(cells.get("probability", "").strip()),
        proposed=status == "proposed",
        valid_from=_day(cells, "valid_from"),
        valid_to=_day(cells, "valid_to"),
        qualifiers=_qualifiers(cells.get("qualifiers", "").strip()),
    )


def _probability(text: str) -> float | None:
    try:
        value = float(text) if text else None
    except ValueError:
        value = math.nan
    if value is not None and not 0 <= value <= 1:
        raise ValueError(f"probability is '{text}', not a number from 0 to 1")
    return value


def _day(cells: dict[str, str], column: str) -> str | None:
    text = cells.get(column, "").strip()
    value = normalise(text, "date") if text else ""
    if text and not re.fullmatch(r"\d{4}(-\d\d(-\d\d)?)?", value):
        raise ValueError(f"{column} is '{text}', not a date like 2026-01-31")
    return value or None


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
    groups: dict[tuple[int, int, str], list[tuple[str, str, str]]] = {}
    for row in rows:
        relation, flipped = snapshot.relations.get(row.triple.relation)
        subject, object_ = row.triple.subject, row.triple.object
        if flipped:
            subject, object_ = object_, subject
        if relation.one_object:
            for s in snapshot.known(subject, relation, "subject"):
                facts = snapshot.values(relation.id, subject=s)
                groups[(relation.id, s, "subject")] = [snapshot.texts(f) for f in facts]
        if relation.one_subject:
            for o in snapshot.known(object_, relation, "object"):
                facts = snapshot.values(relation.id, object=o)
                groups[(relation.id, o, "object")] = [snapshot.texts(f) for f in facts]
    return [g for g in groups.values() if len(g) > 1]


# -- everything ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Column:
    """A column as the schema has it."""

    name: str
    type: str
    nullable: bool


def schema() -> dict[str, list[Column]]:
    """Tables of this version with their columns in order, caches left out."""
    import duckdb

    with duckdb.connect(":memory:") as connection:
        for _, statements in MIGRATIONS:
            connection.execute(statements)
        rows = connection.execute(
            "SELECT table_name, column_name, data_type, is_nullable FROM duckdb_columns() WHERE NOT internal "
            "ORDER BY table_oid, column_index"
        ).fetchall()
    out: dict[str, list[Column]] = {}
    for table, name, type_, nullable in rows:
        if table not in CACHES:
            out.setdefault(table, []).append(Column(name, type_, bool(nullable)))
    return out


def write_jsonl(memory: Memory, out: IO[str]) -> int:
    """Everything: a line that says what it is, then a line a row of every table. Returns how many rows."""
    memory.require()
    tables = schema()
    count = 0
    with memory.database.open() as connection:
        row = connection.execute("SELECT value FROM meta WHERE key = 'id'").fetchone()
        head = {"memllm": KIND, "schema": VERSION, "id": row[0] if row else ""}
        out.write(json.dumps(head, ensure_ascii=False) + "\n")
        for table, columns in tables.items():
            names = [c.name for c in columns]
            where = "WHERE key NOT IN ('id', 'schema')" if table == "meta" else ""
            cursor = connection.execute(f"SELECT {', '.join(names)} FROM {table} {where} ORDER BY rowid")
            while rows := cursor.fetchmany(_CHUNK):
                for values in rows:
                    line = {"table": table, "row": dict(zip(names, values, strict=True))}
                    out.write(json.dumps(line, ensure_ascii=False) + "\n")
                count += len(rows)
    return count


@dataclass(frozen=True, slots=True)
class Everything:
    """A checked export: the id of its knowledge base and the rows of each table, in order."""

    id: str
    rows: dict[str, list[tuple[Any, ...]]]

    @property
    def count(self) -> int:
        """How many rows."""
        return sum(map(len, self.rows.values()))


def read_jsonl(lines: Iterable[str]) -> Everything:
    """Read what `write_jsonl` wrote. Raises DamagedError with the number of the line that is wrong."""
    tables = schema()
    numbered = ((n, line) for n, line in enumerate(lines, 1) if line.strip())
    number, first = next(numbered, (1, ""))
    head = _object(number, first)
    if head.get("memllm") != KIND:
        raise _wrong(number, "this is no export of a knowledge base")
    if head.get("schema") != VERSION:
        raise _wrong(number, f"schema {head.get('schema')!r} is not known, only {VERSION}")
    try:
        id_ = str(uuid.UUID(str(head.get("id"))))
    except ValueError:
        raise _wrong(number, "the id is none") from None
    rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in tables}
    at: dict[str, list[int]] = {table: [] for table in tables}
    for number, line in numbered:
        value = _object(number, line)
        table, row = value.get("table"), value.get("row")
        if not isinstance(table, str) or table not in tables or not isinstance(row, dict):
            raise _wrong(number, "it names no table")
        columns = tables[table]
        if set(row) != {c.name for c in columns}:
            raise _wrong(number, f"the columns are not those of '{table}'")
        for column in columns:
            if not _fits(row[column.name], column):
                raise _wrong(number, f"'{column.name}' holds no {column.type}")
        rows[table].append(tuple(row[c.name] for c in columns))
        at[table].append(number)
    _check(tables, rows, at)
    return Everything(id_, rows)


def restore(memory: Memory, everything: Everything) -> None:
    """Fill a new knowledge base, in one transaction. Raises UsageError when it holds something already."""
    tables = schema()
    with memory.database.open() as connection:
        held = connection.execute("SELECT count(*) FROM operations WHERE kind <> 'create'").fetchone()
        if held and held[0]:
            raise UsageError(
                f"The knowledge base '{memory.name}' is not empty.",
                "Import into a new one: memllm --kb NAME import FILE",
            )
        connection.execute("BEGIN")
        for table in (*tables, *CACHES):
            where = "WHERE key <> 'schema'" if table == "meta" else ""
            connection.execute(f"DELETE FROM {table} {where}")
        connection.execute("INSERT INTO meta VALUES ('id', ?)", [everything.id])
        for table, rows in everything.rows.items():
            columns = tables[table]
            names = ", ".join(c.name for c in columns)
            values = ", ".join(f"unnest(?::{c.type}[])" for c in columns)
            for start in range(0, len(rows), _CHUNK):
                chunk = rows[start : start + _CHUNK]
                connection.execute(
                    f"INSERT INTO {table} ({names}) SELECT {values}", [list(v) for v in zip(*chunk, strict=True)]
                )
        connection.execute("COMMIT")


def _object(number: int, line: str) -> dict[str, Any]:
    def refuse(name: str) -> None:
        raise ValueError(name)

    try:
        value = json.loads(line, parse_constant=refuse)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise _wrong(number, "it is no JSON object")
    return value


def _wrong(number: int, reason: str) -> DamagedError:
    return DamagedError(f"Line {number}: {reason}.", "Nothing was imported. Export again: memllm export --jsonl")


def _fits(value: Any, column: Column) -> bool:
    if value is None:
        return column.nullable
    if column.type == "BIGINT":
        return type(value) is int and -(2**63) <= value < 2**63
    if column.type == "BOOLEAN":
        return type(value) is bool
    if column.type == "DOUBLE":
        return type(value) in (int, float) and math.isfinite(value)
    if column.type == "VARCHAR[]":
        return isinstance(value, list) and all(isinstance(v, str) and _encodes(v) for v in value)
    return isinstance(value, str) and _encodes(value)


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


_KEYED = ("operations", "relations", "entities", "documents", "assertions")
_REFERENCES = {
    ("operations", "target"): "operations",
    ("operations", "document"): "documents",
    ("relations", "operation"): "operations",
    ("entities", "operation"): "operations",
    ("entities", "scope"): "documents",
    ("aliases", "entity"): "entities",
    ("aliases", "operation"): "operations",
    ("merges", "source"): "entities",
    ("merges", "target"): "entities",
    ("merges", "operation"): "operations",
    ("documents", "operation"): "operations",
    ("sentences", "document"): "documents",
    ("assertions", "operation"): "operations",
    ("assertions", "subject"): "entities",
    ("assertions", "relation"): "relations",
    ("assertions", "object"): "entities",
    ("evidence", "assertion"): "assertions",
    ("evidence", "document"): "documents",
}
_ALLOWED: dict[tuple[str, str], tuple[str, ...]] = {
    ("entities", "kind"): KINDS,
    ("relations", "object_type"): KINDS,
    ("assertions", "action"): ("add", "set", "remove"),
    ("meta", "key"): ("encoder",),
}


def _check(tables: dict[str, list[Column]], rows: dict[str, list[tuple[Any, ...]]], at: dict[str, list[int]]) -> None:
    """What no single row can show: ids that are unique, references that lead somewhere, values that exist."""
    ids: dict[str, set[int]] = {}
    for table in _KEYED:
        ids[table] = set()
        for row, number in zip(rows[table], at[table], strict=True):
            if row[0] in ids[table] or row[0] < 1:
                raise _wrong(number, f"the id {row[0]} is not new in '{table}'")
            ids[table].add(row[0])
    if not rows["operations"] or not rows["relations"]:
        raise _wrong(1, "operations or relations are missing: the file is incomplete")
    for table, columns in tables.items():
        for i, column in enumerate(columns):
            known = ids.get(_REFERENCES.get((table, column.name), ""))
            allowed = _ALLOWED.get((table, column.name))
            for row, number in zip(rows[table], at[table], strict=True):
                value = row[i]
                if known is not None and value is not None and value not in known:
                    raise _wrong(number, f"'{column.name}' leads to {value}, which is not there")
                if allowed is not None and value not in allowed:
                    raise _wrong(number, f"'{column.name}' is none of {', '.join(allowed)}")
                if column.name in ("span_start", "span_end", "line") and value < 0:
                    raise _wrong(number, f"'{column.name}' is negative")
                if (column.name, table) == ("qualifiers", "assertions"):
                    try:
                        _qualifiers(value)
                    except ValueError as error:
                        raise _wrong(number, str(error)) from error
                if column.name == "probability" and value is not None and not 0 <= value <= 1:
                    raise _wrong(number, "'probability' is not from 0 to 1")
    for row, number in zip(rows["operations"], at["operations"], strict=True):
        target = row[[c.name for c in tables["operations"]].index("target")]
        if target is not None and target >= row[0]:
            raise _wrong(number, "an operation undoes a later one")
