"""`memllm log` and `memllm undo`: what was done to memory, and taking it back."""

from __future__ import annotations

from typing import Annotated

import typer

from memllm_cli.cli.context import Context


def register(app: typer.Typer) -> None:
    """Add `log` and `undo`."""
    app.command("log")(log)
    app.command("undo")(undo)


def log(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=0, help="At most so many; 0 for all.")] = 20,
) -> None:
    """List what was done to memory, newest first.

    Example: memllm log --limit 5
    """
    from memllm_cli.cli.shown import local
    from memllm_cli.memory.log import log as log_entries

    state: Context = context.obj
    entries = list(log_entries(state.memory().snapshot))
    shown = entries[:limit] if limit else entries
    state.output.table(
        ("operation", "time", "kind", "by", "statements", "detail", ""),
        [
            (
                str(e.operation.id),
                local(e.operation.at),
                e.operation.kind,
                e.operation.actor,
                str(e.statements),
                f"of operation {e.operation.target}" if e.operation.kind == "undo" else e.detail,
                "" if e.counts else "undone",
            )
            for e in shown
        ],
    )
    state.output.data(
        [
            {
                "operation": e.operation.id,
                "time": e.operation.at,
                "kind": e.operation.kind,
                "actor": e.operation.actor,
                "target": e.operation.target,
                "statements": e.statements,
                "detail": e.detail,
                "undone": not e.counts,
            }
            for e in shown
        ]
    )
    if len(entries) > len(shown):
        state.output.note(f"{len(entries) - len(shown)} older; --limit 0 shows all")


def undo(
    context: typer.Context,
    operation: Annotated[int | None, typer.Argument(help="Number of the operation; the newest without it.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change; keep nothing.")] = False,
) -> None:
    """Take an operation back. Undoing an undo brings it back again.

    Example: memllm undo 7
    """
    from memllm_cli.cli.shown import change_data, show_change

    state: Context = context.obj
    undone, change = state.memory().undo(operation, dry_run)
    state.output.data(change_data(change) | {"undone": undone.id, "kind": undone.kind, "dry_run": dry_run})
    state.output.note(f"undoing operation {undone.id} ({undone.kind})")
    show_change(state, change, dry_run)
