"""The curves behind every threshold of finding, reading and answering, as Markdown.

`python -m benchmarks.thresholds dev.json > docs/thresholds.md`: those of finding are measured, those of reading,
answering and of statements of prose are the ones that `memllm train fit` left beside the adapter, the pointer and the
extractor in use.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.common import MEMLLM, ROOT
from memllm_cli.app import App
from memllm_cli.calibration.finding import Thresholds
from memllm_cli.protocol import asking

HEAD = """# Thresholds

Every threshold of finding, reading and answering is found on data that nothing was trained on and no figure is
reported on. This page is made by `python -m benchmarks.thresholds dev.json`; the commands that find the values again
stand above the tables. Shares are of the questions.
"""


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.thresholds", description=__doc__)
    parser.add_argument("data", help="Re-DocRED's development file")
    data = parser.parse_args().data
    command = [*MEMLLM, "--home", str(ROOT), "--json", "train", "fit", f"finding:{data}"]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)["data"]
    state = App(home_option=ROOT)
    entry = state.catalog().adapted(state.setting("adapter").value)
    if entry is None:
        raise SystemExit("There is no trained reader.")
    about = json.loads(state.catalog().source(entry).with_suffix(".json").read_text(encoding="utf-8"))
    fitted = about["combination"][asking.FORMAT]
    weights, now = fitted["weights"], Thresholds()
    print(HEAD)
    print("## Finding\n\n`memllm train fit finding:dev.json`\n")
    part(
        f"Names. In use: {now.entity}. {found['questions']:,} questions by another name than memory has ("
        "`invented`: by names that memory does not know, where an answer is always wrong).",
        found["curves"]["entity"],
    )
    part(f"Relations by a phrase the table does not hold. In use: {now.relation}.", found["curves"]["relation"])
    part(f"Both at once, the mean of the two distances. In use: {now.pair}.", found["curves"]["pair"])
    part("Queries that return more than so many values. In use: 30, above which a query is too broad.",
         found["curves"]["results"])  # fmt: skip
    print(f"## Reading\n\n`memllm train fit asked:{fitted['questions']}`\n")
    part(f"Opening a read: {fitted['questions']} questions and 120 everyday prompts. In use: {weights['opens']}.",
         fitted["opening"])  # fmt: skip
    part(
        f"What it weighs (nats) that memory can answer a query. In use: {weights['known']}, and for the nearness of "
        f"the relation {weights['near']}. Of a fifth of the questions memory knows nothing (`invented`).",
        fitted["curve"],
    )
    if running := fitted.get("running"):
        print("`memllm train fit text:dev.json`\n")
        part(f"Opening a read in running text. In use: {weights['running']}.", running)
    answers(state)
    statements(state)


def answers(state: App) -> None:
    """What each probability gives, from which on the pointer's answer is taken."""
    entry = state.catalog().pointing(state.setting("pointer").value)
    if entry is None:
        raise SystemExit("There is no pointer.")
    about = json.loads(state.catalog().source(entry).with_suffix(".json").read_text(encoding="utf-8"))["answers"]
    print("## Answers\n\n`memllm train fit answers:SET,SET`\n")
    part(
        f"Giving an answer. In use: {about['least']}. {about['questions']} questions about documents, with an answer "
        "(`right`, `wrong`, `nothing`) and without (`refused`); each weighed by what was fitted to the others. Further "
        f"parts of a list are taken from {about['beside']} nats below the best on.",
        about["curve"],
    )


def statements(state: App) -> None:
    """What each probability gives, from which on a statement of prose is a fact."""
    entry = state.catalog().extracting(state.setting("extractor").value)
    if entry is None:
        raise SystemExit("There is no extractor.")
    about = json.loads(state.catalog().source(entry).with_suffix(".json").read_text(encoding="utf-8"))["extracting"]
    print("## Statements of prose\n\n`memllm train fit facts:models/extractor/passages.jsonl.gz`\n")
    part(
        f"In use: a fact from {about['fact']}, a proposal from {about['least']}. {about['passages']} passages to tune "
        f"on, {about['wanted']} facts wanted; `recall` is of what is found at all.",
        [row for row in about["curve"] if row["kept"]],
    )


def part(about: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """A line and a table."""
    names = list(rows[0])
    print(f"{about}\n")
    print(f"| {' | '.join(names)} |\n|{'---|' * len(names)}")
    for row in rows:
        print(f"| {' | '.join(str(row[n]) for n in names)} |")
    print()


if __name__ == "__main__":
    main()
