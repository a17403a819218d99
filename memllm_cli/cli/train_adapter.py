"""`memllm train write|read|both|data`: the adapter, and what it learns from."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memllm_cli.app import App
from memllm_cli.cli.train_data import SPOKEN, files, material, missing, reporter, reports
from memllm_cli.errors import NotFound, UsageError
from memllm_cli.terminal import count, safe

if TYPE_CHECKING:
    from memllm_cli.training.adapter_base import Base


def _command(task: str, does: str) -> Callable[..., None]:
    """The command that trains an adapter for a task; all have the same options."""

    def train(
        context: typer.Context,
        data: Annotated[list[str], typer.Argument(metavar="DATA...", help=SPOKEN)],
        out: Annotated[Path, typer.Option(help="Folder of checkpoint, log and adapter; go on with what is there.")],
        model: Annotated[
            str, typer.Option(help="Of the catalog, a GGUF, or a folder in transformers' format; the default model.")
        ] = "",
        epochs: Annotated[int, typer.Option(min=1, help="Passes over the data.")] = 2,
        max_minutes: Annotated[float, typer.Option(min=0, help="Stop after so long; 0 does not.")] = 0,
        limit: Annotated[int, typer.Option(min=0, help="Texts of each corpus at most; 0 takes all.")] = 0,
        rank: Annotated[int, typer.Option(min=1, help="Of LoRA.")] = 32,
        rate: Annotated[float, typer.Option(min=1e-7, max=0.1, help="Learning rate at its highest.")] = 6e-4,
        full: Annotated[bool, typer.Option("--full", help="Train the linear layers themselves, not LoRA.")] = False,
        everything: Annotated[bool, typer.Option("--all", help="Train on the documents kept for reports too.")] = False,
        seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")] = 0,
        start: Annotated[
            Path | None, typer.Option("--from", help="Folder of an earlier run whose adapter to start from.")
        ] = None,
    ) -> None:
        from memllm_cli.memory.values.relations import read_table

        state: App = context.obj
        table = read_table(state.home.shipped("kb/relations.csv"))
        try:
            from memllm_cli.training import adapter_run
            from memllm_cli.training.adapter_data import TASKS, prepare
            from memllm_cli.training.adapter_train import Settings
            from memllm_cli.training.loop import prepare_folder
        except ImportError as error:
            raise missing(error) from error
        base = _base(state, state.model_option or model)  # main moves the option before the command
        learned, held = material(data, limit, everything, table, seed)
        prepare_folder(out)
        tasks = TASKS if task == "both" else (task,)
        pools = [prepare(one, table, base, tasks, seed) for one in (learned, held)]
        pool, tuned = ([s for streams in one.values() for s in streams] for one in pools)
        settings = Settings(epochs=epochs, rank=0 if full else rank, alpha=2.0 * rank, rate=rate, seed=seed)
        with state.output.working("loading the model") as say:
            complete = adapter_run.run(
                base, tasks, pool, tuned, out, settings, reporter(state), max_minutes * 60 or math.inf, files(data),
                say, start,
            )  # fmt: skip
        state.output.data({"complete": complete, "folder": str(out)})
        state.output.line(f"adapter in {out}" if complete else f"stopped; the same command goes on from {out}")

    train.__doc__ = f"""Train the model {does}; stop with Ctrl-C and run the same command again to go on.

    Several processors: accelerate launch --num_processes 2 -m memllm_cli.cli.main train {task} ...

    Example: memllm train {task} redocred:dev.json{"" if task == "write" else " asked:3000"} --out adapter
    """
    return train


write = _command("write", "to write what it reads")
read = _command("read", "to read its memory")
both = _command("both", "to write and to read, with one adapter")


def data(
    context: typer.Context,
    task: Annotated[str, typer.Argument(metavar="TASK", help="draft, write, read or both.")],
    data: Annotated[list[str], typer.Argument(metavar="DATA...", help=SPOKEN)],
    model: Annotated[str, typer.Option(help="Whose tokens to count; as for `train write`.")] = "",
    samples: Annotated[int, typer.Option(min=0, help="Texts of each kind to show.")] = 1,
    limit: Annotated[int, typer.Option(min=0, help="Texts of each corpus at most; 0 takes all.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")] = 0,
) -> None:
    """Show what would be trained on: counts, tokens, how it looks to the model, what is shared with the reports.

    Example: memllm train data write redocred:dev.json made:100 --samples 2
    """
    from memllm_cli.corpora.overlap import overlap
    from memllm_cli.memory.values.relations import read_table
    from memllm_cli.training.adapter_data import TASKS, prepare, shown
    from memllm_cli.training.write_data import names, told

    state: App = context.obj
    if task not in ("draft", *TASKS, "both"):
        raise UsageError(f"There is no task '{task}'.", "Tasks: draft, write, read, both")
    table = read_table(state.home.shipped("kb/relations.csv"))
    learned, held = material(data, limit, False, table, seed)
    tasks = TASKS if task == "both" else ("write" if task == "draft" else task,)
    by_id = names(table)
    relations = Counter(by_id[x.relation] for t in learned.texts for x in t.labels if x.relation in by_id)
    figures = {
        "texts": len(learned.texts), "tuning": len(held.texts), "labels": sum(len(t.labels) for t in learned.texts),
        "relations": len(relations),
    }  # fmt: skip
    if "write" in tasks:
        sentences = [s for t in learned.texts for s in told(t, by_id)]
        figures |= {
            "sentences": len(sentences),
            "sentences that state nothing": sum(not s.triples and not s.open for s in sentences),
        }
    base = _base(state, state.model_option or model)  # main moves the option before the command
    pools = prepare(learned, table, base, tasks, seed)
    for kind, pool in pools.items():
        figures |= {
            f"{kind}: streams": len(pool), f"{kind}: items": sum(s.items for s in pool),
            f"{kind}: tokens": sum(len(s.ids) for s in pool),
            f"{kind}: tokens in the loss": sum(w > 0 for s in pool for w in s.weights),
        }  # fmt: skip
    if reported := reports(data):
        o = overlap(learned.texts, reported)
        figures |= {
            "reported texts": o.reported, "of them with a title that is trained on": o.titles,
            "with a sentence that is trained on": o.sentences, "reported triples": o.triples,
            "of them trained on, in other texts": o.shared,
        }  # fmt: skip
    state.output.table(("", ""), [(k, f"{v:,}") for k, v in figures.items()])
    for kind, pool in pools.items():
        for stream in pool[:samples]:
            state.output.line(f"\n{kind}: {safe(shown(stream, base))}")
    state.output.data({**figures, "by_relation": dict(relations.most_common())})
    most = ", ".join(r for r, _ in relations.most_common(8))
    state.output.note(f"{count(len(relations), 'relation')}; most: {most}")


def _base(state: App, name: str) -> Base:
    """The model to tune. Raises NotFound, ModelMissing."""
    from memllm_cli.training.adapter_base import folder, gguf

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
