"""`memllm report`: a page to hand on, on a name, on facts of a pattern, or on a document."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memllm_cli.app import App
from memllm_cli.cli.shown import AS_OF, moment
from memllm_cli.errors import NotFound, StorageError, UsageError
from memllm_cli.files import whole
from memllm_cli.terminal import count, safe

if TYPE_CHECKING:
    from memllm_cli.reporting.page import Line, Page

WHAT = 'A name; "subject >> relation >> object" with fields left empty; or a document by path, file name or title.'
OUT = "A file instead of standard output; its suffix says which of both, .html or .md."


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("report")(report)


def report(
    context: typer.Context,
    what: Annotated[str, typer.Argument(metavar="QUERY|DOCUMENT", help=WHAT)],
    html: Annotated[bool, typer.Option("--html", help="A page for browsers, which prints well.")] = False,
    md: Annotated[bool, typer.Option("--md", help="Markdown with footnotes; so without a choice.")] = False,
    out: Annotated[Path | None, typer.Option("--out", "-o", help=OUT)] = None,
    as_of: AS_OF = None,
) -> None:
    """Write a page on something: its facts with footnotes to the sentences they rest on, and what conflicts.

    Of a document also its text, with these sentences marked. Proposals and what documents say without stating it are
    counted, not shown. The page is one file that loads nothing; it names documents by their file names, not paths.

    Example: memllm report "Harbour Lease" --html --out lease.html
    """
    from memllm_cli.reporting.html import html as as_html
    from memllm_cli.reporting.markdown import markdown
    from memllm_cli.reporting.page import asked, page

    state: App = context.obj
    if html and md:
        raise UsageError("--html and --md exclude each other.", "Give one of them.")
    if not what.strip():
        raise UsageError("The report is on nothing.", 'Name something: memllm report "Harbour Lease"')
    html = html or (not md and out is not None and out.suffix.casefold() in (".html", ".htm"))
    memory = moment(state.memory(), as_of)
    found = asked(memory, what)
    if found.kind != "document" and not found.kept:
        raise NotFound(f"Memory has nothing that fits '{what}'.", "See: memllm fact list, memllm source list")
    made = page(memory, found, datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"))
    text = as_html(made) if html else markdown(made)
    data: dict[str, Any] = _data(made) | {"format": "html" if html else "md"}
    if out is not None:
        _to_file(out, text)
        state.output.note(f"{count(len(made.lines), 'fact')} written to {safe(str(out))}")
        data["file"] = str(out)
    elif state.output.json:
        data["content"] = text
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
    state.output.data(data)
    titled = next((d for d in memory.snapshot.documents() if d.title == what and found.kind == "name"), None)
    if titled is not None:
        state.output.note(f"a document has this title, too: memllm report {safe(Path(titled.uri).name)}")


def _to_file(path: Path, text: str) -> None:
    """Write a file at once or not at all. Raises StorageError."""
    try:
        with whole(path) as part:
            part.write_bytes(text.encode())
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written: {error.strerror or error}.", "Nothing was changed. Choose another --out."
        ) from error


def _data(page: Page) -> dict[str, Any]:
    return {
        "title": page.title,
        "kind": page.kind,
        "facts": [_line(line) for line in page.lines],
        "conflicts": [{"reason": c.reason, "facts": [_line(x) for x in c.lines]} for c in page.clashes],
        "sources": [{"number": n.number, "source": n.source, "place": n.place, "said": n.said} for n in page.notes],
        "left_out": {"proposals": page.proposals, "unstated": page.unstated},
    }


def _line(line: Line) -> dict[str, Any]:
    subject, relation, object_ = line.texts
    return {"subject": subject, "relation": relation, "object": object_, "holds": line.holds,
            "sources": list(line.notes), "conflicts": list(line.clashes)}  # fmt: skip
