"""`memllm ask`: one question, answered from memory, with its sources."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from memllm_cli.app import App
from memllm_cli.cli.shown import AS_OF, VALID_AT, moment, valid_day
from memllm_cli.errors import Interrupted, UsageError
from memllm_cli.serving.data import answer_data
from memllm_cli.terminal import clean, interrupts_held

if TYPE_CHECKING:
    from memllm_cli.answering.options import Options
    from memllm_cli.memory.edit.memory import Memory
    from memllm_cli.reading.events import Event

SMALL_FILE = 1_000_000_000
"""Bytes below which a model the catalog does not know is taken for a small one."""
READS = "Show what is read from memory: on or off."
STYLE = "grounded: values as the memory has them; free: the model's words. Small models are grounded by default."


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("ask")(ask)


def ask(
    context: typer.Context,
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="The question; - reads it from standard input.")],
    reads: Annotated[str | None, typer.Option(metavar="on|off", help=READS)] = None,
    style: Annotated[str | None, typer.Option(metavar="grounded|free", help=STYLE)] = None,
    temperature: Annotated[float, typer.Option(min=0.0, max=5.0, help="How freely words are drawn; 0 not.")] = 0.3,
    seed: Annotated[int, typer.Option(min=0, help="Seed of free answers.")] = 0,
    within: Annotated[
        list[str] | None, typer.Option("--in", metavar="DOCUMENT|FOLDER", help="Answer from these documents alone.")
    ] = None,
    as_of: AS_OF = None,
    valid_at: VALID_AT = None,
) -> None:
    """Answer one question from memory, with the sentence the answer came from.

    Example: memllm ask "What is the notice period of the lease?"
    """
    state: App = context.obj
    if question == "-":
        question = sys.stdin.buffer.read().decode("utf-8", errors="replace")
    question = clean(question, lines=True).strip()
    if not question:
        raise UsageError("The question is empty.", 'Write it in quotes: memllm ask "What is the capital of France?"')
    shown, style = reads_for(state, reads), style_for(state, style)
    state.check_models()
    try:
        with interrupts_held():  # numpy is loaded
            from memllm_cli.answering.options import Options
            from memllm_cli.memory.search.texts import confined_to
        memory = moment(state.memory(), as_of)
        documents = confined_to(memory.snapshot, within or [])
        options = Options(style=style, temperature=temperature, seed=seed, within=documents)
        options.person = state.person()
        _answer(state, question, shown, options, memory, valid_day(valid_at))
    except KeyboardInterrupt:
        raise Interrupted("the memory is as it was") from None


def _answer(state: App, question: str, shown: bool, options: Options, memory: Memory, day: int | None) -> None:
    from memllm_cli.chat.loading import Waiting
    from memllm_cli.chat.render import Renderer

    notes = None if state.output.quiet or state.output.json else state.output.err
    with Waiting(notes, "loading what answers..."):
        answerer = state.answerer(memory, options, day)
    renderer = Renderer(state.output.out, shown)
    events: list[Event] = []
    try:
        with Waiting(notes, "reading...", lines=False) as waiting:
            for event in answerer.ask(question):
                waiting.stop()
                events.append(event)
                if not state.output.json:
                    renderer.show(event)
    except BaseException:
        renderer.stop()
        raise
    finally:
        answerer.close()
    state.output.data(answer_data(question, events))


def reads_for(state: App, option: str | None) -> bool:
    """Whether reads are shown: option, environment or settings."""
    value = state.setting("reads").value if option is None else option
    if value not in ("on", "off"):
        raise UsageError(f"--reads is on or off, not '{value}'.", "Example: memllm chat --reads off")
    return value == "on"


def style_for(state: App, option: str | None) -> str:
    """How to answer: option, environment or settings; else grounded for small models, free for others."""
    value = state.setting("style").value if option is None else option
    if value:
        if value not in ("grounded", "free"):
            raise UsageError(f"--style is grounded or free, not '{value}'.", "Example: memllm chat --style free")
        return value
    from pathlib import Path

    from memllm_cli.answering.answer import GROUNDED_BELOW

    catalog = state.catalog()
    name = state.setting("model").value or catalog.default
    if name in catalog.entries:
        return "grounded" if catalog.entries[name].parameters < GROUNDED_BELOW else "free"
    try:  # a file says nothing of its parameters before it is loaded; its size is near enough
        return "grounded" if Path(name).expanduser().stat().st_size < SMALL_FILE else "free"
    except OSError:
        return "grounded"  # opening it will say what is wrong


def model_name(state: App) -> str:
    """The model in use, for people."""
    from pathlib import Path

    return Path(state.setting("model").value or state.catalog().default).name
