"""`memllm source`: the documents memory rests on, and forgetting one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from memllm_cli.app import App
from memllm_cli.cli.shown import DRY_RUN
from memllm_cli.errors import NotFound, UsageError
from memllm_cli.terminal import count, safe

if TYPE_CHECKING:
    from memllm_cli.memory.history.snapshot import Snapshot


def register(app: typer.Typer) -> None:
    """Add the group `source`."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    group.callback()(_named)
    group.command("list")(list_)
    group.command("show")(show)
    group.command("forget")(forget)
    app.add_typer(group, name="source")


def _named(context: typer.Context) -> None:
    """The documents memory rests on.

    Example: memllm source list
    """
    context.obj.output.command = f"source {context.invoked_subcommand}"


def list_(context: typer.Context) -> None:
    """List the documents that count now, with how many facts each supports.

    Example: memllm source list
    """
    from memllm_cli.cli.shown import local

    state: App = context.obj
    snapshot = state.memory().snapshot
    rows = []
    for document in snapshot.documents():
        facts = snapshot.of_source(document.uri)
        proposed = sum(f.proposed for f in facts)
        operation = snapshot.operation(document.operation)
        rows.append((document, len(facts) - proposed, proposed, operation.at if operation else ""))
    state.output.table(
        ("title", "place", "facts", "proposed", "read", "operation"),
        [(d.title, d.uri, str(n), str(p), local(at), str(d.operation)) for d, n, p, at in rows],
    )
    state.output.data(
        [
            {
                "title": d.title,
                "uri": d.uri,
                "media_type": d.media_type,
                "sha256": d.sha256,
                "facts": n,
                "proposed": p,
                "time": at,
                "operation": d.operation,
            }
            for d, n, p, at in rows
        ]
    )
    if not rows:
        state.output.note("no document has been read; read some with: memllm ingest FOLDER")


def named(snapshot: Snapshot, source: str, every: bool = False) -> str:
    """The uri of the document a path, a file name or a title means; with `every` one that was forgotten, too.

    Raises NotFound, UsageError when there are several.
    """
    documents = snapshot.documents()
    if every:
        documents = list({d.uri: d for d in snapshot.history.documents.values()}.values())
    for found in (
        {d.uri for d in documents if d.uri in (source, os.path.abspath(source))},
        {d.uri for d in documents if source in (os.path.basename(d.uri), d.title)},
    ):
        if len(found) > 1:
            raise UsageError(
                f"'{source}' can mean {len(found)} documents.",
                f"Name one by its path: {', '.join(sorted(found)[:5])}",
            )
        if found:
            return found.pop()
    raise NotFound(f"No document that counts is called '{source}'.", "See: memllm source list")


Source = Annotated[str, typer.Argument(help="Path, file name or title of a document.")]


def show(context: typer.Context, source: Source) -> None:
    """Show one document: when it was read and by what, and the facts it supports.

    Example: memllm source show lease.md
    """
    from memllm_cli.cli.shown import fact_data, local

    state: App = context.obj
    memory = state.memory()
    snapshot = memory.snapshot
    uri = named(snapshot, source)
    document = next(d for d in snapshot.documents() if d.uri == uri)
    operation = snapshot.operation(document.operation)
    facts = snapshot.of_source(uri)
    evidence = memory.evidence(facts)
    versions = [d for d in snapshot.history.documents.values() if d.uri == uri]
    state.output.line(f"[bold]{safe(document.title)}[/bold]  [dim]{safe(uri)}[/dim]")
    if operation is not None:
        model = f" by model {operation.model[:12]}, format {operation.format}" if operation.model else ""
        read = f"read {local(operation.at)}, operation {operation.id}{model}; {count(len(versions), 'version')}"
        state.output.line(f"  [dim]{safe(read)}, sha256 {document.sha256[:12]}[/dim]")
    out = []
    for fact in facts:
        here = [e for e in evidence[fact.key] if e.uri == uri]
        alone = all(a.source == uri for a in fact.supports)
        mark = "  [dim](proposed)[/dim]" if fact.proposed else "" if alone else "  [dim](others say so too)[/dim]"
        state.output.line(f"  {safe(' >> '.join(snapshot.texts(fact)))}{mark}")
        for e in here[:1]:
            state.output.line(f'    [dim]{safe(e.place)}: "{safe(e.sentence)}"[/dim]')
        out.append(fact_data(snapshot, fact, here) | {"alone": alone})
    if not facts:
        state.output.line("  [dim]it supports no fact now[/dim]")
    state.output.data(
        {"uri": uri, "title": document.title, "sha256": document.sha256, "versions": len(versions),
         "operation": document.operation, "facts": out}
    )  # fmt: skip


def forget(
    context: typer.Context,
    source: Source,
    dry_run: DRY_RUN = False,
) -> None:
    """Drop what a document supports; facts with other support stay. Undo brings it back.

    To erase it for good, text and history: memllm purge.

    Example: memllm source forget lease.md
    """
    from memllm_cli.cli.shown import change_data, show_change

    state: App = context.obj
    memory = state.memory()
    uri = named(memory.snapshot, source)
    title = next(d.title for d in memory.snapshot.documents() if d.uri == uri)
    change = memory.forget(uri, dry_run=dry_run)
    state.output.data(change_data(change) | {"uri": uri, "title": title, "dry_run": dry_run})
    show_change(state, change, dry_run)
