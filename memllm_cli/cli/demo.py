"""`memllm demo`: the program's own commands, run one after the other on the demo's documents, each shown first."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from memllm_cli.app import App
from memllm_cli.errors import MemllmError, NotFound
from memllm_cli.terminal import safe

KB = "tour"
LIFT = "By how much is the rent for October reduced if the lift is late?"
CLEANING = "Which company cleans Harbour House?"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(demo)


def _steps(folder: Path, real: Path) -> list[tuple[str, list[str]]]:
    questions = ["What is the capital of Freedonia?", "Which country is Sylvania City the capital of?"]
    return [
        ("Seven documents are read; what the reader is unsure of becomes a proposal.", ["ingest", str(folder)]),
        (
            "A table is read cell by cell; each block says what it gave:",
            ["source", "show", "suppliers.md"],
        ),
        ("So is a page of minutes, here who was present:", ["fact", "list", ">> Present >>"]),
        ("What it is less sure of waits for your word (memllm fact accept):", ["fact", "list", "--proposed"]),
        ("Answers come from memory, with the read and its source.", ["ask", questions[0]]),
        ("", ["ask", questions[1]]),
        ("A question that needs two facts:", ["ask", "Where was the head of state of Freedonia born?"]),
        ("Two documents disagree, and both are shown:", ["ask", "What is the notice period of the Harbour Lease?"]),
        ("What no fact is asked for is answered from the text, with the sentence:", ["ask", LIFT]),
        ("What the documents do not say is not answered; the nearest sentence is a pointer:", ["ask", CLEANING]),
        ("Counts are the store's, over facts:", ["ask", "How many suppliers are in Ireland?"]),
        ("What a document says, each line with its place:", ["ask", "Summarise the side letter"]),
        ("A correction, with what it replaces:", ["fact", "set", "Rufus Town >> capital of >> Freedonia"]),
        ("The same questions again:", ["ask", questions[0]]),
        ("", ["ask", questions[1]]),
        ("Everything can be taken back:", ["undo"]),
        ("", ["ask", questions[0]]),
        ("Two documents that nobody here wrote:", ["ingest", str(real)]),
        ("What they state, with probability and place:", ["fact", "list", "--source", "pep-8014", "--limit", "12"]),
        ("What documents deny is kept, and is no fact:", ["fact", "list", "--truth", "denied", "--limit", "8"]),
        ("", ["ask", "Who is the author of the Commons Governance Model?"]),
    ]


def demo(
    context: typer.Context,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the knowledge base of an earlier demo.")] = False,
) -> None:
    """Show the program on its own documents: ingest, ask, correct, ask again, undo.

    Uses a knowledge base of its own, 'tour', made anew each time.

    Example: memllm demo
    """
    from memllm_cli.cli.main import build

    state: App = context.obj
    folder = state.home.shipped("kb/demo/lease.md").parent
    if not folder.is_dir():
        raise NotFound("The demo's documents are missing.", "Run: memllm init")
    if not keep:
        _clear(state.home.knowledge_base(KB))
    command = typer.main.get_command(build())
    common = ["--kb", KB, "--home", str(state.home.root)]
    failures = 0
    real = state.home.shipped("kb/real/pep-8014.rst").parent
    for text, arguments in _steps(folder, real):
        if text:
            state.output.err.print(f"\n[bold]{safe(text)}[/bold]")
        shown = [a.replace(f"{folder}", "kb/demo").replace(f"{real}", "kb/real") for a in arguments]
        state.output.err.print(f"[cyan]$ memllm --kb {KB} {safe(shlex.join(shown))}[/cyan]")
        sys.stderr.flush()
        try:
            command.main(args=[*common, *arguments], prog_name="memllm", standalone_mode=False)
        except MemllmError as error:
            state.output.error(error)
            failures += 1
        sys.stdout.flush()
    state.output.err.print(f"\n[bold]Now you:[/bold] memllm --kb {KB} chat")
    if failures:
        raise MemllmError(f"{failures} steps of the demo failed.", "The messages are above.")


def _clear(folder: Path) -> None:
    """Delete the tour's own files, and nothing else that may lie there."""
    from memllm_cli.memory.disk.files import ours

    for path in ours(folder):
        path.unlink(missing_ok=True)
