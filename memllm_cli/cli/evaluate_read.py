"""`memllm eval ask|chat`: what reading is worth, and whether it stays away where it is not wanted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memllm_cli.app import App
from memllm_cli.cli.train_data import ASKED, MOST
from memllm_cli.errors import UsageError
from memllm_cli.terminal import safe

if TYPE_CHECKING:
    from memllm_cli.corpora.exchange import Exchange
    from memllm_cli.types import Triple

WAYS = ("memory", "alone", "fact", "sentences")


def ask(
    context: typer.Context,
    data: Annotated[str, typer.Argument(help="asked:COUNT: questions about things that memory is told first.")],
    ways: Annotated[str, typer.Option(help=f"Which of {', '.join(WAYS)}, with commas; all.")] = "",
    others: Annotated[int, typer.Option(min=0, max=MOST, help="Facts in memory that nobody asks about.")] = 1000,
    limit: Annotated[int, typer.Option(min=0, help="Questions at most; 0 takes all.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Of the questions.")] = 0,
) -> None:
    """Questions with kept-out phrasings and names: answered with the memory, by the model alone, with the fact in its
    prompt, with the nearest sentences in its prompt.

    Example: memllm eval ask asked:200
    """
    from memllm_cli.answering.answer import Answerer
    from memllm_cli.evaluation import ask as evaluation
    from memllm_cli.memory.search.find import Finder

    state: App = context.obj
    output = state.output
    count = data.removeprefix(ASKED)
    if not data.startswith(ASKED) or not count.isdecimal() or not 0 < int(count) <= MOST:
        raise UsageError(f"'{data}' is not asked:COUNT.", "For instance: asked:200")
    chosen = [w.strip() for w in ways.split(",") if w.strip()] or list(WAYS)
    if unknown := set(chosen) - set(WAYS):
        raise UsageError(f"There is no way '{sorted(unknown)[0]}'.", f"Ways: {', '.join(WAYS)}")
    wanted = min(int(count), limit or MOST)
    kept_out, unasked = exchanges(state, "report", seed, wanted, others)
    questions = evaluation.distinct(kept_out, wanted)
    format = state.reader()
    engine = format.engine
    rows: list[tuple[str, dict[str, Any]]] = []
    wrong: list[tuple[str, str, str]] = []
    try:
        with state.scratch() as memory, output.working("asking") as say:
            held = evaluation.remember(memory, questions, unasked)
            finder = Finder(memory, state.open_encoder)

            def progress(way: str) -> Any:
                return lambda n: say(f"{way}: {n} of {len(questions)} questions")

            for way in chosen:
                if way == "memory":
                    tally = evaluation.with_memory(
                        Answerer(engine, finder, format=format), questions, progress("with the memory")
                    )
                    wrong = tally.wrong
                    extra = {"opened": round(100 * tally.opened / len(questions), 1)} if format.trained else {}
                else:
                    shown: list[list[str]] = [[] for _ in questions]
                    if way == "fact":
                        shown = [
                            [f"{t.subject} >> {t.relation} >> {t.object}" for h in one.hops for t in h.facts]
                            for one in questions
                        ]
                    elif way == "sentences":
                        shown = evaluation.nearest(questions, state.open_encoder())
                    tally, extra = evaluation.in_prompt(engine, questions, shown, progress(way)), {}
                rows.append((way, {**tally.figures(), **extra}))
    finally:
        engine.close()
    names = ("one_hop", "two_hops", "opened")
    output.table(
        ("", "one hop", "two hops", "opened by itself"),
        [(way, *(f"{f[n]} %" if n in f else "" for n in names)) for way, f in rows],
    )
    for question, value, answer in wrong[:10]:
        output.note(f"wrong: {safe(question)} {safe(answer)} (wanted: {safe(value)})")
    output.data({"questions": len(questions), "facts": held, **dict(rows), "wrong": wrong})


def chat(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=0, help="Prompts, and passages, at most; 0 takes all.")] = 0,
    text: Annotated[
        Path | None, typer.Option(help="A JSON list of title and text: its perplexity, beside the untouched model's.")
    ] = None,
) -> None:
    """How often a read is opened for everyday prompts that want none, and what plain text is to the model.

    Example: memllm eval chat --limit 50
    """
    import math

    from memllm_cli.corpora.passages import read_passages
    from memllm_cli.evaluation import everyday
    from memllm_cli.reading.formats import Trained

    state: App = context.obj
    passages = read_passages(text)[: limit or None] if text else []
    prompts = everyday.prompts()[: limit or None]
    format = state.reader()
    engine = format.engine
    try:
        if not isinstance(format, Trained):
            raise UsageError("The model in use was not trained to read.", "Choose an adapter: memllm model use FOLDER")
        with state.output.working("reading prompts") as say:
            chances = []
            for i, prompt in enumerate(prompts):
                chances.append((prompt, math.exp(everyday.opening(engine, format, prompt))))
                say(f"{i + 1} of {len(prompts)}")
        tuned = everyday.plain(engine, passages) if passages else 0.0
    finally:
        engine.close()
    opened = sorted((c for c in chances if c[1] >= format.weights.opens), key=lambda c: -c[1])
    share = round(100 * len(opened) / max(1, len(prompts)), 1)
    state.output.line(f"{len(opened)} of {len(prompts)} prompts open a read ({share} %)")
    for prompt, chance in opened[:10]:
        state.output.note(f"{chance:.2f} {safe(prompt)}")
    data: dict[str, Any] = {"prompts": len(prompts), "opened": share, "which": [p for p, _ in opened]}
    if passages:
        catalog = state.catalog()
        base = state.open_engine(catalog.default, 1024)
        try:
            untouched = everyday.plain(base, passages)
        finally:
            base.close()
        data |= {"perplexity": round(tuned, 3), "untouched": round(untouched, 3)}
        state.output.line(
            f"perplexity of {len(passages)} passages: {tuned:.2f}, of the untouched model {untouched:.2f} "
            f"({100 * (tuned / untouched - 1):+.1f} %)"
        )
    state.output.data(data)


def exchanges(state: App, part: str, seed: int, count: int, others: int) -> tuple[Iterator[Exchange], list[Triple]]:
    """Questions with kept-out phrasings and names, many times `count`, and facts that nobody asks about.

    Of every other relation: those of `tune` are not among those of `report`.
    """
    from memllm_cli.memory.values.relations import read_table
    from memllm_cli.training import synthetic
    from memllm_cli.training.ask_data import Questions

    table = read_table(state.home.shipped("kb/relations.csv"))
    told = [r for r in table if r.external not in synthetic.HELD_OUT]
    asked = Questions(told[part == "report" :: 2], synthetic.load(kept_out=True), seed)
    beside = Questions(told, synthetic.load(), seed + 1)
    unasked = [t for one in beside.make(others) for hop in one.hops for t in hop.facts] if others else []
    return asked.make(20 * count), unasked
