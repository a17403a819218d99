"""`memllm ask`: one question, answered from memory, with its sources."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memllm_cli.app import App
from memllm_cli.cli.shown import AS_OF, VALID_AT, evidence_data, moment, valid_day
from memllm_cli.errors import Interrupted, UsageError
from memllm_cli.terminal import clean, interrupts_held

if TYPE_CHECKING:
    from memllm_cli.answering.answer import Options
    from memllm_cli.memory.edit.memory import Memory
    from memllm_cli.reading.events import Done, Event, ReadResult, Source

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
            from memllm_cli.answering.answer import Options
        memory = moment(state.memory(), as_of)
        options = Options(style=style, temperature=temperature, seed=seed, within=confined_to(memory, within or []))
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
    state.output.data(as_data(question, events))


def confined_to(memory: Memory, names: list[str]) -> set[int] | None:
    """The documents of these names, paths or folders; None without any. Raises NotFound."""
    if not names:
        return None
    from memllm_cli.errors import NotFound
    from memllm_cli.memory.search.texts import confined

    found: set[int] = set()
    for name in names:
        here = confined(memory.snapshot, [name])
        if not here:
            raise NotFound(
                f"No document is called '{name}', and none lies in such a folder.", "See: memllm source list"
            )
        found |= here
    return found


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


def as_data(question: str, events: list[Event]) -> dict[str, Any]:
    """An answer for machines."""
    from memllm_cli.reading.events import Done, ReadResult, TextResult
    from memllm_cli.reading.values import carrying

    done: Done = next(e for e in events if isinstance(e, Done))
    reads: list[ReadResult] = [e for e in events if isinstance(e, ReadResult)]
    return {
        "question": question,
        "answer": done.value,
        "said": done.answer,
        "outcome": done.outcome,
        "probability": _probability(done),
        "evidence": [evidence_data(e) for s in done.sources for e in carrying(s.evidence, s.hit.value)]
        + [evidence_data(e) for e in done.evidence],
        "nearest": [
            {**evidence_data(e), "probability": round(p, 4)}
            for t in events
            if isinstance(t, TextResult)
            for e, p in zip(t.places[t.answering :], t.probabilities[t.answering :], strict=False)
        ],
        "otherwise": None
        if done.otherwise is None
        else {"answer": done.otherwise[0], "evidence": evidence_data(done.otherwise[1])},
        "style": done.style,
        "backed": done.backed,
        "opened_by_model": done.wanted,
        "reads": [
            {
                "query": {"subject": r.query.subject, "relation": r.query.relation, "object": r.query.object},
                "results": [_source(s) for s in r.sources],
                "too_many": r.too_many,
                "proposals": r.proposals,
            }
            for r in reads
        ],
        "tokens": {"evaluated": done.evaluated, "generated": done.generated},
        "seconds": round(done.seconds, 4),
        "first": round(done.first, 4),
    }


def _probability(done: Done) -> float | None:
    """That the answer is right: as it was pointed at, else of the likeliest fact."""
    if done.outcome in ("fact", "text") and done.probability is not None:
        return round(done.probability, 4)
    return max((p for s in done.sources if (p := s.hit.fact.probability) is not None), default=None)


def _source(source: Source) -> dict[str, Any]:
    subject, relation, object = source.triple
    return {
        "subject": subject,
        "relation": relation,
        "object": object,
        "value": source.hit.value,
        "side": source.hit.side,
        "distance": round(source.hit.distance, 4),
        "person": source.hit.fact.person,
        "probability": source.hit.fact.probability,
        "evidence": [evidence_data(e) for e in source.evidence],
    }
