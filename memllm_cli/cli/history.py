"""`memllm log`, `undo` and `conflicts`: what was done to memory, taking it back, and what cannot all be true."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from memllm_cli.app import App
from memllm_cli.cli.shown import AS_OF, DRY_RUN
from memllm_cli.errors import NotFound, UsageError
from memllm_cli.terminal import count, safe

if TYPE_CHECKING:
    from memllm_cli.memory.edit.memory import Memory
    from memllm_cli.memory.history.facts import Fact
    from memllm_cli.memory.views.conflicts import Conflict


def register(app: typer.Typer) -> None:
    """Add `log`, `undo` and `conflicts`."""
    app.command("log")(log)
    app.command("undo")(undo)
    app.command("conflicts")(conflicts)


def log(
    context: typer.Context,
    kind: Annotated[str, typer.Option(help="Only this kind: set, add, remove, ingest, import, merge, undo …")] = "",
    by: Annotated[str, typer.Option("--by", "--actor", help="Only what this one did: you, memllm, import.")] = "",
    document: Annotated[str, typer.Option(help="Only about documents with this in their path or title.")] = "",
    since: Annotated[str | None, typer.Option(help="Only from this day or time on.")] = None,
    until: Annotated[str | None, typer.Option(help="Only up to this day's end or before this time.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="At most so many; 0 for all.")] = 20,
) -> None:
    """List what was done to memory, newest first.

    Example: memllm log --kind set --since 2026-11-01
    """
    from itertools import islice

    from memllm_cli.cli.shown import instant, local
    from memllm_cli.memory.views.log import log as entries

    state: App = context.obj
    begin = "" if since is None else instant(since, end=False)
    end = "" if until is None else instant(until)
    found = entries(state.memory().snapshot, kind, by, document, begin, end)
    shown = list(islice(found, limit)) if limit else list(found)
    more = next(found, None) is not None
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
                "source": e.operation.source,
                "model": e.operation.model,
                "run": e.operation.run,
                "statements": e.statements,
                "detail": e.detail,
                "undone": not e.counts,
            }
            for e in shown
        ]
    )
    if not shown:
        state.output.note("nothing matches")
    if more:
        state.output.note("there is older; --limit 0 shows all")


def undo(
    context: typer.Context,
    number: Annotated[
        str | None, typer.Argument(metavar="OPERATION", help="Number of the operation; the newest without it.")
    ] = None,
    run: Annotated[bool, typer.Option("--run", help="All operations of the same command, as a whole ingest.")] = False,
    dry_run: DRY_RUN = False,
) -> None:
    """Take an operation back, whatever came after it. Undoing an undo brings it back again.

    What later operations state by themselves stays.

    Example: memllm undo 7
    """
    from memllm_cli.cli.shown import show_change
    from memllm_cli.serving.data import change_data

    operation = None
    if number is not None:
        if not number.removeprefix("#").isdecimal():
            raise UsageError(f"'{number}' is no operation's number.", "See: memllm log")
        operation = int(number.removeprefix("#"))
    state: App = context.obj
    memory = state.memory()
    if run:
        _undo_run(state, memory, operation, dry_run)
        return
    undone, change = memory.undo(operation, dry_run)
    state.output.data(change_data(change) | {"undone": undone.id, "kind": undone.kind, "dry_run": dry_run})
    state.output.note(f"undoing operation {undone.id} ({undone.kind})")
    show_change(state, change, dry_run)
    others = (o for o in memory.snapshot.operations() if o.run == undone.run and o.id != undone.id)
    if undone.run and operation is None and next(others, None) is not None:
        state.output.note(f"it was part of a longer run; all of it: memllm undo --run {undone.id}")


def _undo_run(state: App, memory: Memory, operation: int | None, dry_run: bool) -> None:
    """Take back every operation of a command that still counts, each by an undo; the undos are a run themselves."""
    from uuid import uuid4

    snapshot = memory.snapshot
    if operation is None:
        counting = (o for o in reversed(list(snapshot.operations())) if o.run and snapshot.counts(o.id))
        found = next((o for o in counting if o.kind != "undo"), None)
        if found is None:
            raise NotFound("There is no run to undo.", "See: memllm log")
    else:
        found = snapshot.existing(operation)
    if not found.run:
        raise UsageError(f"Operation {found.id} is no part of a run.", f"Undo it alone: memllm undo {found.id}")
    targets = [o.id for o in snapshot.operations() if o.run == found.run and snapshot.counts(o.id)]
    if not targets:
        raise UsageError("All of that run is undone already.", "To redo it, undo the undos: memllm log")
    if dry_run:
        state.output.data({"undone": targets, "dry_run": True})
        state.output.line(f"{count(len(targets), 'operation')} would be undone: {', '.join(map(str, targets))}")
        return
    made, before, after, run = [], 0, 0, uuid4().hex
    with memory.session():
        for target in reversed(targets):
            _, change = memory.undo(target, run=run)
            made.append(change.operation)
            before, after = before + len(change.before), after + len(change.after)
    state.output.data({"undone": targets, "operations": made, "before": before, "after": after, "dry_run": False})
    state.output.line(f"{count(len(targets), 'operation')} undone: {count(before, 'fact')} went, {after} came")
    state.output.note(f"to bring all of it back: memllm undo --run {made[-1]}")


def conflicts(
    context: typer.Context,
    pattern: Annotated[str, typer.Argument(help='Only where a fact fits "subject >> relation >> object".')] = "",
    resolve: Annotated[
        str, typer.Option(help="Keep one side of each: person, newest or most-sources; asks before it removes.")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what a rule would remove; keep all.")] = False,
    limit: Annotated[int, typer.Option(min=0, help="Show at most so many; 0 for all.")] = 20,
    as_of: AS_OF = None,
) -> None:
    """List facts that cannot all be true, with their sources; resolve them by a rule.

    One by one: memllm fact set what is right, or memllm fact rm what is wrong.

    Example: memllm conflicts --resolve newest --dry-run
    """
    from memllm_cli.cli.shown import days, moment, origin
    from memllm_cli.memory.views.conflicts import RULES, losers, read_in
    from memllm_cli.memory.views.conflicts import conflicts as all_conflicts
    from memllm_cli.memory.views.query import facts_of
    from memllm_cli.serving.data import fact_data

    state: App = context.obj
    if resolve and resolve not in RULES:
        raise UsageError(f"'{resolve}' is no rule.", f"Choose one of: {', '.join(RULES)}")
    memory = moment(state.memory(), as_of)
    snapshot = memory.snapshot
    with state.output.working("comparing facts"):
        found = list(all_conflicts(snapshot))
    if pattern:
        keys = {f.key for f in facts_of(snapshot, pattern)}
        found = [c for c in found if any(f.key in keys for f in c.facts)]
    shown = found[:limit] if limit else found
    evidence = memory.evidence([f for c in (found if state.output.json else shown) for f in c.facts])
    copies = memory.copies(read_in(snapshot, found)) if resolve == "most-sources" else {}
    gone = {f.key: f for c in found for f in (losers(snapshot, c, resolve, copies) if resolve else ())}
    for conflict in shown:
        state.output.line(f"[yellow]{safe(conflict.reason)}[/yellow]")
        for fact in conflict.facts:
            mark = "[red]-[/red]" if fact.key in gone else " "
            places = evidence[fact.key]
            state.output.line(
                f"{mark} {safe(' >> '.join(snapshot.texts(fact)))}  "
                f"[dim]{safe(origin(snapshot, fact, places) + days(fact))}[/dim]"
            )
            if places:
                state.output.line(f'    [dim]"{safe(places[0].said)}"[/dim]')
    if len(found) > len(shown):
        state.output.note(f"{len(found) - len(shown)} more; --limit 0 shows all")
    operation = _resolve(state, memory, found, list(gone.values()), resolve, yes, dry_run) if resolve else None
    state.output.data(
        {
            "conflicts": [
                {
                    "reason": c.reason,
                    "facts": [fact_data(snapshot, f, evidence[f.key]) | {"gives_way": f.key in gone} for f in c.facts],
                }
                for c in (found if state.output.json else shown)
            ],
            "operation": operation,
            "dry_run": dry_run,
        }
    )
    if not found:
        state.output.line("no contradictions")
    elif not resolve:
        state.output.note(f"{count(len(found), 'contradiction')}; by a rule: memllm conflicts --resolve newest")


def _resolve(
    state: App,
    memory: Memory,
    found: list[Conflict],
    gone: list[Fact],
    rule: str,
    yes: bool,
    dry_run: bool,
) -> int | None:
    """Remove the facts that give way, as one operation; returns it."""
    decided = {f.key for f in gone}
    open_ = sum(not any(f.key in decided for f in c.facts) for c in found)
    if open_:
        state.output.note(f"{count(open_, 'contradiction')} stay: '{rule}' does not decide them")
    if not gone:
        return None
    if dry_run:
        state.output.note(f"dry run: {count(len(gone), 'fact')} would be removed")
        return None
    if not yes:
        if not state.output.interactive:
            raise UsageError(f"{count(len(gone), 'fact')} would be removed.", "Look with --dry-run, then add --yes.")
        if not state.output.confirm(f"Remove {count(len(gone), 'fact')}?"):
            state.output.note("nothing was removed")
            return None
    change = memory.remove([f.key for f in gone], f"contradictions, by rule: {rule}")
    state.output.note(f"{count(len(gone), 'fact')} removed; undo with: memllm undo {change.operation}")
    return change.operation
