"""`memllm eval perplexity`: what a memory is worth to a text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memllm_cli.app import WRITERS, App
from memllm_cli.cli.train_data import MOST
from memllm_cli.errors import NotFound, UsageError

if TYPE_CHECKING:
    from memllm_cli.corpora.annotated import Annotated as Text
    from memllm_cli.evaluation.perplexity import Row
    from memllm_cli.memory.edit.memory import Memory
    from memllm_cli.memory.search.find import Finder
    from memllm_cli.reading.formats import Trained
    from memllm_cli.types import Triple

ROWS = {
    "base": "the model that was tuned, untouched",
    "stripped": "the same, tuned on the texts without calls (--beside)",
    "disabled": "the tuned model, calls forbidden",
    "memory": "with the memory that our writer made of these texts",
    "diluted": "with unrelated facts in that memory (--others)",
    "annotated": "with the annotated facts as memory",
    "position": "the memory of our writer, reads where they are due",
    "query": "and with the annotated queries",
    "answer": "and with the right answer alone",
}


def perplexity(
    context: typer.Context,
    data: Annotated[Path, typer.Argument(help="A file in DocRED's format.")],
    part: Annotated[
        str, typer.Option(help="Of Re-DocRED's development split: train, tune, report; or all.")
    ] = "report",
    limit: Annotated[int, typer.Option(min=0, help="Texts at most; 0 takes all.")] = 0,
    rows: Annotated[str, typer.Option(help=f"Which of {', '.join(ROWS)}, with commas; all.")] = "",
    beside: Annotated[
        Path | None, typer.Option(help="Folder of an adapter that was trained on the text alone (stripped).")
    ] = None,
    others: Annotated[int, typer.Option(min=0, help="Unrelated facts of the diluted memory.")] = MOST,
    writer: Annotated[str, typer.Option(help=f"{', '.join(WRITERS)}: who writes the memory.")] = "draft",
    opens: Annotated[float, typer.Option(min=0, max=1, help="Probability from which a read opens; 0: as fitted.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Of intervals and unrelated facts.")] = 0,
) -> None:
    """Perplexity of annotated texts: of all tokens (with what reads cost), of the names that reads are for, of names.

    Example: memllm eval perplexity dev.json --limit 10
    """
    from memllm_cli.evaluation import perplexity as evaluation

    state: App = context.obj
    chosen = [r.strip() for r in rows.split(",") if r.strip()] or [r for r in ROWS if r != "stripped" or beside]
    if unknown := set(chosen) - set(ROWS):
        raise UsageError(f"There is no row '{sorted(unknown)[0]}'.", f"Rows: {', '.join(ROWS)}")
    if "stripped" in chosen and beside is None:
        raise UsageError("The row 'stripped' needs an adapter that was trained on text alone.", "Give --beside FOLDER.")
    measured = Rows(state, chosen_texts(data, part, limit), opens, seed, beside, others, writer)
    found: dict[str, Row] = {}
    for name in chosen:
        found[name] = measured.row(name)
    figures = evaluation.figures(found, seed)
    counts = ("overall", "target", "entity")
    state.output.table(
        ("", *(c.upper() for c in counts), "reads", "due", "with what follows"),
        [
            (n, *(f"{f[c]:.3f} ({f['interval'][c][0]:.2f} to {f['interval'][c][1]:.2f})" for c in counts),
             str(f["reads"]), str(f["due"]), str(f["returned"]))
            for n, f in figures.items()
        ],
    )  # fmt: skip
    against = {}
    for name in found:
        for other in ("disabled", "stripped", "base"):
            if other in found and name not in ("base", "stripped", "disabled"):
                against[f"{name} against {other}"] = evaluation.change(found, name, other, seed)
    state.output.table(
        ("", *(c.upper() for c in counts)),
        [
            (k, *("{percent:+.1f} % ({interval[0]:+.1f} to {interval[1]:+.1f})".format(**v[c]) for c in counts))
            for k, v in against.items()
        ],
    )  # fmt: skip
    state.output.data({"texts": len(measured.texts), "rows": figures, "against": against})


def chosen_texts(data: Path, part: str, limit: int) -> list[Text]:
    """The texts of a part of a file in DocRED's format. Raises NotFound when there are none."""
    from memllm_cli.corpora import docred
    from memllm_cli.corpora.splits import part as part_of

    texts = docred.read(data)
    texts = ((part_of(texts, part) or texts) if part != "all" else texts)[: limit or None]
    if not texts:
        raise NotFound(f"There are no texts in {data}.", "Give a file in DocRED's format.")
    return texts


class Rows:
    """Measures rows one after the other; each loads what it needs and gives it back."""

    def __init__(
        self,
        state: App,
        texts: list[Text],
        opens: float = 0,
        seed: int = 0,
        beside: Path | None = None,
        others: int = 0,
        writer: str = "draft",
    ) -> None:
        from memllm_cli.memory.values.relations import read_table
        from memllm_cli.training.write_data import names

        self.state, self.texts, self.opens, self.seed = state, texts, opens, seed
        self.beside, self.others, self.writer = beside, others, writer
        self.table = read_table(state.home.shipped("kb/relations.csv"))
        self.names = names(self.table)
        self._written: list[Triple] | None = None

    def row(self, name: str) -> Row:
        """One of `ROWS`."""
        from memllm_cli.evaluation.perplexity import stated
        from memllm_cli.reading.running_text import Forbidden

        if name in ("base", "stripped", "disabled"):
            return self._measure(name, self._format(name), Forbidden)
        facts = stated(self.texts, self.names) if name == "annotated" else self._facts()
        if name == "diluted":
            facts = [*facts, *self._unrelated(self.others)]
        with self.state.scratch() as memory:
            return self._measure(name, self._format(name), self._policy(name, self._finder(memory, facts)))

    def _policy(self, name: str, finder: Finder) -> Any:
        from memllm_cli.evaluation.perplexity import Given
        from memllm_cli.reading.running_text import Wanted

        def make(format: Trained) -> Any:
            wanted = Wanted(format.engine, finder, format)
            if name in ("position", "query", "answer"):
                return Given(wanted, queries=name != "position", answer=name == "answer")
            return wanted

        return make

    def _measure(self, name: str, format: Trained, policy: Any) -> Row:
        from memllm_cli.evaluation.perplexity import measure, prepare
        from memllm_cli.reading.running_text import Forbidden, Running

        try:
            chosen = policy() if policy is Forbidden else policy(format)
            room = format.engine.context - 256
            texts = [m for t in self.texts if (m := prepare(t, self.names, format, room)) is not None]
            with self.state.output.working(name) as say:
                return measure(
                    Running(format.engine, format, chosen), texts, name in ("memory", "diluted", "annotated"),
                    lambda n: say(f"{name}: {n} of {len(texts)} texts"),
                )  # fmt: skip
        finally:
            format.engine.close()

    def _format(self, name: str) -> Trained:
        """The model of a row, as one that may read."""
        from dataclasses import replace

        from memllm_cli.reading.formats import Trained

        catalog = self.state.catalog()
        if name == "base":
            engine = self.state.open_engine(catalog.default)
            return Trained(engine)
        if name == "stripped":
            entry = catalog.adapted(str(self.beside))
            if entry is None:
                raise NotFound(
                    f"There is no adapter in {self.beside}.", "Train one: memllm train read text:redocred:FILE"
                )
            return Trained(self.state.load(catalog.made(entry, self.state.output.note), 2048))
        format = self.state.reader()
        engine = format.engine
        if not isinstance(format, Trained):
            raise UsageError("The model in use was not trained to read.", "Choose an adapter: memllm model use FOLDER")
        if self.opens:
            format.weights = replace(format.weights, running=self.opens)
        return format

    def _facts(self) -> list[Triple]:
        """What our writer finds in the texts, where its F1 is best."""
        from memllm_cli.evaluation.write import document, finished
        from memllm_cli.memory.values.relations import Relations

        if self._written is None:
            relations = Relations(self.table)
            reader = self.state.document_writer(relations, self.writer)
            try:
                least = getattr(reader, "fullest", 0.0)
                found: dict[Triple, None] = {}
                with self.state.output.working("writing") as say:
                    for i, text in enumerate(self.texts):
                        said = finished(reader.read(document(text)))
                        found |= dict.fromkeys(f.triple for f in said if f.probability >= least)
                        say(f"writing: {i + 1} of {len(self.texts)} texts")
                self._written = list(found)
            finally:
                reader.close()
        return self._written

    def _unrelated(self, count: int) -> list[Triple]:
        """Facts about invented things."""
        from memllm_cli.training import synthetic
        from memllm_cli.training.ask_data import Questions

        questions = Questions(self.table, synthetic.load(), self.seed)
        facts: dict[Triple, None] = {}
        for one in questions.make(count * 2, two_hops=0.0):
            facts |= dict.fromkeys(t for hop in one.hops for t in hop.facts)
            if len(facts) >= count:
                break
        return list(facts)[:count]

    def _finder(self, memory: Memory, facts: list[Triple]) -> Finder:
        from memllm_cli.memory.edit.memory import ImportRow
        from memllm_cli.memory.search.find import Finder
        from memllm_cli.protocol import written
        from memllm_cli.types import Triple

        rows = [ImportRow(Triple(written.tidy(t.subject), t.relation, written.tidy(t.object))) for t in facts]
        memory.import_facts(rows, "evaluation", person=False)
        return Finder(memory, self.state.open_encoder)
