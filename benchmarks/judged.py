"""Facts drawn from a knowledge base for a person to judge against their sentences, and what the judgements say.

    python -m benchmarks.judged draw --kb real --seed 1 --count 200 docs/judged.csv
    python -m benchmarks.judged count docs/judged.csv

`verdict` is to be filled in: `right` (true by the sentences shown), `unsupported` (true or not, they do not say it),
`name`, `relation` or `direction` (what is wrong with it).
"""

from __future__ import annotations

import argparse
import csv
import os
import random
from collections import Counter
from pathlib import Path

from memllm_cli.memory.edit.memory import Memory
from memllm_cli.paths import find_home

COLUMNS = ("subject", "relation", "object", "probability", "source", "sentences", "verdict")


def draw(kb: str, seed: int, count: int, out: Path) -> int:
    """Write facts found in documents, drawn by seed; returns how many."""
    memory = Memory(find_home().knowledge_base(kb))
    snapshot = memory.snapshot
    facts = [f for f in snapshot.facts() if f.probability is not None]
    facts.sort(key=lambda f: snapshot.texts(f))
    chosen = random.Random(seed).sample(facts, min(count, len(facts)))
    evidence = memory.evidence(chosen)
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for fact in chosen:
            places = evidence[fact.key]
            source = os.path.basename(places[0].uri) if places else ""
            sentences = " | ".join(" ".join(e.sentence.split()) for e in places)
            writer.writerow([*snapshot.texts(fact), f"{fact.probability:.2f}", source, sentences, ""])
    return len(chosen)


def count(path: Path) -> str:
    """How many of the judged facts are right, and what is wrong with the others."""
    with path.open(encoding="utf-8", newline="") as file:
        verdicts = Counter(row["verdict"] for row in csv.DictReader(file) if row["verdict"])
    total = sum(verdicts.values())
    others = ", ".join(f"{kind} {n}" for kind, n in verdicts.most_common() if kind != "right")
    return f"{verdicts['right']} of {total} right; {others or 'nothing else'}"


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    drawing = commands.add_parser("draw")
    drawing.add_argument("--kb", required=True)
    drawing.add_argument("--seed", type=int, default=1)
    drawing.add_argument("--count", type=int, default=200)
    drawing.add_argument("file", type=Path)
    commands.add_parser("count").add_argument("file", type=Path)
    options = parser.parse_args()
    if options.command == "draw":
        print(f"{draw(options.kb, options.seed, options.count, options.file)} facts in {options.file}")
    else:
        print(count(options.file))


if __name__ == "__main__":
    main()
