"""`memllm source`: the documents memory rests on, and forgetting one."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from memllm_cli.cli.context import Context
from memllm_cli.errors import NotFound, UsageError


def register(app: typer.Typer) -> None:
    """Add the group `source`."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    group.callback()(_named)
    group.command("list")(list_)
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

    state: Context = context.obj
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


def forget(
    context: typer.Context,
    source: Annotated[str, typer.Argument(help="Path, file name or title of a document.")],
) -> None:
    """Drop what a document supports; facts with other support stay.

    Example: memllm source forget lease.md
    """
    from memllm_cli.cli.shown import change_data, show_change

    state: Context = context.obj
    memory = state.memory()
    documents = memory.snapshot.documents()
    for key in (
        [d for d in documents if d.uri in (source, os.path.abspath(source))],
        [d for d in documents if source in (os.path.basename(d.uri), d.title)],
    ):
        if len(key) > 1:
            raise UsageError(
                f"'{source}' can mean {len(key)} documents.",
                f"Name one by its path: {', '.join(d.uri for d in key[:5])}",
            )
        if key:
            change = memory.forget(key[0].uri)
            state.output.data(change_data(change) | {"uri": key[0].uri, "title": key[0].title})
            show_change(state, change)
            return
    raise NotFound(f"No document that counts is called '{source}'.", "See: memllm source list")
