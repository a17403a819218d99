"""`memllm chat`: a conversation at a terminal, or question after question from a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from memllm_cli.app import App
from memllm_cli.cli.ask import READS, STYLE, model_name, reads_for, style_for
from memllm_cli.errors import UsageError
from memllm_cli.terminal import count

if TYPE_CHECKING:
    from memllm_cli.chat.sessions import Sessions
    from memllm_cli.memory.values.relations import Relations
    from memllm_cli.reading.formats import ReadFormat
    from memllm_cli.types import Encoder


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("chat")(chat)


def chat(
    context: typer.Context,
    reads: Annotated[str | None, typer.Option(metavar="on|off", help=READS)] = None,
    style: Annotated[str | None, typer.Option(metavar="grounded|free", help=STYLE)] = None,
    keys: Annotated[str | None, typer.Option(metavar="emacs|vi", help="Keys of the line editor.")] = None,
    continue_: Annotated[bool, typer.Option("--continue", help="Go on with the last conversation.")] = False,
    session: Annotated[str, typer.Option("--session", metavar="NAME", help="Go on with this one.")] = "",
    sessions: Annotated[bool, typer.Option("--sessions", help="List the conversations and end.")] = False,
    export: Annotated[str, typer.Option("--export", metavar="NAME", help="Print one as Markdown and end.")] = "",
) -> None:
    """Talk with the memory; see, correct and undo what it holds. Commands: /help.

    Without a terminal it answers each line it is given: echo QUESTION | memllm chat

    Example: memllm chat --reads off
    """
    state: App = context.obj
    kept = _sessions(state)
    if sessions:
        rows = [(s.name, f"{s.at:%Y-%m-%d %H:%M}", str(s.questions), s.first) for s in kept.every()]
        state.output.table(("session", "last", "questions", "first"), rows)
        state.output.data([{"session": n, "last": at, "questions": int(q), "first": f} for n, at, q, f in rows])
        return
    if export:
        from memllm_cli.chat.sessions import as_markdown

        state.output.line(as_markdown(*kept.load(export)))
        return
    if state.output.json:
        raise UsageError("chat has no --json.", 'One question as JSON: memllm ask --json "QUESTION"')
    shown, style = reads_for(state, reads), style_for(state, style)

    from memllm_cli.answering.options import Options
    from memllm_cli.chat.chat import Chat
    from memllm_cli.chat.loading import Waiting
    from memllm_cli.chat.stating import Stating
    from memllm_cli.config import store
    from memllm_cli.memory.edit.memory import Memory
    from memllm_cli.memory.search.find import Finder

    notes = None if state.output.quiet else state.output.err

    def model() -> ReadFormat:
        return state.reader()

    def encoder() -> Encoder:
        with Waiting(notes, "loading the encoder..."):
            return state.encoder()

    def relations() -> Relations:
        from memllm_cli.memory.values.relations import Relations, read_table

        if memory.database.exists():
            return memory.snapshot.relations
        return Relations(read_table(state.home.shipped("kb/relations.csv")))

    person = state.person()
    interactive = sys.stdin.isatty() and sys.stdout.isatty() and state.output.input
    # There need be no knowledge base yet: what the person states first makes it.
    memory = Memory(state.home.knowledge_base(state.setting("kb").value))
    if memory.database.exists():
        memory = state.memory()
    going_on = continue_ or bool(session)
    name, before = kept.load(session) if going_on else ("", [])
    talk = Chat(
        Finder(memory, encoder),
        model,
        state.output.out,
        create=lambda: state.memory(create=True),
        options=Options(style=style, person=person),
        reads=shown,
        model=model_name(state),
        notes=notes,
        history=state.home.root / "chat-history" if interactive else None,
        decider=state.decider,
        sessions=kept if interactive or going_on else None,
        session=name,
        stating=Stating(lambda: state.extracts(relations()), person),
        keep=lambda name, value: store(state.home, name, value),
        vi=vi_for(state, keys),
    )
    talk.conversation.messages = before
    if before:
        talk.screen.line((f"going on with {name}, {count(len(before) // 2, 'question')}", "dim"))
    if interactive:
        talk.run()
    elif code := talk.run_lines(_lines()):
        raise typer.Exit(code)


def vi_for(state: App, option: str | None) -> bool:
    """Whether lines are edited as in vi: option, environment or settings."""
    value = state.setting("keys").value if option is None else option
    if value not in ("emacs", "vi"):
        raise UsageError(f"--keys is emacs or vi, not '{value}'.", "Example: memllm chat --keys vi")
    return value == "vi"


def _sessions(state: App) -> Sessions:
    """Where conversations with this knowledge base are kept: in its folder's neighbour, by its name."""
    from memllm_cli.chat.sessions import Sessions

    return Sessions(state.home.root / "sessions" / state.setting("kb").value)


def _lines() -> Iterator[str]:
    """Lines of standard input as they come; bytes that are no UTF-8 become U+FFFD."""
    while line := sys.stdin.buffer.readline():
        yield line.decode("utf-8", errors="replace")
