"""Search in the texts of documents: milliseconds a search among a million sentences, beside SQLite's full-text search.

`python -m benchmarks.search passages.json [--sentences 1000000]`: a JSON list of {title, text}; it is repeated with its
numbers and names changed until there are as many sentences. Both search the same passages for the same questions.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from memllm_cli.documents.reader import read_text
from memllm_cli.memory.search.postings import terms
from memllm_cli.memory.search.texts import Part
from memllm_cli.types import Document

QUESTIONS = 200


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search", description=__doc__)
    parser.add_argument("data", type=Path, help="a JSON list of {title, text}")
    parser.add_argument("--sentences", type=int, default=1_000_000)
    arguments = parser.parse_args()
    rows = json.loads(arguments.data.read_text(encoding="utf-8"))
    counted = [0]
    began = time.perf_counter()
    part = Part.build(enumerate(varied(rows, arguments.sentences, counted)))
    print(
        f"{counted[0]:,} sentences in {len(part):,} passages, indexed in {time.perf_counter() - began:.0f} s",
        flush=True,
    )
    size = sum(a.nbytes for a in part.arrays.values())
    print(f"{size / 1e6:.0f} MB, {size / max(1, counted[0]):.0f} bytes a sentence")
    rng = random.Random(1)
    questions = [question(part.passage(rng.randrange(len(part))).text, rng) for _ in range(QUESTIONS)]
    index = sqlite3.connect(":memory:")
    index.execute("CREATE VIRTUAL TABLE t USING fts5(text)")
    index.executemany("INSERT INTO t VALUES (?)", ((part.passage(i).text,) for i in range(len(part))))
    ours, theirs = [], []
    for asked in questions:  # in turns
        began = time.perf_counter()
        found(part, asked)
        ours.append(time.perf_counter() - began)
        began = time.perf_counter()
        words = " OR ".join(f'"{w}"' for w in re.findall(r"\w+", asked))
        index.execute("SELECT rowid FROM t WHERE t MATCH ? ORDER BY rank LIMIT 10", [words]).fetchall()
        theirs.append(time.perf_counter() - began)
    a, b = (float(np.median(x)) for x in (ours, theirs))
    slowest = 1000 * float(np.quantile(ours, 0.95))
    print(f"a search: {1000 * a:.1f} ms (95 %: {slowest:.1f}); FTS5 {1000 * b:.1f} ms; {a / b:.2f}")


def found(part: Part, asked: str, most: int = 10) -> list[int]:
    """The best passages, as `Texts.search` ranks them."""
    from memllm_cli.memory.search.postings import rank

    scores = rank([part.postings], terms(asked))[0][0]
    best = np.argpartition(-scores, most)[:most]
    return [int(i) for i in best[np.argsort(-scores[best])]]


def varied(rows: list[dict[str, str]], wanted: int, counted: list[int]) -> Iterator[Document]:
    """The passages, and copies of them with other numbers and with their capitalised words changed."""
    rng = random.Random(0)
    syllables = "ba de fo gu hi ka le mo nu pi ra se to vu wi xa yo zu tri spe gla nor".split()
    for turn in range(1_000_000):
        for row in rows:
            text = row["text"]
            if turn:
                made: dict[str, str] = {}

                def changed(match: re.Match[str], made: dict[str, str] = made) -> str:
                    word = match[0]
                    if word.isdigit():
                        return str(rng.randrange(10 ** len(word)))
                    return made.setdefault(word, "".join(rng.choices(syllables, k=3)).capitalize())

                text = re.sub(r"\d+|(?<=[a-z,;] )[A-Z][a-z]+", changed, text)
            document = read_text("p.txt", text)
            counted[0] += len(document.sentences)
            yield document
            if counted[0] >= wanted:
                return


def question(text: str, rng: random.Random) -> str:
    """Some words of a passage, as a question would have."""
    words = re.findall(r"[A-Za-z]{3,}", text)
    return "What is the " + " ".join(rng.sample(words, min(6, len(words)))) + "?"


if __name__ == "__main__":
    main()
