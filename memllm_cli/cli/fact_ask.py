"""`memllm fact get|list|why|history`: what memory holds, why, and since when. Needs no language model."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import typer

from memllm_cli.app import App
from memllm_cli.cli.shown import (
    AS_OF,
    LIMIT,
    VALID_AT,
    between,
    days,
    local,
    moment,
    most,
    origin,
    tell_rest,
    valid_day,
)
from memllm_cli.errors import NotFound, UsageError
from memllm_cli.serving.data import fact_data, marked, names_of, stated_data, why_data
from memllm_cli.terminal import clean, safe, sureness

Pattern = Annotated[str, typer.Argument(help='"subject >> relation >> object"; an empty field stands for any.')]


def get(
    context: typer.Context,
    question: Annotated[str, typer.Argument(help='"X >> relation >>" or ">> relation >> Y".')],
    as_of: AS_OF = None,
    valid_at: VALID_AT = None,
) -> None:
    """Answer a question from memory: the values, best first, one a line.

    Example: memllm fact get "Freedonia >> capital >>"
    """
    from memllm_cli.protocol.grammar import parse_question

    state: App = context.obj
    query = parse_question(question)
    memory = moment(state.memory(), as_of)
    finder = state.finder(memory)
    finder.day = valid_day(valid_at)
    found = finder.find(query)
    if found.too_many:
        raise UsageError(
            "That has too many answers.", f'Name the other side too, or list them: memllm fact list "{question}"'
        )
    if not found.hits:
        memory.snapshot.relations.get(query.relation)
        known = query.subject or query.object
        if found.otherwise:
            raise NotFound(
                f"Nothing known about '{known}' under '{query.relation}' holds on that day.",
                f'What holds when: memllm fact list "{question}"',
            )
        raise NotFound(
            f"Nothing is known about '{known}' under '{query.relation}'.",
            f'What is known: memllm fact list "{known} >> >>"',
        )
    people = state.output.json or sys.stdout.isatty()
    evidence = memory.evidence([h.fact for h in found.hits]) if people else {}
    rows = []
    for hit in found.hits:
        places = evidence.get(hit.fact.key, [])
        texts = memory.snapshot.texts(hit.fact)
        rows.append(
            fact_data(memory.snapshot, hit.fact, places) | {"value": hit.value, "distance": round(hit.distance, 4)}
        )
        if state.output.json:
            continue
        if people:
            asked = "" if hit.exact else f"  [dim]({safe(' >> '.join(texts))})[/dim]"
            said = origin(memory.snapshot, hit.fact, places) + days(hit.fact)
            state.output.line(f"{safe(hit.value)}{asked}  [dim]{safe(said)}[/dim]")
            if places:
                state.output.line(f'  [dim]"{safe(places[0].said)}"[/dim]')
        else:
            sys.stdout.write(clean(hit.value) + "\n")
    state.output.data(rows)
    if found.otherwise and people:
        state.output.note(f"{found.otherwise} more at other times; on a day: --valid-at 2020-01-31")


def why(context: typer.Context, statement: Pattern, as_of: AS_OF = None) -> None:
    """Show what supports a fact: who or what stated it and when, and the sentences, with its names marked.

    Example: memllm fact why "Freedonia >> capital >> Sylvania City"
    """
    from memllm_cli.memory.views.query import facts_of

    state: App = context.obj
    memory = moment(state.memory(), as_of)
    snapshot = memory.snapshot
    facts = sorted(facts_of(snapshot, statement, every=True), key=lambda f: f.proposed)
    if not facts:
        raise NotFound(
            f"No fact is '{statement}'.",
            f'What was ever stated: memllm fact history "{statement}"; all: memllm fact list',
        )
    evidence = memory.sources(facts)
    for fact in facts:
        waits = "proposed" if fact.truth == "stated" else fact.truth
        mark = f"  [dim]({waits})[/dim]" if fact.proposed else ""
        when = f"  [dim]{safe(days(fact)[2:])}[/dim]" if days(fact) else ""
        state.output.line(f"[bold]{safe(' >> '.join(snapshot.texts(fact)))}[/bold]{mark}{when}")
        names = names_of(snapshot, fact)
        for e in evidence[fact.key]:
            where = f", {e.block.said}" if e.block is not None and e.block.said else ""
            copy = " (in a copy)" if e.copy else ""
            state.output.line(f"  {safe(e.place + where)}{copy}: {_highlighted(e.said, marked(e.said, names))}")
        for a in sorted(fact.supports, key=lambda a: -a.id):
            operation = snapshot.made_by(a)
            sure = "" if a.probability is None else f", {sureness(a.probability, operation.format)}"
            span = f", from {a.valid_from or '…'} to {a.valid_to or '…'}" if a.valid_from or a.valid_to else ""
            who = "you" if a.person else operation.actor
            note = f": {operation.note}" if operation.note else ""
            by = f", model {operation.model[:12]}, format {operation.format}" if operation.model else ""
            what = f"operation {a.operation}, {local(operation.at)}, {operation.kind} by {who}{note}{by}{sure}{span}"
            state.output.line(f"  [dim]{safe(what)}[/dim]")
            for key, value in json.loads(a.qualifiers).items():
                state.output.line(f"    [dim]{safe(QUALIFIERS.get(key, key))}: {safe(str(value))}[/dim]")
    state.output.data([why_data(snapshot, f, evidence[f.key]) for f in facts])


QUALIFIERS = {"truth": "meant as", "by": "said by", "words": "the subject is named there as", "when": "when"}
"""What qualifiers that a document gave are called."""


def _with_truth(texts: tuple[str, str, str], truth: str) -> tuple[str, str, str]:
    return texts if truth == "stated" else (texts[0], f"{texts[1]} ({truth})", texts[2])


def _highlighted(sentence: str, spans: Sequence[tuple[int, int]]) -> str:
    """A sentence with stretches of it in bold, safe to print."""
    out, at = [], 0
    for start, end in spans:
        out += [safe(sentence[at:start]), f"[bold]{safe(sentence[start:end])}[/bold]"]
        at = end
    return "".join([*out, safe(sentence[at:])])


def history(
    context: typer.Context,
    pattern: Pattern,
    limit: Annotated[int, typer.Option(min=0, help="At most so many; 0 for all.")] = 0,
) -> None:
    """Show everything that was ever stated or taken back about a fact, newest first.

    Example: memllm fact history "Freedonia >> capital >>"
    """
    from memllm_cli.memory.views.fact_history import events

    state: App = context.obj
    snapshot = state.memory().snapshot
    found = events(snapshot, pattern)
    if not found:
        raise NotFound(f"Nothing was ever stated that fits '{pattern}'.", "See: memllm fact list, memllm log")
    shown = found[:limit] if limit else found
    rows = []
    for e in shown:
        o = e.operation
        rows.append(
            (
                str(o.id),
                local(o.at),
                e.what,
                "you" if e.person else o.actor,
                " >> ".join(e.texts) + between((e.valid,)),
                e.state,
            )
        )
    state.output.table(("operation", "time", "what", "by", "fact", ""), rows)
    state.output.data([stated_data(e) for e in shown])
    if len(found) > len(shown):
        state.output.note(f"{len(found) - len(shown)} older; --limit 0 shows all")


class Truth(StrEnum):
    """How documents mean what they say."""

    STATED = "stated"
    DENIED = "denied"
    PLANNED = "planned"
    ASKED = "asked"
    REPORTED = "reported"


def list_(
    context: typer.Context,
    pattern: Annotated[str, typer.Argument(help='"subject >> relation >> object", fields may be empty.')] = "",
    proposed: Annotated[bool, typer.Option("--proposed", help="Proposals instead of facts.")] = False,
    source: Annotated[str, typer.Option(help="Only what a document with this in its path or title states.")] = "",
    all_: Annotated[
        bool, typer.Option("--all", help="What has ended or not begun, and what is said and not stated, too.")
    ] = False,
    truth: Annotated[
        Truth | None, typer.Option("--truth", help="Only what documents state, or only say in this other way.")
    ] = None,
    limit: LIMIT = None,
    as_of: AS_OF = None,
    valid_at: VALID_AT = None,
) -> None:
    """List the facts that hold today, or the proposals that wait to be accepted.

    Example: memllm fact list "Harbour Lease >> >>"
    """
    from datetime import date

    from memllm_cli.memory.views.query import facts_of

    state: App = context.obj
    memory = moment(state.memory(), as_of)
    snapshot = memory.snapshot
    day = valid_day(valid_at)
    every = (all_ or truth not in (None, Truth.STATED)) and not proposed
    if day is None and not (every or as_of or proposed):
        day = date.today().toordinal()
    found = facts_of(snapshot, pattern, proposed, part=True)
    if every:
        kept = facts_of(snapshot, pattern, part=True, every=True)
        found = [f for f in kept if not f.proposed or f.truth != "stated"]
    found = [f for f in found if truth in (None, f.truth)]
    facts = [f for f in found if day is None or f.holds(day)]
    otherwise = len(found) - len(facts) if valid_at is None else 0
    if source:
        places = memory.evidence(facts)
        text = source.casefold()
        facts = [
            f
            for f in facts
            if any(text in e.uri.casefold() or text in e.title.casefold() for e in places[f.key])
            or any(text in (a.source or "").casefold() for a in f.supports)
        ]
    total = len(facts)
    facts = facts[: most(state, limit)]
    evidence = memory.evidence(facts)
    rows = [
        [
            *_with_truth(snapshot.texts(f), f.truth),
            "" if f.probability is None else f"{f.probability:.2f}",
            origin(snapshot, f, evidence[f.key]) + days(f),
        ]
        for f in facts
    ]
    state.output.table(("subject", "relation", "object", "probability", "source"), rows)
    state.output.data([fact_data(snapshot, f, evidence[f.key]) for f in facts])
    tell_rest(state, total, len(facts))
    if otherwise:
        state.output.note(f"{otherwise} more at other times; --all shows them")
