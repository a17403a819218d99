"""`memllm train write` and `memllm train data`: the writer, and what it learns from."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memllm_cli.cli.context import Context
from memllm_cli.cli.train_data import DATA, files, missing, read, reporter, reports
from memllm_cli.errors import NotFound
from memllm_cli.terminal import count, safe

if TYPE_CHECKING:
    from memllm_cli.training.write_base import Base


def write(
    context: typer.Context,
    data: Annotated[list[str], typer.Argument(metavar="DATA...", help=DATA)],
    out: Annotated[Path, typer.Option(help="Folder of checkpoint, log and adapter; go on with what is there.")],
    model: Annotated[
        str, typer.Option(help="Of the catalog, a GGUF, or a folder in transformers' format; the default model.")
    ] = "",
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the data.")] = 2,
    max_minutes: Annotated[float, typer.Option(min=0, help="Stop after so long; 0 does not.")] = 0,
    limit: Annotated[int, typer.Option(min=0, help="Texts of each corpus at most; 0 takes all.")] = 0,
    rank: Annotated[int, typer.Option(min=1, help="Of LoRA.")] = 32,
    rate: Annotated[float, typer.Option(min=1e-7, max=0.1, help="Learning rate at its highest.")] = 6e-4,
    full: Annotated[bool, typer.Option("--full", help="Train the linear layers themselves instead of LoRA.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Train on the documents kept for reports too.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")] = 0,
    start: Annotated[
        Path | None, typer.Option("--from", help="Folder of an earlier run whose adapter to start from.")
    ] = None,
) -> None:
    """Train the model to write what it reads; stop with Ctrl-C and run the same command again to go on.

    Several processors: accelerate launch --num_processes 2 -m memllm_cli.cli.main train write ...

    Example: memllm train write redocred:dev.json --out writer --max-minutes 120
    """
    from memllm_cli.memory.relations import read_table

    state: Context = context.obj
    table = read_table(state.home.shipped("kb/relations.csv"))
    try:
        from memllm_cli.training import write_run
        from memllm_cli.training.loop import prepare_folder
        from memllm_cli.training.write_train import Settings
    except ImportError as error:
        raise missing(error) from error
    base = _base(state, state.model_option or model)  # main moves the option before the command
    texts, tuning = read(data, limit, everything, table, seed)
    prepare_folder(out)
    settings = Settings(epochs=epochs, rank=0 if full else rank, alpha=2.0 * rank, rate=rate, seed=seed)
    with state.output.working("loading the model") as say:
        complete = write_run.run(
            base,
            texts,
            tuning,
            table,
            out,
            settings,
            reporter(state),
            max_minutes * 60 or math.inf,
            files(data),
            say,
            start,
        )
    state.output.data({"complete": complete, "folder": str(out)})
    state.output.line(f"adapter in {out}" if complete else f"stopped; the same command goes on from {out}")


def data(
    context: typer.Context,
    data: Annotated[list[str], typer.Argument(metavar="DATA...", help=DATA)],
    model: Annotated[str, typer.Option(help="Whose tokens to count; as for `train write`.")] = "",
    samples: Annotated[int, typer.Option(min=0, help="Texts to show.")] = 1,
    limit: Annotated[int, typer.Option(min=0, help="Texts of each corpus at most; 0 takes all.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")] = 0,
) -> None:
    """Show what would be trained on: counts, tokens, how texts look to the writer, what is shared with the reports.

    Example: memllm train data redocred:dev.json made:100 --samples 2
    """
    from memllm_cli.corpora.overlap import overlap
    from memllm_cli.memory.relations import read_table
    from memllm_cli.training.write_data import names, prepare, shown, told

    state: Context = context.obj
    table = read_table(state.home.shipped("kb/relations.csv"))
    texts, tuning = read(data, limit, False, table, seed)
    base = _base(state, state.model_option or model)  # main moves the option before the command
    pool = prepare(texts, table, base.tokenize, base.start)
    by_id = names(table)
    sentences = [s for t in texts for s in told(t, by_id)]
    relations = Counter(t.relation for s in sentences for t in s.triples)
    figures = {
        "texts": len(texts),
        "tuning": len(tuning),
        "labels": sum(len(t.labels) for t in texts),
        "sentences": len(sentences),
        "sentences that state nothing": sum(not s.triples and not s.open for s in sentences),
        "triples taught": sum(len(s.triples) for s in sentences),
        "relations": len(relations),
        "windows": len(pool),
        "tokens": sum(len(s.ids) for s in pool),
        "tokens in the loss": round(sum(sum(s.weights) for s in pool)),
    }
    if reported := reports(data):
        o = overlap(texts, reported)
        figures |= {
            "reported texts": o.reported, "of them with a title that is trained on": o.titles,
            "with a sentence that is trained on": o.sentences, "reported triples": o.triples,
            "of them trained on, in other texts": o.shared,
        }  # fmt: skip
    state.output.table(("", ""), [(k, f"{v:,}") for k, v in figures.items()])
    for text in texts[:samples]:
        state.output.line("")
        state.output.line(safe(shown(text.title, told(text, by_id))))
    state.output.data({**figures, "by_relation": dict(relations.most_common())})
    most = ", ".join(r for r, _ in relations.most_common(8))
    state.output.note(f"{count(len(relations), 'relation')}; most: {most}")


def _base(state: Context, name: str) -> Base:
    """The model to tune. Raises NotFound, ModelMissing."""
    from memllm_cli.training.write_base import folder, gguf

    catalog = state.catalog()
    path = Path(name).expanduser()
    if name in catalog.entries and catalog.entry(name).task != "generate":
        raise NotFound(f"{name} is not a language model.", "See: memllm model list")
    if name and name not in catalog.entries:
        if path.is_dir():
            try:
                return folder(path.resolve())
            except ImportError as error:
                raise missing(error) from error
        if not path.is_file():
            raise NotFound(f"There is no model '{name}'.", "Give a catalog name, a GGUF or a folder.")
        return gguf(path.resolve(), str(path.resolve()))
    entry = catalog.entry(name or catalog.default)
    return gguf(catalog.source(entry), entry.name)


def fit(
    context: typer.Context,
    data: Annotated[Path, typer.Argument(help="A file in DocRED's format; of Re-DocRED the part to tune on.")],
    prompted: Annotated[
        bool, typer.Option("--prompted", help="For models with examples in their prompt, not the trained writer.")
    ] = False,
    limit: Annotated[int, typer.Option(min=0, help="Documents at most; 0 takes all.")] = 0,
) -> None:
    """Fit what makes a fact's probability, from drafter and writer in use, to documents neither was trained on.

    Writes it into the configuration beside the writer's weights (with --prompted: the drafter's). Do this after every
    training of either.

    Example: memllm train fit dev.json
    """
    from memllm_cli.corpora import docred
    from memllm_cli.corpora.splits import part
    from memllm_cli.evaluation.combine import combine, store
    from memllm_cli.memory.relations import Relations, read_table
    from memllm_cli.runtime.trained import Chosen

    state: Context = context.obj
    texts = docred.read(data)
    texts = (part(texts, "tune") or texts)[: limit or None]
    relations = Relations(read_table(state.home.shipped("kb/relations.csv")))
    catalog = state.catalog()
    kind = "drafter" if prompted else "writer"
    entry = (catalog.drafting if prompted else catalog.writing)(state.setting(kind).value)
    if entry is None:
        raise NotFound(f"There is no {kind}.", "Train one: memllm train --help")
    if (drafts := state.drafter(relations)) is None:
        raise NotFound("There is no drafter.", "Train one: memllm train draft --help")
    found = state.prompted(relations) if prompted else state.writer(relations)
    assert found is not None
    with state.output.working("reading") as say:
        values = combine(
            Chosen(found[0], drafts, found[1]), relations, texts, lambda n: say(f"{n} of {len(texts)} documents")
        )
    if not values:
        raise NotFound("Nothing was drafted in these documents.", "Give others.")
    path = catalog.source(entry).with_suffix(".json")
    store(path, found[0].format, values)
    state.output.table(("", "weight"), list(zip(values["features"], map(str, values["weights"]), strict=True)))
    recall = 100 * values["recall_at_threshold"]
    state.output.line(f"from {values['threshold']} on 8 in 10 are right ({recall:.1f} % of all triples)")
    state.output.line(f"from {values['fullest']} on F1 is best")
    state.output.data({**values, "file": str(path)})
