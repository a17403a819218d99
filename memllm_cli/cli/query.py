"""`memllm query` and `memllm sql`: asking memory exactly, with patterns, words or SQL."""

from __future__ import annotations

import sys
from math import isfinite
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memllm_cli.app import App
from memllm_cli.cli.shown import AS_OF, LIMIT, VALID_AT, days, moment, most, origin, valid_day
from memllm_cli.errors import UsageError
from memllm_cli.serving.data import evidence_data, fact_data
from memllm_cli.serving.meant import sentences
from memllm_cli.streams import piped
from memllm_cli.terminal import safe

if TYPE_CHECKING:
    from memllm_cli.memory.edit.evidence import Evidence
    from memllm_cli.memory.edit.memory import Memory
    from memllm_cli.memory.history.snapshot import Snapshot
    from memllm_cli.memory.views.query import Way

LISTED = 50
TEXTS = 10
"""Sentences of documents that a search for words shows."""


def register(app: typer.Typer) -> None:
    """Add `query` and `sql`."""
    app.command("query")(query)
    app.command("sql")(sql)


def query(
    context: typer.Context,
    patterns: Annotated[
        list[str],
        typer.Argument(help='"?x >> director >> ?y", an empty field for anything; or words to look for.'),
    ],
    sort: Annotated[str, typer.Option(help="A variable or column to sort by; -NAME the other way round.")] = "",
    limit: LIMIT = None,
    offset: Annotated[int, typer.Option(min=0, help="Leave out so many first.")] = 0,
    proposed: Annotated[bool, typer.Option("--proposed", help="Proposals too.")] = False,
    as_of: AS_OF = None,
    valid_at: VALID_AT = None,
) -> None:
    """Find facts by a pattern, or several that share variables; or facts and sentences of documents by words.

    Names are meant exactly here, without a model. Several patterns hold together: ?x is the same thing everywhere.

    Example: memllm query "?x >> director >> ?y" "?y >> place of birth >> Berlin"
    """
    state: App = context.obj
    memory = moment(state.memory(), as_of)
    day = valid_day(valid_at)
    limit = most(state, limit, LISTED)
    shaped = [">>" in p for p in patterns]
    if any(shaped) and not all(shaped):
        raise UsageError("Patterns and words do not go together.", "Ask for one or the other.")
    if all(shaped):
        columns, rows, data = _join(memory, patterns, None if proposed else False, day)
    else:
        columns, rows, data = _words(memory, " ".join(patterns), None if proposed else False, day)
    order = _order(columns, rows, sort)
    page = order[offset : offset + limit] if limit else order[offset:]
    texts = [] if any(shaped) or offset else _texts(state, memory, " ".join(patterns))
    said_texts = [("", "", "", e.place, " ".join(e.said.split())) for e in texts]
    if sys.stdout.isatty():
        state.output.table(columns, [rows[i] for i in page])
        state.output.table(("text", "place"), [(text, place) for *_, place, text in said_texts])
    else:  # lines of one shape: a sentence of a document has no subject, relation and object
        state.output.table(columns, [*(rows[i] for i in page), *said_texts])
    said = {} if any(shaped) else {"texts": [evidence_data(e) for e in texts]}
    state.output.data({"total": len(rows), "offset": offset, "rows": [data[i] for i in page], **said})
    if not rows and not texts:
        state.output.note("nothing matches")
    elif offset + len(page) < len(rows):
        state.output.note(f"{len(rows)} in all; the next: --offset {offset + len(page)}")


Rows = list[tuple[str, ...]]
Found = tuple[tuple[str, ...], Rows, list[dict[str, Any]]]
"""Names of columns, rows for people, the same for machines."""


def _join(memory: Memory, texts: list[str], proposed: bool | None, day: int | None) -> Found:
    """Columns, rows and data of patterns."""
    from memllm_cli.memory.views.query import join, pattern
    from memllm_cli.protocol.grammar import parse_pattern

    snapshot = memory.snapshot
    wanted = [pattern(snapshot, parse_pattern(t)) for t in texts]
    ways = list(join(snapshot, wanted, proposed, day))
    written = (f.strip() for t in texts for f in parse_pattern(t))
    variables = list(dict.fromkeys(f[1:] for f in written if f.startswith("?")))
    if not variables and len(wanted) == 1:
        facts = [w[1][0] for w in ways]
        evidence = memory.evidence(facts)
        listed: Rows = [(*snapshot.texts(f), origin(snapshot, f, evidence[f.key]) + days(f)) for f in facts]
        shown = [fact_data(snapshot, f, evidence[f.key]) for f in facts]
        return ("subject", "relation", "object", "source"), listed, shown
    found: dict[tuple[str, ...], Way] = {}
    relations = {p.relation_variable for p in wanted}
    for way in ways:
        found.setdefault(tuple(_value(snapshot, way, v, v in relations) for v in variables), way)
    columns = tuple(variables) or ("facts",)
    rows: Rows = [row or ("yes",) for row in found]
    data: list[dict[str, Any]] = [
        {
            "bindings": dict(zip(variables, row, strict=False)),
            "facts": [list(snapshot.texts(f)) for f in way[1]],
            "valid": [[list(s) for s in f.stretches] for f in way[1]],
        }
        for row, way in zip(rows, found.values(), strict=True)
    ]
    return columns, rows, data


def _value(snapshot: Snapshot, way: Way, variable: str, relation: bool) -> str:
    """What a variable stands for, as people see it."""
    bound = way[0][variable]
    if relation:
        return snapshot.relations.by_id[bound].name
    for fact in way[1]:
        if fact.key[2] == bound:
            return snapshot.texts(fact)[2]
    return snapshot.shown(bound)


def _words(memory: Memory, words: str, proposed: bool | None, day: int | None) -> Found:
    """Columns, rows and data of a search for words."""
    from memllm_cli.memory.search.words import search

    snapshot = memory.snapshot
    matches = [m for m in search(memory, words, proposed) if day is None or m.fact.holds(day)]
    evidence = memory.evidence([m.fact for m in matches])
    rows: Rows = []
    for m in matches:
        places = evidence[m.fact.key]
        sentence = m.text if not m.named else (places[0].said if places else "")
        rows.append((*snapshot.texts(m.fact), origin(snapshot, m.fact, places), sentence))
    data = [
        fact_data(snapshot, m.fact, evidence[m.fact.key]) | {"matched": m.text, "score": round(m.score, 4)}
        for m in matches
    ]
    return ("subject", "relation", "object", "source", "sentence"), rows, data


def _texts(state: App, memory: Memory, words: str) -> list[Evidence]:
    """The sentences of documents that fit the words best."""
    from memllm_cli.memory.search.texts import Texts

    return sentences(memory, Texts(memory, state.finder(memory).encoder), words, TEXTS)


def _order(columns: tuple[str, ...], rows: list[tuple[str, ...]], sort: str) -> list[int]:
    """Places of the rows in the order asked for."""
    order = list(range(len(rows)))
    if sort:
        name = sort.lstrip("-").lstrip("?")
        if name not in columns:
            raise UsageError(f"There is no column '{name}'.", f"Sort by one of: {', '.join(columns)}")
        at = columns.index(name)
        order.sort(key=lambda i: rows[i][at].casefold(), reverse=sort.startswith("-"))
    return order


def sql(
    context: typer.Context,
    statement: Annotated[str, typer.Argument(help="One SELECT; - reads it from standard input.")],
    as_of: AS_OF = None,
) -> None:
    """Ask with SQL. Tables: facts, operations, documents, entities, relations. Can neither write nor read files.

    Example: memllm sql "SELECT relation, count(*) FROM facts GROUP BY ALL ORDER BY 2 DESC"
    """
    from memllm_cli.memory.views.sql import run

    state: App = context.obj
    memory = moment(state.memory(), as_of)
    asked = piped() if statement == "-" else statement
    with state.output.working("copying what is asked for"):
        answer = run(memory, asked)
    shown = [["" if v is None else str(v) for v in row] for row in answer.rows]
    state.output.table(answer.columns, shown)
    plain = [[v if _plain(v) else str(v) for v in r] for r in answer.rows]
    state.output.data({"columns": list(answer.columns), "rows": plain})
    if not shown:
        state.output.note(safe("no rows"))


def _plain(value: object) -> bool:
    """Whether JSON has such a value; it has no infinity."""
    return isfinite(value) if isinstance(value, float) else isinstance(value, (str, int, bool, type(None)))
