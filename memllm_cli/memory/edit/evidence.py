"""Where documents state facts: the sentence, and the block of the document it stands in."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, slots=True)
class Place:
    """The block of a document that states a fact: its kind, the headings above it, and what it is called.

    `row` and `column` are names within a table, `table` is its caption; `lead` is the line above a list, `label` the
    key of a pair or the speaker of a turn.
    """

    kind: str
    path: tuple[str, ...] = ()
    row: str = ""
    column: str = ""
    table: str = ""
    lead: str = ""
    label: str = ""
    number: int = -1
    """Its number in the document."""
    cells: tuple[tuple[str, str], ...] = ()
    """The row a cell stands in: name of the column and text, of each of its cells."""

    @property
    def said(self) -> str:
        """Where it is, for people: `table Subprocessors, row Fastly, column Country`; empty for running text."""
        section = self.path[-1] if self.path else ""
        if self.row or self.column:
            named = f"table {self.table or section}".strip()
            return ", ".join(
                x for x in (named, self.row and f"row {self.row}", self.column and f"column {self.column}") if x
            )
        if self.kind == "item" and (self.lead or section):
            return f"in the list under '{self.lead or section}'"
        return f"{self.kind} '{self.label}'" if self.label and self.kind != "paragraph" else ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a document states a fact."""

    document: int
    title: str
    uri: str
    line: int
    page: int | None
    heading: str
    sentence: str
    start: int = 0
    end: int = 0
    block: Place | None = None
    copy: bool = False
    """Whether its document is a copy of one that states the same: then it is no other source of it."""

    @property
    def said(self) -> str:
        """What states it, for people: the sentence; of a table the row, with the names of its columns."""
        names = {name for name, _ in self.block.cells} if self.block is not None else set()
        if self.block is None or len(names) < 2:  # a list of properties: what stands in a cell is said beside it
            return self.sentence
        return " | ".join(f"{name}: {text}" if name else text for name, text in self.block.cells if text)

    @property
    def place(self) -> str:
        """The place for people: `lease.md, line 12` or `freedonia.pdf, page 1`."""
        return f"{os.path.basename(self.uri)}, " + (f"page {self.page}" if self.page else f"line {self.line}")


_EVIDENCE = """
    SELECT e.assertion, e.block, e.document, d.title, d.uri, e.line, e.page, e.heading,
        substring(d.text, e.span_start + 1, e.span_end - e.span_start), e.span_start, e.span_end
    FROM evidence e JOIN documents d ON d.id = e.document
    WHERE e.assertion IN (SELECT unnest(?::BIGINT[])) ORDER BY e.document DESC, e.span_start
"""
_SPOTS = """
    SELECT w.spot, w.document, d.title, d.uri, coalesce(s.line, b.line), coalesce(s.page, b.page), s.heading,
        substring(d.text, w.first + 1, w.last - w.first), w.first, w.last, w.block
    FROM (SELECT unnest(?::BIGINT[]) AS spot, unnest(?::BIGINT[]) AS document, unnest(?::BIGINT[]) AS first,
        unnest(?::BIGINT[]) AS last, unnest(?::BIGINT[]) AS block) w
    JOIN documents d ON d.id = w.document
    LEFT JOIN sentences s ON s.document = w.document AND s.span_start <= w.first AND s.span_end > w.first
    LEFT JOIN blocks b ON b.document = w.document AND b.number = w.block
    ORDER BY w.spot
"""
_AROUND = """
    WITH w AS (SELECT unnest(?::BIGINT[]) AS spot, unnest(?::BIGINT[]) AS document, unnest(?::BIGINT[]) AS first,
        unnest(?::BIGINT[]) AS last),
    near AS (SELECT w.spot, any_value(w.document) AS document,
            max(s.span_end) FILTER (s.span_end <= w.first) AS before_end,
            arg_max(s.span_start, s.span_end) FILTER (s.span_end <= w.first) AS before_start,
            min(s.span_start) FILTER (s.span_start >= w.last) AS after_start,
            arg_min(s.span_end, s.span_start) FILTER (s.span_start >= w.last) AS after_end
        FROM w JOIN sentences s ON s.document = w.document GROUP BY w.spot)
    SELECT n.spot, coalesce(substring(d.text, n.before_start + 1, n.before_end - n.before_start), ''),
        coalesce(substring(d.text, n.after_start + 1, n.after_end - n.after_start), '')
    FROM near n JOIN documents d ON d.id = n.document
"""
_UPWARD = """
    WITH RECURSIVE up AS (
        SELECT b.document, b.number AS leaf, b.parent, b.kind, b.label, b.span_start, b.span_end, 0 AS depth
        FROM blocks b JOIN (SELECT unnest(?::BIGINT[]) AS document, unnest(?::BIGINT[]) AS number) w
            ON w.document = b.document AND w.number = b.number
        UNION ALL
        SELECT b.document, u.leaf, b.parent, b.kind, b.label, b.span_start, b.span_end, u.depth + 1
        FROM up u JOIN blocks b ON b.document = u.document AND b.number = u.parent WHERE u.depth < 200)
    SELECT u.document, u.leaf, u.kind, u.label,
        CASE WHEN u.kind = 'heading' THEN substring(d.text, u.span_start + 1, u.span_end - u.span_start) ELSE '' END
    FROM up u JOIN documents d ON d.id = u.document ORDER BY u.document, u.leaf, u.depth
"""

_CELLS = """
    SELECT c.document, leaf.number, c.label, substring(d.text, c.span_start + 1, c.span_end - c.span_start)
    FROM (SELECT unnest(?::BIGINT[]) AS document, unnest(?::BIGINT[]) AS number) w
    JOIN blocks leaf ON leaf.document = w.document AND leaf.number = w.number AND leaf.kind = 'cell'
    JOIN blocks c ON c.document = leaf.document AND c.parent = leaf.parent AND c.kind = 'cell'
    JOIN documents d ON d.id = c.document ORDER BY c.document, leaf.number, c.number
"""


def evidence_of(connection: duckdb.DuckDBPyConnection, statements: Sequence[int]) -> Iterator[tuple[int, Evidence]]:
    """The evidence of statements, by their ids, newest document first."""
    rows = connection.execute(_EVIDENCE, [list(statements)]).fetchall()
    wanted = {(document, block) for _, block, document, *_ in rows if block is not None}
    places = _places(connection, wanted) if wanted else {}
    for assertion, block, document, title, uri, line, page, heading, sentence, start, end in rows:
        place = places.get((document, block))
        yield assertion, Evidence(document, title, uri, line, page, heading, sentence, start, end, place)


def evidence_at(connection: duckdb.DuckDBPyConnection, spots: Sequence[tuple[int, int, int, int]]) -> list[Evidence]:
    """What stands at some places, each a document, its first and last character, and the number of its block."""
    if not spots:
        return []
    columns = [list(c) for c in zip(*spots, strict=True)]
    rows = connection.execute(_SPOTS, [list(range(len(spots))), *columns]).fetchall()
    places = _places(connection, {(document, block) for document, _, _, block in spots})
    out = {
        spot: Evidence(
            document, title, uri, line or 1, page, heading or "", text, start, end, places.get((document, block))
        )
        for spot, document, title, uri, line, page, heading, text, start, end, block in rows
    }
    return [out[i] for i in sorted(out)]


def around(connection: duckdb.DuckDBPyConnection, spots: Sequence[tuple[int, int, int]]) -> list[tuple[str, str]]:
    """The sentence before and the one after some stretches, each a document, its first and last character.

    Either is empty where there is none.
    """
    if not spots:
        return []
    columns = [list(c) for c in zip(*spots, strict=True)]
    rows = connection.execute(_AROUND, [list(range(len(spots))), *columns]).fetchall()
    found = {spot: (before, after) for spot, before, after in rows}
    return [found.get(i, ("", "")) for i in range(len(spots))]


def _places(connection: duckdb.DuckDBPyConnection, wanted: set[tuple[int, int]]) -> dict[tuple[int, int], Place]:
    """The blocks of these documents and numbers, by both."""
    above: dict[tuple[int, int], list[tuple[str, str, str]]] = {}
    documents, numbers = zip(*sorted(wanted), strict=True)
    for document, leaf, *row in connection.execute(_UPWARD, [list(documents), list(numbers)]).fetchall():
        above.setdefault((document, leaf), []).append((row[0], row[1], row[2]))
    cells: dict[tuple[int, int], list[tuple[str, str]]] = {}
    for document, leaf, label, text in connection.execute(_CELLS, [list(documents), list(numbers)]).fetchall():
        cells.setdefault((document, leaf), []).append((label, text))
    return {key: replace(_place(chain), number=key[1], cells=tuple(cells.get(key, ()))) for key, chain in above.items()}


def _place(chain: list[tuple[str, str, str]]) -> Place:
    """A block from what it is and what is above it: (kind, label, text of a heading) each."""
    kind, label, _ = chain[0]
    path = tuple(text for k, _, text in reversed(chain[1:]) if k == "heading")
    said = {k: name for k, name, _ in reversed(chain[1:])}
    if kind == "cell":
        return Place(kind, path, said.get("row", ""), label, said.get("table", ""))
    if kind == "row":
        return Place(kind, path, label, "", said.get("table", ""))
    return Place(kind, path, lead=said.get("list", ""), label=label)
