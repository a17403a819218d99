"""What several commands share: options, and facts and changes as people see them."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from memllm_cli.app import App
from memllm_cli.errors import NotFound, UsageError
from memllm_cli.terminal import count, safe

if TYPE_CHECKING:
    from contextlib import ExitStack

    from memllm_cli.memory.edit.change import Change, Days
    from memllm_cli.memory.edit.evidence import Evidence
    from memllm_cli.memory.edit.memory import Memory
    from memllm_cli.memory.history.facts import Fact
    from memllm_cli.memory.history.snapshot import Snapshot


def opened(state: App, dry_run: bool, stack: ExitStack) -> Memory:
    """The memory to write to, made if need be; a dry run makes none: it tries on one in a temporary folder."""
    if not dry_run:
        return state.memory(create=True)
    from memllm_cli.memory.edit.memory import Memory

    memory = Memory(state.home.knowledge_base(state.setting("kb").value))
    if memory.database.exists():
        return memory
    import tempfile
    from pathlib import Path

    memory = Memory(Path(stack.enter_context(tempfile.TemporaryDirectory())) / "kb")
    memory.create(state.home.shipped("kb/relations.csv"))
    return memory


def day(text: str | None, option: str) -> str | None:
    """A date as typed, in ISO form (day, month or year). Raises UsageError."""
    if text is None:
        return None
    from memllm_cli.memory.values.validity import iso

    try:
        return iso(text)
    except UsageError as error:
        raise UsageError(f"{option} {error.message}", error.hint) from None


AS_OF = Annotated[
    str | None, typer.Option("--as-of", help="Memory as it was: an operation (7 or #7), a day (its end) or a time.")
]
NOTE = Annotated[str, typer.Option(help="Why, for the log.")]
DRY_RUN = Annotated[bool, typer.Option("--dry-run", help="Show what would change; keep nothing.")]
LISTED = 100
"""What a list shows on a terminal unless `--limit` says otherwise."""
LIMIT = Annotated[int | None, typer.Option(min=0, help="At most so many; 0 for all.")]
VALID_AT = Annotated[str | None, typer.Option("--valid-at", help="Only what holds on this day.")]


def most(state: App, limit: int | None, listed: int = LISTED) -> int | None:
    """How many rows a list shows: without `--limit` all of them to machines, some on a terminal. None is all."""
    if limit is None and sys.stdout.isatty() and not state.output.json:
        return listed
    return limit or None


def tell_rest(state: App, total: int, shown: int) -> None:
    """Say what a list left out."""
    if not total:
        state.output.note("nothing matches")
    elif total > shown:
        state.output.note(f"{total - shown} more; --limit 0 shows all")


def moment(memory: Memory, as_of: str | None) -> Memory:
    """A memory as it was at a time or after an operation; itself without one. Raises UsageError, NotFound."""
    if as_of is None:
        return memory
    snapshot = memory.snapshot
    text = as_of.strip()
    number = text.removeprefix("#")
    if number.isdecimal() and (len(text) != 4 or number != text):  # four digits are a year
        return memory.at(snapshot.existing(int(number)).id)
    until = instant(text)
    last = max((o.id for o in snapshot.operations() if o.at < until), default=0)
    if last == 0:
        raise NotFound(f"There was no knowledge base '{memory.name}' at {as_of}.", "The first operations: memllm log")
    return memory.at(last)


def instant(text: str, end: bool = True) -> str:
    """A day (its end, or its beginning) or a time as typed, local unless it says otherwise, as times are stored.

    Raises UsageError.
    """
    from datetime import UTC, date, datetime, timedelta

    from memllm_cli.memory.values.literals import normalise

    try:
        day = date.fromisoformat(normalise(text, "date"))
        found = datetime(day.year, day.month, day.day) + timedelta(days=1 if end else 0)
    except ValueError:
        try:
            found = datetime.fromisoformat(text)
            if end and re.fullmatch(r"\S+[ T]\d\d:\d\d", text.strip()):  # as times are shown: a minute, to its end
                found += timedelta(minutes=1)
        except ValueError:
            raise UsageError(f"'{text}' is no time.", "Write 2026-01-31 or '2026-01-31 14:30'.") from None
    return found.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def valid_day(valid_at: str | None) -> int | None:
    """The day of `--valid-at`, as an ordinal."""
    from memllm_cli.memory.values.validity import day_of

    return None if valid_at is None else day_of(valid_at)


def show_change(state: App, change: Change, dry_run: bool = False) -> None:
    """Before and after lines, the operation, and how to take it back."""
    output = state.output
    end = most(state, None)
    for sign, colour, facts in (("-", "red", change.went), ("+", "green", change.came)):
        for texts, valid in islice(facts.items(), end):
            output.line(f"[{colour}]{sign} {safe(' >> '.join(texts))}[/{colour}]{between(valid)}")
        if end is not None and len(facts) > end:
            output.line(f"[{colour}]{sign} {len(facts) - end} more[/{colour}]")
    if change.stated:
        output.line(f"{count(change.stated, 'statement')}")
    elif not change.before and not change.after:
        output.line("no fact changed")
    if dry_run:
        output.note("dry run: nothing was stored")
    else:
        output.note(f"operation {change.operation}; undo with: memllm undo {change.operation}")


def local(at: str) -> str:
    """A stored time, short and in local time."""
    from datetime import datetime

    try:
        return datetime.fromisoformat(at).astimezone().strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return at


def origin(snapshot: Snapshot, fact: Fact, places: Sequence[Evidence]) -> str:
    """Who says so, for people: a place in a document, or a person or table and when."""
    newest = fact.newest
    operation = snapshot.made_by(newest)
    if not fact.person and places:
        return places[0].place
    who = "you" if fact.person else operation.source or f"{operation.kind} {operation.note}".strip()
    return f"{who}, {local(operation.at)}" + (f"; {places[0].place}" if places else "")


def days(fact: Fact) -> str:
    """When a fact holds, for people; empty when always."""
    return ", ended" if fact.ended else between(fact.stretches)


def between(valid: Days) -> str:
    """Stretches of days, for people; empty for always."""
    said = " and ".join(f"{begin or '…'} to {end or '…'}" for begin, end in valid if begin or end)
    return f", {said}" if said else ""


def held_back(change: Change) -> str:
    """A line on what an operation states and a person had taken out before; empty when there is none."""
    if not change.held:
        return ""
    them = "it" if change.held == 1 else "them"
    return f"{count(change.held, 'fact')} held back: you removed or replaced {them} before; see: memllm log"
