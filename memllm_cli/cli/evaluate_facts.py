"""`memllm eval facts` and `eval contracts`, and fitting what the extractor's scores mean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memllm_cli.app import WRITERS, App
from memllm_cli.errors import NotFound

if TYPE_CHECKING:
    from memllm_cli.corpora.statements import Text

RIGHT = 0.55
"""Share that fits the annotation from which on what is found is a fact: readers do not write down all that is true."""


def facts(
    context: typer.Context,
    data: Annotated[Path, typer.Argument(help="Annotated passages: docs/training.md.")],
    part: Annotated[str, typer.Option(help="train, tune or report.")] = "report",
    limit: Annotated[int, typer.Option(min=0, help="Passages at most; 0 takes all.")] = 0,
    writer: Annotated[str, typer.Option(help=f"{', '.join(WRITERS)}: see docs/training.md.")] = "extract",
) -> None:
    """Facts found in annotated passages, by kind of document: found, related, precision, truth.

    Example: memllm eval facts passages.jsonl.gz --limit 10
    """
    from memllm_cli.evaluation import facts as evaluation
    from memllm_cli.memory.values.relations import Relations, read_table

    state: App = context.obj
    texts = annotated(data, part, limit)
    relations = Relations(read_table(state.home.shipped("kb/relations.csv")))
    writes = state.document_writer(relations, writer)
    try:
        with state.output.working("reading") as say:
            reads = evaluation.read(writes, texts, lambda n: say(f"{n} of {len(texts)} passages"))
    finally:
        writes.close()
    figures = evaluation.by_genre(reads)
    columns = list(figures["all"])
    state.output.table(("", *columns), [(g, *(str(row[c]) for c in columns)) for g, row in figures.items()])
    state.output.data({"writer": writer, "passages": len(texts), "figures": figures})


def contracts(
    context: typer.Context,
    data: Annotated[Path, typer.Argument(help="Contracts with lawyers' answers, a line each: CUAD's.")],
    limit: Annotated[int, typer.Option(min=0, help="Contracts at most; 0 takes all that are kept for reports.")] = 0,
) -> None:
    """What is stored of contracts, against lawyers' answers to eight questions: precision and recall.

    Example: memllm eval contracts cuad.jsonl.gz --limit 5
    """
    from memllm_cli.evaluation import contracts as evaluation
    from memllm_cli.memory.values.relations import Relations, read_table

    state: App = context.obj
    rows = evaluation.reported(data)[: limit or None]
    if not rows:
        raise NotFound(f"There is no contract in {data}.", "Check the file.")
    writes = state.document_writer(Relations(read_table(state.home.shipped("kb/relations.csv"))), "extract")
    try:
        with state.output.working("reading") as say:
            figures = evaluation.measure(writes, rows, lambda n: say(f"{n} of {len(rows)} contracts"))
    finally:
        writes.close()
    columns = list(figures["all"])
    state.output.table(("", *columns), [(g, *(str(row[c]) for c in columns)) for g, row in figures.items()])
    state.output.data({"contracts": len(rows), "figures": figures})


def fit(state: App, data: str, limit: int) -> None:
    """Fit what the extractor's scores mean to passages that it was not trained on."""
    from memllm_cli.evaluation import facts as evaluation
    from memllm_cli.files import whole
    from memllm_cli.memory.values.relations import Relations, read_table

    texts = annotated(Path(data), "tune", limit)
    extracts = state.extracts(Relations(read_table(state.home.shipped("kb/relations.csv"))))
    entry = state.catalog().extracting(state.setting("extractor").value)
    if extracts is None or entry is None:
        raise NotFound("There is no extractor.", "Train one: memllm train extract --help")
    with state.output.working("reading") as say:
        values = evaluation.fitted(extracts, texts, lambda n: say(f"{n} of {len(texts)} passages"))
    curve: list[dict[str, Any]] = values["curve"]
    values["fact"] = next((p["from"] for p in curve if p["precision"] >= RIGHT), curve[-1]["from"])
    values["least"] = round(0.6 * float(values["fact"]), 3)
    path = state.catalog().source(entry).with_suffix(".json")
    about = json.loads(path.read_text(encoding="utf-8"))
    with whole(path) as kept:
        kept.write_text(json.dumps({**about, "extracting": values}, indent=1) + "\n", encoding="utf-8")
    state.output.table(tuple(curve[0]), [tuple(map(str, row.values())) for row in curve])
    state.output.line(f"a fact from {values['fact']} on, worth a look from {values['least']}")
    state.output.data({**values, "file": str(path)})


def annotated(path: Path, part: str, limit: int) -> list[Text]:
    """Annotated passages of a part. Raises NotFound, DamagedError."""
    from memllm_cli.corpora.statements import read

    found = read(f"annotated:{path}#{part}")
    if not found:
        raise NotFound(f"There is no passage of the part '{part}' in {path}.", "Parts: train, tune, report")
    return found[: limit or None]
