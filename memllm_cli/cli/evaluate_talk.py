"""`memllm eval conversations` and `memllm eval texts`: talk about the documents of the knowledge base in use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memllm_cli.app import App
from memllm_cli.errors import UsageError
from memllm_cli.terminal import safe

if TYPE_CHECKING:
    from collections.abc import Mapping

LIMIT = Annotated[int, typer.Option(min=0, help="So many of them at most, from the first; 0 takes all.")]
OUT = Annotated[Path | None, typer.Option(help="A JSON file for each with what came of it.")]


def conversations(
    context: typer.Context,
    data: Annotated[Path, typer.Argument(help="JSON lines: {turns: [{q, answers or all}]}.")],
    limit: LIMIT = 0,
    out: OUT = None,
) -> None:
    """Right, wrong and nothing, turn by turn; later turns with what was said before them, and without.

    The documents are those of the knowledge base in use.

    Example: memllm --kb papers eval conversations talks.jsonl
    """
    from memllm_cli.evaluation import talk

    state: App = context.obj
    asked = talk.conversations(data)[: limit or None]
    _checked(out)
    with state.output.working("talking") as say:
        answerer = state.answerer(state.memory())
        try:
            turns = talk.talk(answerer, asked, lambda n: say(f"{n} of {len(asked)} conversations"))
        finally:
            answerer.close()
    tallies = {"first turns": turns.first, "later turns": turns.later, "later turns, alone": turns.alone}
    figures = {name: tally.figures() for name, tally in tallies.items()}
    columns = ("asked", "right", "wrong", "nothing", "unanswerable", "refused")
    state.output.table(("", *columns), [(name, *(str(f.get(c, "")) for c in columns)) for name, f in figures.items()])
    _kept(out, {name: tally.rows for name, tally in tallies.items()})
    state.output.data({"conversations": len(asked), "figures": figures})


def texts(
    context: typer.Context,
    data: Annotated[Path, typer.Argument(help="JSON lines: {request, values: [{about, any}]}.")],
    limit: LIMIT = 0,
    out: OUT = None,
) -> None:
    """Texts that are asked for, written by the model in use: how many of the values wanted they say, and what they say
    that rests on nothing.

    The documents are those of the knowledge base in use.

    Example: memllm --kb papers --model qwen2.5-coder-1.5b-instruct eval texts requests.jsonl
    """
    from memllm_cli.answering.options import Options
    from memllm_cli.evaluation import talk

    state: App = context.obj
    asked = talk.requests(data)[: limit or None]
    _checked(out)
    with state.output.working("writing") as say:
        answerer = state.answerer(state.memory(), Options(style="free", temperature=0.0))
        try:
            written = talk.write(answerer, asked, lambda n: say(f"{n} of {len(asked)} texts"))
        finally:
            answerer.close()
    figures: Mapping[str, Any] = written.figures()
    state.output.table(("", ""), [(safe(k.replace("_", " ")), str(v)) for k, v in figures.items()])
    _kept(out, written.rows)
    state.output.data(dict(figures))


def _checked(out: Path | None) -> None:
    if out is not None and not out.resolve().parent.is_dir():
        raise UsageError(f"There is no folder {out.parent}.", "Make it, or give another --out.")


def _kept(out: Path | None, rows: object) -> None:
    if out is not None:
        import json

        out.write_text(json.dumps(rows, ensure_ascii=False, indent=1), encoding="utf-8")
