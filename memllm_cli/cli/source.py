"""`memllm source`: the documents memory rests on, and forgetting one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memllm_cli.app import App
from memllm_cli.cli.shown import DRY_RUN
from memllm_cli.errors import NotFound, UsageError
from memllm_cli.terminal import count, safe
from memllm_cli.types import READER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memllm_cli.memory.disk.tables import DocumentRow
    from memllm_cli.memory.edit.evidence import Evidence
    from memllm_cli.memory.history.snapshot import Snapshot
    from memllm_cli.types import Document


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
        facts = [f for f in facts if f.truth == "stated"]
        proposed = sum(f.proposed for f in facts)
        operation = snapshot.operation(document.operation)
        rows.append((document, len(facts) - proposed, proposed, operation.at if operation else ""))
    state.output.table(
        ("title", "place", "facts", "proposed", "read", "operation"),
        [(d.title, d.uri, str(n), str(p), local(at), str(d.operation)) for d, n, p, at in rows],
    )
    if old := sum(_is_old(d) for d, *_ in rows):
        state.output.note(f"{count(old, 'document')} read by an older version; memllm ingest --again reads them better")
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
                "reader": d.reader,
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
        {d.uri for d in documents if source in (os.path.basename(d.uri).removeprefix("stdin:"), d.title)},
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
    """Show one document as it was read, block by block, with the facts and proposals that each gave.

    Example: memllm source show lease.md
    """
    from memllm_cli.cli.shown import local
    from memllm_cli.serving.data import fact_data

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
    old = " [dim](read by an older version: memllm ingest --again reads it better)[/dim]" if _is_old(document) else ""
    if old:
        state.output.line(f"  {old.strip()}")
    out = []
    given: dict[int, list[str]] = {}
    read_as = memory.document(document.id)
    for fact in facts:
        here = [e for e in evidence[fact.key] if e.uri == uri]
        alone = all(a.source == uri for a in fact.supports)
        waits = "proposed" if fact.truth == "stated" else fact.truth
        mark = f" [dim]({waits})[/dim]" if fact.proposed else "" if alone else " [dim](others say so too)[/dim]"
        said = f"{safe(' >> '.join(snapshot.texts(fact)))}{mark}"
        for number in {_row(read_as, e) for e in here}:
            given.setdefault(number, []).append(said)
        out.append(fact_data(snapshot, fact, here) | {"alone": alone})
    blocks = list(_blocks(read_as))
    for number, depth, text in blocks:
        bold, end = ("[bold]", "[/bold]") if read_as.blocks[number].kind == "heading" else ("[dim]", "[/dim]")
        state.output.line(f"{'  ' * depth}{bold}{safe(text)}{end}")
        for said in given.get(number, ()):
            state.output.line(f"{'  ' * depth}  [green]→[/green] {said}")
    for said in given.get(-1, ()):  # of a text that is not this version's
        state.output.line(f"  [green]→[/green] {said}")
    if not facts:
        state.output.line("  [dim]it supports no fact now[/dim]")
    silent = sum(1 for number, _, _ in blocks if number not in given and read_as.blocks[number].kind not in _QUIET)
    told = sum(1 for number, _, _ in blocks if number in given)
    state.output.note(f"{count(told, 'block')} gave facts or proposals, {silent} gave nothing")
    state.output.data(
        {"uri": uri, "title": document.title, "sha256": document.sha256, "versions": len(versions),
         "operation": document.operation, "reader": document.reader, "facts": out,
         "blocks": [_block_data(read_as, n, given) for n in range(len(read_as.blocks))]}
    )  # fmt: skip


_QUIET = ("heading", "list", "table", "header")


def _is_old(document: DocumentRow) -> bool:
    return (document.reader or 0) < READER


def _row(document: Document, evidence: Evidence) -> int:
    """The number of the block that evidence is shown at: of a cell its row; -1 where there is none."""
    number = evidence.block.number if evidence.block is not None else document.block_at(evidence.start)
    if number is None or not 0 <= number < len(document.blocks):
        return -1
    parent = document.blocks[number].parent
    return parent if document.blocks[number].kind == "cell" and parent is not None else number


def _blocks(document: Document) -> Iterator[tuple[int, int, str]]:
    """The blocks to show: number, how deep it is shown, text. Cells are shown in their rows."""
    for number, block in enumerate(document.blocks):
        if block.kind in ("cell", "list"):
            continue
        text = document.block(number)
        if block.kind == "table":
            text = f"[table] {block.label}".strip()
        elif block.kind in ("item", "quote", "code", "footnote", "term"):
            text = f"{_MARKS[block.kind]} {text}"
        depth = len(document.path(number)) + block.level * (block.kind == "item") + (block.kind in ("row", "header"))
        yield number, min(depth + 1, 12), text if len(text) <= 160 else f"{text[:157]}..."


_MARKS = {"item": "-", "quote": ">", "code": "`", "footnote": "*", "term": "="}


def _block_data(document: Document, number: int, given: dict[int, list[str]]) -> dict[str, Any]:
    b = document.blocks[number]
    return {"number": number, "kind": b.kind, "parent": b.parent, "start": b.start, "end": b.end, "line": b.line,
            "page": b.page, "level": b.level, "label": b.label, "note": b.note, "row": b.row, "column": b.column,
            "text": document.block(number), "facts": len(given.get(number, ()))}  # fmt: skip


def forget(
    context: typer.Context,
    source: Source,
    dry_run: DRY_RUN = False,
) -> None:
    """Drop what a document supports; facts with other support stay. Undo brings it back.

    To erase it for good, text and history: memllm purge.

    Example: memllm source forget lease.md
    """
    from memllm_cli.cli.shown import show_change
    from memllm_cli.serving.data import change_data

    state: App = context.obj
    memory = state.memory()
    uri = named(memory.snapshot, source)
    title = next(d.title for d in memory.snapshot.documents() if d.uri == uri)
    change = memory.forget(uri, dry_run=dry_run)
    state.output.data(change_data(change) | {"uri": uri, "title": title, "dry_run": dry_run})
    show_change(state, change, dry_run)
