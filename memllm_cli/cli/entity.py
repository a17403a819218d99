"""`memllm entity`: the things facts are about: their names, and which names are one thing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from memllm_cli.app import App
from memllm_cli.cli.shown import AS_OF, DRY_RUN, LIMIT, NOTE, days, moment, most, origin, show_change, tell_rest
from memllm_cli.errors import NotFound, UsageError
from memllm_cli.serving.data import change_data, fact_data
from memllm_cli.terminal import safe

if TYPE_CHECKING:
    from memllm_cli.memory.history.snapshot import Snapshot

Name = Annotated[str, typer.Argument(help="A name; one that belongs to a document: 'the Tenant (lease.md)'.")]


def register(app: typer.Typer) -> None:
    """Add the group `entity`."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    group.callback()(_named)
    for name, function in (
        ("list", list_),
        ("show", show),
        ("alias", alias),
        ("merge", merge),
        ("split", split),
        ("duplicates", duplicates),
    ):
        group.command(name)(function)
    app.add_typer(group, name="entity")


def _named(context: typer.Context) -> None:
    """The things facts are about: their names, and which names are one thing.

    Example: memllm entity show Freedonia
    """
    context.obj.output.command = f"entity {context.invoked_subcommand}"


def list_(
    context: typer.Context,
    text: Annotated[str, typer.Argument(help="Only those with this in a name.")] = "",
    limit: LIMIT = None,
    as_of: AS_OF = None,
) -> None:
    """List what facts are about, with how many facts name it, most first.

    Example: memllm entity list lease
    """
    from memllm_cli.memory.values.literals import ENTITY
    from memllm_cli.memory.values.names import normal

    state: App = context.obj
    snapshot = moment(state.memory(), as_of).snapshot
    counts: dict[int, int] = {}
    with state.output.working("counting"):
        for fact in snapshot.facts():
            for entity in {fact.key[0], fact.key[2]}:
                counts[entity] = counts.get(entity, 0) + 1
    form = normal(text)
    found = [
        (entity, n)
        for entity, n in counts.items()
        if snapshot.entity(entity).kind == ENTITY
        and (not form or any(form in normal(s) for s in (*snapshot.surfaces(entity), snapshot.shown(entity))))
    ]
    found.sort(key=lambda e: (-e[1], snapshot.shown(e[0])))
    shown = found[: most(state, limit)]
    state.output.table(
        ("name", "also called", "facts"),
        [(snapshot.shown(e), ", ".join(snapshot.surfaces(e)[1:]), str(n)) for e, n in shown],
    )
    state.output.data([_data(snapshot, e) | {"facts": n} for e, n in shown])
    tell_rest(state, len(found), len(shown))


def show(context: typer.Context, name: Name, as_of: AS_OF = None) -> None:
    """Show one: its names, what was merged into it, and every fact that names it.

    Example: memllm entity show "Harbour Lease"
    """
    state: App = context.obj
    memory = moment(state.memory(), as_of)
    snapshot = memory.snapshot
    found = snapshot.named(name)
    if not found:
        raise NotFound(f"Nothing is called '{name}'.", f'What contains it: memllm entity list "{name}"')
    out = []
    for entity in found:
        state.output.line(f"[bold]{safe(snapshot.shown(entity))}[/bold]")
        others = snapshot.surfaces(entity)[1:]
        if others:
            state.output.line(f"  [dim]also called {safe(', '.join(others))}[/dim]")
        facts = [*snapshot.about(entity), *snapshot.about(entity, proposed=True)]
        evidence = memory.evidence(facts)
        for fact in facts:
            mark = " (proposed)" if fact.proposed else ""
            state.output.line(
                f"  {safe(' >> '.join(snapshot.texts(fact)))}  "
                f"[dim]{safe(origin(snapshot, fact, evidence[fact.key]) + days(fact))}{mark}[/dim]"
            )
        if not facts:
            state.output.line("  [dim]no facts now[/dim]")
        out.append(_data(snapshot, entity) | {"facts": [fact_data(snapshot, f, evidence[f.key]) for f in facts]})
    state.output.data(out)


def _data(snapshot: Snapshot, entity: int) -> dict[str, Any]:
    known = snapshot.entity(entity)
    scope = snapshot.history.documents.get(known.scope) if known.scope is not None else None
    return {
        "name": snapshot.name(entity),
        "shown": snapshot.shown(entity),
        "names": snapshot.surfaces(entity),
        "document": scope.uri if scope is not None else None,
        "merged": [snapshot.name(m) for m in snapshot.members(entity)[1:]],
    }


def alias(
    context: typer.Context,
    name: Name,
    aliases: Annotated[list[str], typer.Argument(help="Other names of it.")],
    note: NOTE = "",
) -> None:
    """Give something more names; questions and documents that use them mean it from now on.

    Example: memllm entity alias "World Health Organization" WHO
    """
    from memllm_cli.memory.edit import identity

    state: App = context.obj
    change = identity.alias(state.memory(), name, aliases, note)
    state.output.data(change_data(change) | {"name": name, "aliases": aliases})
    state.output.line(f"{safe(name)} is also called {safe(', '.join(aliases))}")
    state.output.note(f"operation {change.operation}; undo with: memllm undo {change.operation}")


def merge(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(help="Names that are one thing; the last one stays its name.")],
    note: NOTE = "",
    dry_run: DRY_RUN = False,
) -> None:
    """Make names one thing: facts of all are facts of the last, and the other names stay aliases of it.

    Example: memllm entity merge "Acorn Limited" "Acorn Ltd"
    """
    from memllm_cli.memory.edit import identity

    if len(names) < 2:
        raise UsageError("There is one name only.", 'For instance: memllm entity merge "Acorn Limited" "Acorn Ltd"')
    state: App = context.obj
    change = identity.merge(state.memory(), names[:-1], names[-1], note, dry_run)
    state.output.data(change_data(change) | {"dry_run": dry_run})
    show_change(state, change, dry_run)


def split(
    context: typer.Context,
    name: Name,
    new: Annotated[str, typer.Argument(help="Name of the new one.")],
    facts: Annotated[
        list[str] | None, typer.Option("--fact", help='Facts to give it: "subject >> relation >> object"; repeatable.')
    ] = None,
    source: Annotated[str, typer.Option(help="Facts to give it: those from documents with this in the path.")] = "",
    note: NOTE = "",
    dry_run: DRY_RUN = False,
) -> None:
    """Give some facts of a name to a new one: two things that were called the same. Undo a merge with memllm undo.

    It holds for the documents that state them, also when they are read again, change or move. What such a document
    says new of that name goes along if all else that it says of it went.

    Example: memllm entity split "John Smith" "John Smith (baker)" --source bakery.md
    """
    from memllm_cli.memory.edit import identity
    from memllm_cli.memory.edit.identity import resolve
    from memllm_cli.memory.views.query import facts_of

    state: App = context.obj
    if bool(facts) == bool(source):
        raise UsageError("Say which facts: --fact or --source.", "See: memllm entity show NAME")
    memory = state.memory()
    snapshot = memory.snapshot
    entity = resolve(snapshot, name)
    own = snapshot.about(entity, proposed=None, every=True)
    if source:
        text = source.casefold()
        chosen = [f for f in own if any(text in (a.source or "").casefold() for a in (*f.supports, *f.against))]
    else:
        keys = {f.key for p in facts or () for proposed in (False, True) for f in facts_of(snapshot, p, proposed)}
        chosen = [f for f in own if f.key in keys]
    if not chosen:
        raise NotFound(f"No fact of '{name}' is meant by that.", f'See: memllm entity show "{name}"')
    change = identity.split(memory, name, new, chosen, note, dry_run, source)
    state.output.data(change_data(change) | {"dry_run": dry_run})
    show_change(state, change, dry_run)


def duplicates(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=0, help="At most so many; 0 for all.")] = 30,
) -> None:
    """Propose names that may be one thing, with the reason and what speaks against it. Changes nothing.

    Example: memllm entity duplicates
    """
    from itertools import islice

    from memllm_cli.memory.edit.identity import duplicates as pairs

    state: App = context.obj
    snapshot = state.memory().snapshot
    found = pairs(snapshot)
    with state.output.working("comparing names"):
        shown = list(islice(found, limit)) if limit else list(found)
        more = next(found, None) is not None
    rows = [(snapshot.name(p.first), snapshot.name(p.second), p.reason, p.doubt) for p in shown]
    state.output.table(("name", "and", "because", "but"), rows)
    state.output.data([{"first": a, "second": b, "reason": r, "doubt": d} for a, b, r, d in rows])
    if not shown:
        state.output.note("nothing looks like a duplicate")
    else:
        state.output.note("make two one: memllm entity merge NAME NAME" + ("; more with --limit 0" if more else ""))
