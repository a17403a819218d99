"""`memllm eval`: what writing is worth on annotated data, through the path that `ingest` takes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from memllm_cli.cli.context import Context
from memllm_cli.cli.writing import WRITERS, open_writer
from memllm_cli.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    group.callback()(_named)
    group.command("write")(write)
    app.add_typer(group, name="eval")


def _named(context: typer.Context) -> None:
    """Measure on annotated data.

    Example: memllm eval write dev.json --limit 20
    """
    context.obj.output.command = f"eval {context.invoked_subcommand}"


def write(
    context: typer.Context,
    data: Annotated[Path, typer.Argument(help="A file in DocRED's format.")],
    part: Annotated[
        str, typer.Option(help="Of Re-DocRED's development split: train, tune, report; or all.")
    ] = "report",
    limit: Annotated[int, typer.Option(min=0, help="Documents at most; 0 takes all.")] = 0,
    writer: Annotated[str, typer.Option(help=f"{', '.join(WRITERS)}: see docs/training.md.")] = "draft",
    gold_names: Annotated[bool, typer.Option("--gold-names", help="Give the drafter the annotated names.")] = False,
    least: Annotated[
        float, typer.Option(min=-1, max=1, help="Least probability; -1: where F1 was best in tuning.")
    ] = -1,
    seed: Annotated[int, typer.Option(min=0, help="Of the interval.")] = 0,
) -> None:
    """Triples found in annotated documents, against the annotation: precision, recall, F1, calibration.

    Example: memllm eval write dev.json --limit 20
    """
    from memllm_cli.corpora import docred
    from memllm_cli.corpora.score import annotated, judged, surest
    from memllm_cli.corpora.splits import part as part_of
    from memllm_cli.evaluation import write as evaluation
    from memllm_cli.memory.relations import Relations, read_table

    state: Context = context.obj
    output = state.output
    texts = docred.read(data)
    if part != "all":
        texts = part_of(texts, part) or texts
    texts = texts[: limit or None]
    relations = Relations(read_table(state.home.shipped("kb/relations.csv")))
    reader = open_writer(state, relations, writer)
    start = getattr(reader, "fullest", 0.0)
    if gold_names:
        drafts = getattr(reader, "drafts", reader)
        if not hasattr(drafts, "gold"):
            raise UsageError("--gold-names is for writers that draft.", "Leave one of the two out.")
        drafts.gold = evaluation.gold_names(texts)
    try:
        with output.working("reading") as say:
            result = evaluation.run(reader, relations, texts, lambda n: say(f"{n} of {len(texts)} documents"))
    finally:
        reader.close()
    figures = evaluation.figures(result, start if least < 0 else least, seed)
    ranked = judged(result.texts, result.found)
    sure, recall = surest(ranked, annotated(result.texts))
    figures["eight_in_ten"] = {"from": round(sure, 4), "recall": round(100 * recall, 1)}
    figures["calibration"] = evaluation.calibration(result)
    figures["writer"] = writer
    figures["malformed"] = getattr(getattr(reader, "writer", None), "malformed", 0)
    _show(state, figures)
    output.data(figures)


def _show(state: Context, figures: dict[str, Any]) -> None:
    low, high = figures["f1_interval"]
    rows = [
        ("documents", f"{figures['documents']}"),
        ("precision", f"{figures['precision']}"),
        ("recall", f"{figures['recall']}"),
        ("F1, micro", f"{figures['f1']}  (95 %: {low} to {high})"),
        ("F1, macro", f"{figures['macro_f1']}"),
        ("F1 without P131 and P17", f"{figures['without_locations']['f1']}"),
        ("malformed calls", f"{figures['malformed']}"),
        ("triples a document", f"{figures['triples_per_document']}"),
        ("documents a minute", f"{figures['documents_per_minute']}"),
        ("recall where 8 in 10 are right", f"{figures['eight_in_ten']['recall']}"),
        ("wrong", ", ".join(f"{k} {v}" for k, v in figures["errors"].items())),
    ]
    state.output.table(("", figures["writer"]), rows)
    state.output.table(
        ("probability from", "triples", "given", "right"),
        [
            (f"{r['from']:.1f}", f"{r['count']}", f"{r['given']:.2f}", f"{r['right']:.2f}")
            for r in figures["calibration"]
        ],
    )
