"""`memllm train fit`: what probabilities mean, and what a read weighs, from data that nothing was trained on."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from memllm_cli.app import App
from memllm_cli.cli.evaluate_answers import fit as fit_answers
from memllm_cli.cli.evaluate_facts import fit as fit_facts
from memllm_cli.cli.evaluate_read import exchanges
from memllm_cli.cli.train_data import ASKED, MOST, TEXT
from memllm_cli.errors import NotFound, UsageError

OPENS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
"""Probabilities of opening a read in running text that are tried."""
FINDING = "finding:"
ANSWERS = "answers:"
FACTS = "facts:"
HELD = 0.8
"""Share of the questions whose facts are in memory; to the others nothing must be answered."""


def fit(
    context: typer.Context,
    data: Annotated[
        str,
        typer.Argument(
            help="DocRED's format (of Re-DocRED a part), judged facts as CSV; for reads asked:COUNT, text:FILE, "
            "finding:FILE; for answers answers:SET,SET; for the extractor facts:FILE"
        ),
    ],
    prompted: Annotated[
        bool, typer.Option("--prompted", help="For models with examples in their prompt, not the trained writer.")
    ] = False,
    limit: Annotated[int, typer.Option(min=0, help="Documents at most; 0 takes all.")] = 0,
) -> None:
    """Fit what makes a fact's probability, or what a read weighs, to data that nothing was trained on.

    Writes it into the configuration beside the adapter's weights (with --prompted: the drafter's). Do this after every
    training of either. The distances of names and relations (finding:) belong to the encoder; they are only shown.

    Example: memllm train fit dev.json
    """
    from memllm_cli.corpora import docred
    from memllm_cli.corpora.splits import part
    from memllm_cli.evaluation.combine import combine, store
    from memllm_cli.memory.values.relations import Relations, read_table
    from memllm_cli.writing.chosen import Chosen

    state: App = context.obj
    if data.startswith(ANSWERS):
        fit_answers(state, data.removeprefix(ANSWERS).split(","), limit)
        return
    if data.startswith(FACTS):
        fit_facts(state, data.removeprefix(FACTS), limit)
        return
    if data.startswith(ASKED):
        _fit_reads(state, data)
        return
    if data.startswith(TEXT):
        _fit_running(state, data, limit)
        return
    if data.startswith(FINDING):
        _fit_finding(state, data, limit)
        return
    if data.endswith(".csv"):
        _fit_check(state, Path(data))
        return
    texts = docred.read(Path(data))
    texts = (part(texts, "tune") or texts)[: limit or None]
    relations = Relations(read_table(state.home.shipped("kb/relations.csv")))
    catalog = state.catalog()
    kind = "drafter" if prompted else "adapter"
    entry = (catalog.drafting if prompted else catalog.adapted)(state.setting(kind).value)
    if entry is None:
        raise NotFound(f"There is no {kind}.", "Train one: memllm train --help")
    if (drafts := state.drafter(relations)) is None:
        raise NotFound("There is no drafter.", "Train one: memllm train draft --help")
    found = state.prompted(relations) if prompted else state.writer(relations)
    if found is None:
        raise NotFound("There is no trained writer.", "Train one: memllm train write --help")
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


def _fit_check(state: App, data: Path) -> None:
    """Fit the model's word on a fact to facts that a person has judged."""
    from memllm_cli.calibration.check import FORMAT
    from memllm_cli.evaluation.check import check, read_judged
    from memllm_cli.evaluation.combine import store
    from memllm_cli.memory.values.relations import Relations, read_table

    judged = read_judged(data)
    if len({right for *_, right in judged}) < 2:
        raise NotFound("The table has no facts of both verdicts.", "Judge some: python -m benchmarks.judged --help")
    relations = Relations(read_table(state.home.shipped("kb/relations.csv")))
    entry, writer = state.catalog().adapted(state.setting("adapter").value), state.writer(relations)
    if entry is None or writer is None:
        raise NotFound("There is no trained writer.", "Train one: memllm train write --help")
    with state.output.working("reading"):
        values = check(writer[0], judged)
    if not values["kept"]:
        raise NotFound("No threshold keeps 20 facts of which 8 in 10 are right.", "Judge more of them.")
    path = state.catalog().source(entry).with_suffix(".json")
    store(path, FORMAT, values)
    state.output.table(("", "weight"), list(zip(values["features"], map(str, values["weights"]), strict=True)))
    kept = f"{values['kept']} of {values['judged']} are kept"
    state.output.line(f"from {values['threshold']} on 8 in 10 are right; {kept}")
    state.output.data({**values, "file": str(path)})


def _fit_reads(state: App, data: str) -> None:
    """Fit what the reads of the adapter in use weigh."""
    from memllm_cli.answering.answer import Answerer
    from memllm_cli.evaluation import everyday
    from memllm_cli.evaluation.ask import distinct, remember
    from memllm_cli.evaluation.combine import store, stored
    from memllm_cli.evaluation.reading import weigh
    from memllm_cli.memory.search.find import Finder
    from memllm_cli.protocol import asking
    from memllm_cli.reading.formats import Trained

    count = data.removeprefix(ASKED)
    if not count.isdecimal() or not 10 <= int(count) <= MOST:
        raise UsageError(f"'{data}' is not asked:COUNT.", "At least 10, for instance: asked:300")
    kept_out, unasked = exchanges(state, "tune", 0, int(count), 2 * int(count))
    asked = distinct(kept_out, int(count))
    held = int(HELD * len(asked))
    entry = state.catalog().adapted(state.setting("adapter").value)
    format = state.reader()
    engine = format.engine
    try:
        if entry is None or not isinstance(format, Trained):
            raise NotFound("There is no trained reader.", "Train one: memllm train read --help")
        with state.scratch() as memory, state.output.working("reading") as say:
            remember(memory, asked[:held], unasked)
            finder = Finder(memory, state.open_encoder)
            total = len(asked) + held
            talk = [math.exp(everyday.opening(engine, format, p)) for p in everyday.prompts(tune=True)]
            weights, gives = weigh(
                Answerer(engine, finder, format=format), asked, held, talk, lambda n: say(f"{n} of {total} questions")
            )
    finally:
        engine.close()
    path = state.catalog().source(entry).with_suffix(".json")
    store(path, asking.FORMAT, {**stored(path, asking.FORMAT), **gives})
    state.output.table(("", "weight"), [(k, str(v)) for k, v in asdict(weights).items()])
    state.output.table(
        ("known", "right", "wrong", "silent", "invented"),
        [tuple(str(row[k]) for k in ("known", "right", "wrong", "silent", "invented")) for row in gives["curve"]],
    )
    state.output.table(
        ("opens from", "questions", "everyday prompts"),
        [(str(row["opens"]), str(row["questions"]), str(row["talk"])) for row in gives["opening"]],
    )
    state.output.line(f"right {gives['right']}, wrong {gives['wrong']}, invented where nothing is {gives['invented']}")
    state.output.data({**gives, "file": str(path)})


def _fit_running(state: App, data: str, limit: int) -> None:
    """Fit the probability from which the adapter in use opens a read in running text: the best OVERALL perplexity."""
    from memllm_cli.calibration.reads import Weights, read_weights
    from memllm_cli.cli.evaluate_text import Rows, chosen_texts
    from memllm_cli.evaluation.combine import store, stored
    from memllm_cli.protocol import asking

    entry = state.catalog().adapted(state.setting("adapter").value)
    if entry is None or "read" not in entry.tasks:
        raise NotFound("There is no trained reader.", "Train one: memllm train read --help")
    texts = chosen_texts(Path(data.removeprefix(TEXT)), "tune", limit)
    rows = Rows(state, texts)
    disabled = rows.row("disabled").perplexity()
    curve = []
    for opens in OPENS:
        rows.opens = opens
        row = rows.row("memory")
        overall, target, _ = row.perplexity()
        curve.append(
            {
                "opens": opens, "overall": round(float(overall), 3), "target": round(float(target), 3),
                "reads": row.reads, "due": row.due, "returned": row.returned,
            }
        )  # fmt: skip
    best = min(curve, key=lambda point: point["overall"])
    path = state.catalog().source(entry).with_suffix(".json")
    weights: Weights = replace(read_weights(path, asking.FORMAT), running=float(best["opens"]))
    store(path, asking.FORMAT, {**stored(path, asking.FORMAT), "weights": asdict(weights), "running": curve})
    state.output.table(
        ("opens from", "OVERALL", "TARGET", "reads", "due", "with what follows"),
        [tuple(map(str, point.values())) for point in curve],
    )
    state.output.line(
        f"reads forbidden: OVERALL {disabled[0]:.3f}, TARGET {disabled[1]:.3f}; opens from {best['opens']}"
    )
    state.output.data({"disabled": [round(float(p), 3) for p in disabled], "curve": curve, "file": str(path)})


def _fit_finding(state: App, data: str, limit: int) -> None:
    """Show which distances of names and relations find best; a release of the program holds them for its encoder."""
    from memllm_cli.cli.evaluate_text import chosen_texts
    from memllm_cli.evaluation import finding
    from memllm_cli.memory.search.find import Finder
    from memllm_cli.memory.values.relations import read_table
    from memllm_cli.training.write_data import names

    path = Path(data.removeprefix(FINDING))
    table = names(read_table(state.home.shipped("kb/relations.csv")))
    texts, strange = chosen_texts(path, "train", limit), chosen_texts(path, "tune", limit)
    asked = finding.questions(texts, strange, table)
    with state.scratch() as memory, state.output.working("finding") as say:
        finding.remember(memory, texts, table)
        finder = Finder(memory, state.open_encoder)
        found = finding.measure(finder, asked, lambda n: say(f"{n} of {len(asked)} questions"))
    for name, rows in found["curves"].items():
        state.output.line(name)
        state.output.table(tuple(rows[0]), [tuple(map(str, row.values())) for row in rows])
    chosen = ", ".join(f"{name} {found[name]}" for name in ("entity", "relation", "pair"))
    state.output.line(f"best: {chosen} ({len(asked)} questions)")
    state.output.data(found)
