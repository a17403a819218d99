"""`memllm train draft|label`: the drafter, from annotated data."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memllm_cli.app import App
from memllm_cli.cli import train_adapter, train_fit
from memllm_cli.cli.train_data import DATA, files, missing, read, reporter
from memllm_cli.errors import NotFound, StorageError
from memllm_cli.files import whole
from memllm_cli.terminal import count

if TYPE_CHECKING:
    from memllm_cli.corpora.annotated import Annotated as Text


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    group.callback()(_named)
    group.command("draft")(draft)
    group.command("label")(label)
    group.command("replies")(replies)
    group.command("point")(point)
    group.command("extract")(extract)
    for name in ("write", "read", "both"):
        group.command(name)(getattr(train_adapter, name))
    group.command("data")(train_adapter.data)
    group.command("fit")(train_fit.fit)
    app.add_typer(group, name="train")


def _named(context: typer.Context) -> None:
    """Train what the program writes with.

    Example: memllm train draft redocred:dev.json --out drafter --max-minutes 60
    """
    context.obj.output.command = f"train {context.invoked_subcommand}"


def draft(
    context: typer.Context,
    data: Annotated[list[str], typer.Argument(metavar="DATA...", help=DATA)],
    out: Annotated[Path, typer.Option(help="Folder of checkpoint, log and weights; go on with what is there.")],
    epochs: Annotated[int, typer.Option(min=0, help="Passes over the data.")] = 20,
    max_minutes: Annotated[float, typer.Option(min=0, help="Stop after so long; 0 does not.")] = 0,
    limit: Annotated[int, typer.Option(min=0, help="Texts of each corpus at most; 0 takes all.")] = 0,
    every: Annotated[int, typer.Option(min=1, help="Epochs between evaluations.")] = 3,
    everything: Annotated[bool, typer.Option("--all", help="Train on the documents kept for reports too.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")] = 0,
    rate: Annotated[
        float, typer.Option(min=1e-6, max=0.01, help="Of the encoder; five times it is the heads'.")
    ] = 1.5e-4,
    start: Annotated[
        list[Path] | None, typer.Option("--from", help="Folder of an earlier run to start from; of several the mean.")
    ] = None,
) -> None:
    """Train the drafter; stop with Ctrl-C and run the same command again to go on.

    Of Re-DocRED's development split a fixed part is trained on and a fixed part is tuned on.

    Example: memllm train draft redocred:dev.json docred:train_annotated.json --out drafter --max-minutes 60
    """
    from memllm_cli.memory.values.relations import read_table

    state: App = context.obj
    table = read_table(state.home.shipped("kb/relations.csv"))
    try:
        from memllm_cli.training import draft_run
        from memllm_cli.training.draft_train import Settings
        from memllm_cli.training.loop import prepare_folder
    except ImportError as error:
        raise missing(error) from error
    texts, tuning = read(data, limit, everything, table, seed)
    prepare_folder(out)
    catalog = state.catalog()
    encoder = catalog.source(catalog.entry(catalog.encoder)).parent
    wanted = sorted({label.relation for text in texts for label in text.labels})
    relations = draft_run.known(table, wanted)
    settings = Settings(epochs=epochs, seed=seed, every=every, encoder_rate=rate, heads_rate=5 * rate)
    with state.output.working("loading the encoder") as say:
        complete = draft_run.run(
            encoder, texts, tuning, relations, out, settings, reporter(state), max_minutes * 60 or math.inf,
            files(data), say, start=start or (),
        )  # fmt: skip
    state.output.data({"complete": complete, "folder": str(out)})
    state.output.line(f"weights in {out}" if complete else f"stopped; the same command goes on from {out}")


def label(
    context: typer.Context,
    data: Annotated[str, typer.Argument(metavar="DATA", help="KIND:PATH, or a JSON list of passages {title, text}.")],
    out: Annotated[Path, typer.Option(help="File of JSON lines; read it as own:FILE.")],
    limit: Annotated[int, typer.Option(min=0, help="Texts at most; 0 takes all.")] = 0,
    encyclopedic: Annotated[
        bool, typer.Option("--docred", help="DocRED's relations alone, which the drafter knows from real text.")
    ] = False,
) -> None:
    """Label texts with the drafter in use, to train the next one on.

    Labels that are there stay; what the drafter is neither sure of nor against is left out of the loss.

    Example: memllm train label passages.json --out labelled.jsonl --limit 2000
    """
    import json

    from memllm_cli.corpora.annotated import as_data
    from memllm_cli.corpora.docred import RELATIONS
    from memllm_cli.memory.values.relations import Relations, read_table
    from memllm_cli.training.draft_label import labelled
    from memllm_cli.writing.open_drafter import external_ids, trained_ids

    state: App = context.obj
    texts = _passages(data, limit)
    catalog = state.catalog()
    entry = catalog.drafting(state.setting("drafter").value)
    drafts = state.drafter(Relations(read_table(state.home.shipped("kb/relations.csv"))))
    if entry is None or drafts is None:
        raise NotFound("There is no drafter.", "Train one: memllm train draft --help")
    only = RELATIONS if encyclopedic else trained_ids(catalog, entry)
    kept = labels = 0
    try:
        with whole(out) as part, part.open("w", encoding="utf-8") as file:
            for text in labelled(drafts.drafter, texts, external_ids(drafts), only=only):
                file.write(json.dumps(as_data(text), ensure_ascii=False) + "\n")
                kept, labels = kept + 1, labels + len(text.labels)
    except OSError as error:
        raise StorageError(f"{out} cannot be written: {error.strerror}", "Choose another --out.") from error
    finally:
        drafts.close()
    state.output.line(f"{count(kept, 'text')} of {len(texts)} labelled, {count(labels, 'relation')}")
    state.output.data({"texts": kept, "relations": labels})


def replies(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="File of JSON lines; train on it as chat:FILE.")],
    longest: Annotated[int, typer.Option(min=8, max=512, help="Tokens of a reply, which is cut off there.")] = 64,
    limit: Annotated[int, typer.Option(min=0, help="Prompts at most; 0 takes all.")] = 0,
    patterns: Annotated[
        int, typer.Option(min=0, help="As many prompts out of patterns too, with the beginning of a reply.")
    ] = 0,
) -> None:
    """Let the model reply to our everyday prompts, so that it learns where nothing is to be read.

    Example: memllm train replies --out replies.jsonl
    """
    import json
    from dataclasses import asdict

    from memllm_cli.training import replies as made

    state: App = context.obj
    asked = made.prompts()[: limit or None]
    engine = state.engine(sequences=8, context=longest + 512)
    kept = 0
    try:
        with whole(out) as part, part.open("w", encoding="utf-8") as file, state.output.working("replying") as say:
            for prompts, most in ((asked, longest), (made.patterned(patterns), made.BEGUN)):
                for talk in made.replies(engine, prompts, most):
                    file.write(json.dumps(asdict(talk), ensure_ascii=False) + "\n")
                    kept += 1
                    say(f"{kept} of at most {len(asked) + patterns} replies")
    except OSError as error:
        raise StorageError(f"{out} cannot be written: {error.strerror}", "Choose another --out.") from error
    finally:
        engine.close()
    state.output.line(f"{kept} replies to {count(len(asked) + patterns, 'prompt')}")
    state.output.data({"prompts": len(asked) + patterns, "replies": kept})


def point(
    context: typer.Context,
    data: Annotated[
        list[str],
        typer.Argument(metavar="DATA...", help="squad:FILE, policyqa:FILE, tatqa:FILE, nq:FILE, qamr:FOLDER."),
    ],
    out: Annotated[Path, typer.Option(help="Folder of checkpoint, log and weights; go on with what is there.")],
    base: Annotated[str, typer.Option(help="The encoder to tune, by its name in the catalog.")] = "all-mpnet-base-v2",
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the data.")] = 1,
    max_minutes: Annotated[float, typer.Option(min=0, help="Stop after so long; 0 does not.")] = 0,
    many: Annotated[float, typer.Option(min=0.001, help="Times the usual number of questions of each kind.")] = 1.0,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")] = 0,
    rate: Annotated[float, typer.Option(min=1e-6, max=0.01, help="At the top of the schedule.")] = 4e-4,
    start: Annotated[Path | None, typer.Option("--from", help="Folder of an earlier run to start from.")] = None,
) -> None:
    """Train the pointer, which finds the words of a text that answer a question; go on with the same command.

    Sets that are split by document give their training part. Afterwards: memllm train fit answers:SET

    Example: memllm train point squad:questions.json nq:nq.jsonl.gz --out pointer --max-minutes 120
    """
    state: App = context.obj
    try:
        from memllm_cli.training import point_run
        from memllm_cli.training.loop import prepare_folder
        from memllm_cli.training.point_train import Settings
    except ImportError as error:
        raise missing(error) from error
    prepare_folder(out)
    catalog = state.catalog()
    folder = catalog.source_folder(catalog.entry(base))
    settings = Settings(epochs=epochs, seed=seed, rate=rate)
    with state.output.working("loading the encoder") as say:
        complete = point_run.run(
            folder, base, data, out, settings, reporter(state), max_minutes * 60 or math.inf, say, start, many
        )
    state.output.data({"complete": complete, "folder": str(out)})
    state.output.line(f"weights in {out}" if complete else f"stopped; the same command goes on from {out}")


def extract(
    context: typer.Context,
    data: Annotated[
        list[str],
        typer.Argument(
            metavar="DATA...",
            help="annotated:FILE, openie:FILE, qasrl:FILE, cuad:FILE, gap:FILE, names:FILE (docs/training.md).",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of checkpoint, log and weights; go on with what is there.")],
    base: Annotated[str, typer.Option(help="The encoder to tune, by its name in the catalog.")] = "all-mpnet-base-v2",
    epochs: Annotated[int, typer.Option(min=1, help="Passes over our passages.")] = 30,
    others: Annotated[int, typer.Option(min=0, help="Texts of the other sets in each pass.")] = 500,
    max_minutes: Annotated[float, typer.Option(min=0, help="Stop after so long; 0 does not.")] = 0,
    every: Annotated[int, typer.Option(min=1, help="Epochs between evaluations.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")] = 0,
    rate: Annotated[float, typer.Option(min=1e-6, max=0.01, help="At the top of the schedule.")] = 4e-4,
    rank: Annotated[int, typer.Option(min=1, max=256, help="Of LoRA's matrices.")] = 32,
    start: Annotated[Path | None, typer.Option("--from", help="Folder of an earlier run to start from.")] = None,
) -> None:
    """Train the extractor, which finds statements in prose; go on with the same command. Uses a GPU where there is one.

    Afterwards: memllm train fit facts:FILE

    Example: memllm train extract annotated:passages.jsonl openie:oie2016.jsonl.gz --out extractor --max-minutes 120
    """
    state: App = context.obj
    try:
        from memllm_cli.training import extract_run
        from memllm_cli.training.extract_train import Settings
        from memllm_cli.training.loop import prepare_folder
    except ImportError as error:
        raise missing(error) from error
    prepare_folder(out)
    catalog = state.catalog()
    folder = catalog.source_folder(catalog.entry(base))
    settings = Settings(epochs=epochs, others=others, every=every, seed=seed, rate=rate, rank=rank, alpha=2.0 * rank)
    with state.output.working("loading the encoder") as say:
        complete = extract_run.run(
            folder, base, data, out, settings, reporter(state), max_minutes * 60 or math.inf, say, start
        )
    state.output.data({"complete": complete, "folder": str(out)})
    state.output.line(f"weights in {out}" if complete else f"stopped; the same command goes on from {out}")


def _passages(data: str, limit: int) -> list[Text]:
    """Annotated texts, or passages without names."""
    import json

    from memllm_cli.corpora.annotated import Annotated as Text
    from memllm_cli.corpora.load import READERS, load
    from memllm_cli.documents.sentences import split as sentences
    from memllm_cli.errors import DamagedError

    if data.partition(":")[0] in READERS:
        return load(data)[: limit or None]
    path = Path(data)
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))[: limit or None]
        plain = [(str(row["title"]), " ".join(str(row["text"]).split())) for row in rows]
    except FileNotFoundError:
        raise NotFound(f"There is no file {path}.", "Check the path.") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"{path} is not a JSON list of title and text: {error}", "See docs/training.md.") from error
    return [Text(title, text, tuple(sentences(text)), (), (), frozenset()) for title, text in plain]
