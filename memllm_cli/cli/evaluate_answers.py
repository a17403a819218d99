"""`memllm eval answers`: people's questions about documents that were read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memllm_cli.app import App
from memllm_cli.errors import NotFound, UsageError
from memllm_cli.terminal import safe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memllm_cli.calibration.answers import Answering
    from memllm_cli.corpora.questions import Question, Questions
    from memllm_cli.evaluation.answers import Seen, Tally


def answers(
    context: typer.Context,
    data: Annotated[
        str, typer.Argument(help="folder:PATH, squad:FILE, policyqa:FILE or tatqa:FILE; #report takes that part.")
    ],
    plain: Annotated[bool, typer.Option("--plain", help="Plain retrieval with the language model, beside it.")] = False,
    limit: Annotated[int, typer.Option(min=0, help="Questions at most, drawn by --seed; 0 takes all.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw.")] = 5,
    out: Annotated[Path | None, typer.Option(help="A JSON file for every question with its answer.")] = None,
) -> None:
    """Right, wrong and nothing, of questions that people asked about documents; the documents are read first.

    Example: memllm eval answers squad:questions.json#report --limit 200
    """
    from memllm_cli.evaluation import answers as evaluation
    from memllm_cli.memory.search.texts import Texts

    state: App = context.obj
    if out is not None and not out.resolve().parent.is_dir():
        raise UsageError(f"There is no folder {out.parent}.", "Make it, or give another --out.")
    read, asked = chosen(data, limit, seed)
    rows: list[tuple[str, Tally]] = []
    with state.scratch() as memory, state.output.working("reading") as say:
        answerer = state.answerer(memory)
        try:
            ids = evaluation.remember(memory, read, answerer.looker.texts)
            rows.append(
                ("memllm", evaluation.ask(answerer, read, asked, ids, lambda n: say(f"{n} of {len(asked)} questions")))
            )
        finally:
            answerer.close()
        if plain:
            engine = state.engine(context=4096)
            try:
                texts = Texts(memory)  # by words: plain retrieval
                said = evaluation.plain(
                    engine, texts, read, asked, ids, lambda n: say(f"plain retrieval: {n} of {len(asked)}")
                )
                rows.append((f"plain retrieval, {engine.name}", said))
            finally:
                engine.close()
    figures = {name: tally.figures() for name, tally in rows}
    columns = ("right", "wrong", "nothing", "refused", "cited", "median_seconds", "tokens")
    state.output.table(
        ("", *(c.replace("_", " ") for c in columns)),
        [(safe(name), *(str(f.get(c, "")) for c in columns)) for name, f in figures.items()],
    )
    if out is not None:
        import json

        out.write_text(json.dumps({n: t.rows for n, t in rows}, ensure_ascii=False, indent=1), encoding="utf-8")
    state.output.data({"questions": len(asked), "documents": len(read.documents), "figures": figures})


def chosen(data: str, limit: int, seed: int) -> tuple[Questions, Sequence[Question]]:
    """A set of questions, and those of them that are asked. Raises UsageError, NotFound, DamagedError."""
    import random

    from memllm_cli.corpora.questions import read

    found = read(data)
    asked = list(found.questions)
    random.Random(seed).shuffle(asked)
    if not asked:
        raise NotFound(f"There are no questions in {data}.", "Check the file.")
    return found, asked[: limit or None]


def fit(state: App, sets: Sequence[str], limit: int) -> None:
    """Fit what makes an answer's probability to questions that the pointer was not trained on."""
    import json
    from dataclasses import replace

    from memllm_cli.evaluation import answers as evaluation
    from memllm_cli.files import whole

    entry = state.catalog().pointing(state.setting("pointer").value)
    found: list[dict[float, Seen]] = []
    for data in sets:
        read, asked = chosen(data, limit, 0)
        with state.scratch() as memory, state.output.working("reading") as say:
            answerer = state.answerer(memory)
            ids = evaluation.remember(memory, read, answerer.looker.texts)
            if answerer.decider is None or entry is None:
                raise NotFound("There is no pointer.", "Train one: memllm train point --help")
            total = len(asked) + sum(bool(q.answers) for q in asked) // evaluation.AWAY
            try:
                for number, one in enumerate(evaluation.seen(answerer, read, asked, ids)):
                    found.append(one)
                    say(f"{data}: {number + 1} of {total} questions")
            finally:
                answerer.close()
            start = answerer.decider.answering
    assert entry is not None
    fitted = [
        evaluation.fitted([f[beside] for f in found], replace(start, beside=beside)) for beside in evaluation.BESIDE
    ]
    answering, curve = max(fitted, key=lambda f: (_gives(*f), -f[0].beside))
    values: dict[str, Any] = {
        "weights": list(answering.weights), "least": answering.least, "beside": answering.beside,
        "questions": len(found), "curve": curve,
    }  # fmt: skip
    path = state.catalog().source(entry).with_suffix(".json")
    about = json.loads(path.read_text(encoding="utf-8"))
    with whole(path) as part:
        part.write_text(json.dumps({**about, "answers": values}, indent=1) + "\n", encoding="utf-8")
    state.output.table(tuple(curve[0]), [tuple(map(str, row.values())) for row in curve])
    state.output.line(f"an answer is given from {answering.least} on")
    state.output.data({**values, "file": str(path)})


def _gives(answering: Answering, curve: list[dict[str, float]]) -> float:
    """The share of right answers that a threshold gives; of one beyond the curve none."""
    return next((r["right"] for r in curve if r["least"] == answering.least), 0.0)
