"""`memllm eval`: what writing is worth on annotated data, through the path that `ingest` takes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memllm_cli.app import DRAFTING, WRITERS, App
from memllm_cli.cli import evaluate_answers, evaluate_edit, evaluate_facts, evaluate_read, evaluate_talk, evaluate_text
from memllm_cli.cli.train_data import MADE
from memllm_cli.errors import NotFound, UsageError

if TYPE_CHECKING:
    from memllm_cli.corpora.annotated import Annotated as Text
    from memllm_cli.memory.values.relations import Relation


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    group.callback()(_named)
    group.command("write")(write)
    group.command("facts")(evaluate_facts.facts)
    group.command("contracts")(evaluate_facts.contracts)
    group.command("answers")(evaluate_answers.answers)
    group.command("conversations")(evaluate_talk.conversations)
    group.command("texts")(evaluate_talk.texts)
    group.command("ask")(evaluate_read.ask)
    group.command("chat")(evaluate_read.chat)
    group.command("perplexity")(evaluate_text.perplexity)
    group.command("zsre")(evaluate_edit.zsre)
    group.command("counterfact")(evaluate_edit.counterfact)
    app.add_typer(group, name="eval")


def _named(context: typer.Context) -> None:
    """Measure on annotated data.

    Example: memllm eval write dev.json --limit 20
    """
    context.obj.output.command = f"eval {context.invoked_subcommand}"


def write(
    context: typer.Context,
    data: Annotated[str, typer.Argument(help="A file in DocRED's format, or made:COUNT for documents of our own.")],
    part: Annotated[
        str, typer.Option(help="Of Re-DocRED's development split: train, tune, report; or all.")
    ] = "report",
    limit: Annotated[int, typer.Option(min=0, help="Documents at most; 0 takes all.")] = 0,
    writer: Annotated[str, typer.Option(help=f"{', '.join(WRITERS)}: see docs/training.md.")] = "draft",
    gold_names: Annotated[bool, typer.Option("--gold-names", help="Give the drafter the annotated names.")] = False,
    least: Annotated[
        float, typer.Option(min=-1, max=1, help="Least probability; -1: where F1 was best in tuning.")
    ] = -1,
    build: Annotated[str, typer.Option(help="Quantisation of the trained writer, to compare: q8_0, q4_0 …")] = "",
    seed: Annotated[int, typer.Option(min=0, help="Of the interval.")] = 0,
) -> None:
    """Triples found in annotated documents, against the annotation: precision, recall, F1, calibration.

    Example: memllm eval write dev.json --limit 20
    """
    from memllm_cli.corpora.score import annotated, judged, surest
    from memllm_cli.evaluation import write as evaluation
    from memllm_cli.memory.values.relations import Relations, read_table

    state: App = context.obj
    output = state.output
    table = read_table(state.home.shipped("kb/relations.csv"))
    if gold_names and writer not in DRAFTING:
        raise UsageError("--gold-names is for writers that draft.", f"Those are: {', '.join(DRAFTING)}")
    texts, held_out = _texts(data, part, table, seed)
    texts = texts[: limit or None]
    if not texts:
        raise NotFound(f"There are no documents in {data}.", "Give a file in DocRED's format, or made:300")
    relations = Relations(table)
    reader = state.document_writer(relations, writer, build)
    start = getattr(reader, "fullest", 0.0)
    if gold_names:
        drafts: Any = getattr(reader, "drafts", reader)
        drafts.gold = evaluation.gold_names(texts)
    try:
        with output.working("reading") as say:
            result = evaluation.run(reader, relations, texts, lambda n: say(f"{n} of {len(texts)} documents"))
    finally:
        reader.close()
    result.malformed = getattr(getattr(reader, "writer", None), "malformed", 0)
    figures = evaluation.figures(result, start if least < 0 else least, seed)
    ranked = judged(result.texts, result.found)
    sure, recall = surest(ranked, annotated(result.texts))
    figures["eight_in_ten"] = {"from": round(sure, 4), "recall": round(100 * recall, 1)}
    if held_out:
        named = frozenset(x.relation for text in texts for x in text.labels)
        start = figures["least_probability"]
        figures["trained_relations"] = evaluation.apart(result, start, named - held_out)
        figures["held_out_relations"] = evaluation.apart(result, start, held_out)
    figures["calibration"] = evaluation.calibration(result)
    figures["writer"] = writer
    _show(state, figures)
    output.data(figures)


def _texts(data: str, part: str, table: Sequence[Relation], seed: int) -> tuple[list[Text], frozenset[str]]:
    """Texts to read; of made ones also the relations that nothing was trained on."""
    from memllm_cli.corpora import docred
    from memllm_cli.corpora.splits import part as part_of

    if data.startswith(MADE) and data.removeprefix(MADE).isdecimal():
        from memllm_cli.training import synthetic

        documents = synthetic.Documents(table, synthetic.load(kept_out=True), seed)
        return list(documents.make(int(data.removeprefix(MADE)))), synthetic.HELD_OUT
    texts = docred.read(Path(data))
    return (part_of(texts, part) or texts) if part != "all" else texts, frozenset()


def _show(state: App, figures: dict[str, Any]) -> None:
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
        *(
            (name.replace("_", " "), "F1 {f1}, precision {precision}, recall {recall}".format(**figures[name]))
            for name in ("trained_relations", "held_out_relations")
            if name in figures
        ),
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
