"""`memllm eval`: what writing is worth on annotated data, through the path that `ingest` takes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from memllm_cli.cli.context import Context
from memllm_cli.errors import NotFound, UsageError


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
    writer: Annotated[str, typer.Option(help="draft: the drafter alone; free: the model alone.")] = "draft",
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
    reader, start = _writer(state, relations, writer)
    if gold_names:
        if writer != "draft":
            raise UsageError("--gold-names is for --writer draft.", "Leave one of the two out.")
        reader.gold = evaluation.gold_names(texts)
    status = None if output.quiet or output.json else output.err.status("reading")
    if status:
        status.start()
    try:
        result = evaluation.run(
            reader, relations, texts, lambda n: status.update(f"{n} of {len(texts)} documents") if status else None
        )
    finally:
        if status:
            status.stop()
        reader.close()
    figures = evaluation.figures(result, start if least < 0 else least, seed)
    ranked = judged(result.texts, result.found)
    sure, recall = surest(ranked, annotated(result.texts))
    figures["eight_in_ten"] = {"from": round(sure, 4), "recall": round(100 * recall, 1)}
    figures["calibration"] = evaluation.calibration(result)
    figures["writer"] = writer
    _show(state, figures)
    output.data(figures)


def _writer(state: Context, relations: Any, kind: str) -> tuple[Any, float]:
    """The writer, and the probability from which on its triples count."""
    if kind == "draft":
        if (drafts := state.drafter(relations)) is None:
            raise NotFound("There is no drafter.", "Train one: memllm train draft --help")
        return drafts, drafts.fullest
    if kind == "free":
        from memllm_cli.runtime.write import CONTEXT, Named, SentenceWriter
        from memllm_cli.runtime.writers import Freely

        engine, _ = state.engine(sequences=9, context=CONTEXT)
        return Freely(SentenceWriter(engine, Named(relations)), relations), 0.0
    raise UsageError(f"There is no writer '{kind}'.", "Writers: draft, free")


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
