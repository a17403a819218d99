"""`memllm review`: a full-screen list of what waits for a person's word."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from memllm_cli.app import App
from memllm_cli.errors import Interrupted, UsageError
from memllm_cli.terminal import count

LOCK_PATIENCE = 2.0
"""Seconds to wait for another process while the screen stands still; then a line says so."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("review")(review)


def review(
    context: typer.Context,
    facts: Annotated[bool, typer.Option("--facts", help="The facts instead of what waits.")] = False,
) -> None:
    """Go through proposals by keyboard: accept, reject, correct, undo, with the sentence beside; ? lists the keys.

    Example: memllm review --facts
    """
    state: App = context.obj
    _at_a_terminal(state, facts)
    memory = state.memory()
    if not any(True for _ in memory.snapshot.facts(not facts)):
        state.output.line("There are no facts." if facts else "Nothing waits: there are no proposals.")
        state.output.note("read documents with: memllm ingest FOLDER" + ("" if facts else "; facts: review --facts"))
        return

    from memllm_cli.chat.completion import Names
    from memllm_cli.reviewing.queue import Queue
    from memllm_cli.reviewing.screen import ReviewScreen

    queue = Queue(memory, not facts)
    database, names = memory.database, Names(proposed=None)
    before = database.lock.timeout, database.lock.waiting, database.notice
    database.lock.timeout, database.lock.waiting = min(LOCK_PATIENCE, database.lock.timeout), None
    database.notice = lambda text: setattr(queue, "said", text)

    def complete(field: str, typed: str) -> Sequence[str]:
        names.refresh(queue.snapshot)
        return names.relations(typed) if field == "relation" else names.starting(typed)

    try:
        stayed = ReviewScreen(queue, complete).run()
    finally:
        database.lock.timeout, database.lock.waiting, database.notice = before
    done = queue.summary()
    left = f"{count(queue.total, 'fact' if facts else 'proposal')} left"
    if not stayed:
        raise Interrupted(f"{done or 'nothing was done'}; {left}")
    state.output.line(f"{done or 'nothing was done'}; {left}")
    if queue.done:
        state.output.note(f"take the last back with: memllm undo {queue.done[-1].operation}")


def _at_a_terminal(state: App, facts: bool) -> None:
    """Raise UsageError where nobody can see a screen or press keys."""
    listed = "memllm fact list" + ("" if facts else " --proposed")
    if state.output.json:
        raise UsageError("review has no --json.", f"As JSON: {listed} --json")
    seen = sys.stdin.isatty() and sys.stdout.isatty() and state.output.input
    if not seen or os.environ.get("TERM", "").lower() in ("dumb", "unknown"):
        raise UsageError(
            "review needs a terminal.",
            f'Without one: {listed}, then memllm fact accept "subject >> relation >> object" (or fact rm)',
        )
