"""`memllm eval zsre|counterfact`: what is edited, asked for again, beside two lookups that need no model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memllm_cli.app import App
from memllm_cli.errors import NotFound, UsageError
from memllm_cli.terminal import safe

if TYPE_CHECKING:
    from memllm_cli.evaluation.editing import Edit, Look, Scores

Data = Annotated[Path, typer.Argument(help="A JSON file of edits.")]
Limit = Annotated[int, typer.Option(min=0, help="Edits at most; 0 takes all.")]
Style = Annotated[str, typer.Option(help="grounded: the value as memory has it; free: in the model's words.")]
Seed = Annotated[int, typer.Option(min=0, help="Above 0: the edits in another order, before the limit.")]
Tune = Annotated[bool, typer.Option("--tune", help="Find the lookups' thresholds on these edits, nothing else.")]
Failed = Annotated[int, typer.Option("--failed", min=0, help="Failures to show.")]


def _command(name: str, does: str) -> Callable[..., None]:
    """The command of a set of edits; all have the same options."""

    def evaluate(
        context: typer.Context, data: Data, limit: Limit = 0, style: Style = "grounded", seed: Seed = 0,
        tune: Tune = False, failed: Failed = 5,
    ) -> None:  # fmt: skip
        from memllm_cli.evaluation.editing import READERS

        _run(context.obj, READERS[name](data), limit, style, seed, tune, failed)

    evaluate.__doc__ = f"""{does}

    Example: memllm eval {name} {name}.json --limit 100
    """
    return evaluate


zsre = _command("zsre", "Edits of zsRE in sequence into one memory, then their questions, rephrasings, and others.")
counterfact = _command("counterfact", "The same with CounterFact, whose edits are sentences to be completed.")


def _run(state: App, edits: list[Edit], limit: int, style: str, seed: int, tune: bool, shown: int) -> None:
    import random

    from memllm_cli.answering.answer import Answerer
    from memllm_cli.answering.options import Options
    from memllm_cli.evaluation import lookup
    from memllm_cli.evaluation.editing import CHECKED, Editing, looked_up, tuned
    from memllm_cli.evaluation.editing import lookups as found_by
    from memllm_cli.memory.search.find import Finder
    from memllm_cli.reading.formats import Trained

    if style not in ("grounded", "free"):
        raise UsageError(f"There is no style '{style}'.", "Styles: grounded, free")
    if seed:
        random.Random(seed).shuffle(edits)
    edits = edits[: limit or None]
    if not edits:
        raise NotFound("There are no edits in the file.", "Give another.")
    encoder = state.open_encoder()
    ways: dict[str, Look] = {
        "tfidf": lookup.tfidf, "encoder": partial(lookup.by_encoder, encoder),
    }  # fmt: skip
    output = state.output
    if tune:
        found = {name: tuned(edits, how) for name, how in ways.items()}
        output.table(("lookup", "threshold"), [(k, f"{v:.2f}") for k, v in found.items()])
        output.data(found)
        return
    format = state.reader()
    engine = format.engine
    rows: list[tuple[str, Scores]] = []
    try:
        if not isinstance(format, Trained):
            raise UsageError("The model in use was not trained to read.", "Choose an adapter: memllm model use FOLDER")
        with state.scratch() as memory, output.working("asking") as say:
            answerer = Answerer(
                engine, Finder(memory, lambda: encoder), Options(style=style, temperature=0), format, state.decider()
            )
            editing = Editing(answerer, memory)
            before: list[str] = []
            for i, edit in enumerate(edits):
                before.append(editing.answer(edit.unrelated)[0])
                say(f"without edits: {i + 1} of {len(edits)} questions")
            for i, edit in enumerate(edits):
                editing.enter(edit)
                say(f"{i + 1} of {len(edits)} edits")
                if i + 1 == len(edits) or i + 1 in CHECKED:

                    def progress(n: int, total: int = i + 1) -> None:
                        say(f"after {total} edits: {n} of {total} asked for")

                    rows.append(("memory", editing.score(edits[: i + 1], before[: i + 1], progress)))
            facts = sum(1 for _ in memory.snapshot.facts())
    finally:
        engine.close()
    rows += [(name, looked_up(edits, found_by(edits, how), lookup.THRESHOLDS[name])) for name, how in ways.items()]
    _show(state, rows, shown)
    seconds = round(editing.seconds / len(edits), 3)
    output.note(f"{seconds} s an edit, {facts} facts")
    last = rows[-3][1]
    output.data(
        {
            "style": style, "seconds_an_edit": seconds, "facts": facts, **last.figures(),
            "after": [s.figures() for name, s in rows if name == "memory"],
            **{name: s.figures() for name, s in rows[-2:]}, "wrong": last.failed,
        }
    )  # fmt: skip


def _show(state: App, rows: Sequence[tuple[str, Scores]], shown: int) -> None:
    from memllm_cli.evaluation.editing import REASONS

    lines: list[tuple[str, ...]] = []
    for name, scores in rows:
        f: dict[str, Any] = scores.figures()
        lines.append((name, str(f["edits"]), *(f"{f[k]:.3f}" for k in ("rel", "gen", "loc", "average"))))
    state.output.table(("", "edits", "REL", "GEN", "LOC", "average"), lines)
    last = rows[-3][1]
    lines = [(kind.upper(), *(str(why[r]) for r in REASONS)) for kind, why in last.reasons.items()]
    state.output.table(("failed", *REASONS), lines)
    for kind, question, wanted, said in last.failed[:shown]:
        state.output.note(f"{kind}: {safe(question)} {safe(said)} (wanted: {safe(wanted)})")
