"""What reading documents by their structure is worth: facts to judge, headers of tables, words a second, memory.

    python -m benchmarks.structure draw --seed 7 --count 100 FOLDER ... > facts.csv     facts to judge
    python -m benchmarks.structure tables tatqa_dev.json                                tables as md and html
    python -m benchmarks.structure speed FOLDER ...                                     words a second, memory

A FOLDER holds documents, or is a JSON-lines file (`.jsonl.gz`) with `id`, `suffix` and `text`. No model is loaded.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import html
import json
import random
import resource
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

from memllm_cli import documents
from memllm_cli.errors import DocumentError
from memllm_cli.types import Document
from memllm_cli.writing.structure import Stated, stated

FIELDS = ("set", "document", "kind", "subject", "relation", "object", "evidence", "right", "why")


def read(path: Path) -> Iterator[Document]:
    """The documents of a folder, a file or a JSON-lines file that can be read."""
    if path.name.endswith(".jsonl.gz"):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for row in map(json.loads, lines):
                yield documents.read_text(f"{row['id']}.{row['suffix']}", row["text"])
        return
    for file in documents.find([path]).files:
        try:
            yield documents.read(file)
        except DocumentError as error:
            print(f"{file}: {error.message}", file=sys.stderr)


def evidence(document: Document, fact: Stated) -> str:
    """What a person is shown for a fact: the block, of a cell its row with the names of the columns."""
    block = document.blocks[fact.block]
    if block.kind == "cell" and block.parent is not None:
        cells = [b for b in document.blocks if b.parent == block.parent]
        table = document.blocks[block.parent].parent
        caption = document.blocks[table].label if table is not None else ""
        row = " | ".join(f"{b.label}: {document.text[b.start : b.end]}" for b in cells)
        return f"{caption} {row}".strip()
    lead = document.blocks[block.parent].label if block.parent is not None else ""
    if block.kind in ("paragraph", "heading") and block.parent is not None:
        lead = document.block(block.parent)
    return f"[{lead}] {document.block(fact.block)}" if lead else document.block(fact.block)


def draw(paths: Sequence[Path], seed: int, count: int) -> None:
    """Write facts of these documents, drawn by seed, for a person to judge."""
    every = [(path, d, f) for path in paths for d in read(path) for f in stated(d) if f.sure]
    drawn = random.Random(seed).sample(every, min(count, len(every)))
    out = csv.writer(sys.stdout)
    out.writerow(FIELDS)
    for path, document, fact in drawn:
        name = Path(document.uri).name.removeprefix("stdin:")
        triple = (fact.triple.subject, fact.triple.relation, fact.triple.object)
        out.writerow((path.name, name, fact.kind, *triple, evidence(document, fact)[:400], "", ""))


# -- tables ---------------------------------------------------------------------------------------------------------


def as_markdown(rows: Sequence[Sequence[str]]) -> str:
    """A table as markdown, whose first row is the header for lack of another way."""
    lines = ["| " + " | ".join(c.replace("|", "\\|").replace("\n", " ") for c in row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]]) + "\n"


def as_html(rows: Sequence[Sequence[str]]) -> str:
    """A table as HTML of plain cells: nothing says which are headers."""
    body = "".join("<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in row) + "</tr>\n" for row in rows)
    return f"<table>\n{body}</table>\n"


def cells(document: Document) -> Counter[str]:
    """The cells that were read."""
    return Counter("".join(document.block(n).split()) for n, b in enumerate(document.blocks) if b.kind == "cell")


def tables(path: Path, first: int) -> None:
    """Cells of the first hundred tables, exactly; the names that were read in thirty of them, to judge."""
    found = [t["table"]["table"] for t in json.loads(path.read_text(encoding="utf-8"))[:100]]
    exact: Counter[str] = Counter()
    for rows in found:
        wanted = Counter("".join(c.split()) for row in rows for c in row if c.strip())
        for name, text in (("t.md", as_markdown(rows)), ("t.html", as_html(rows))):
            exact[name] += cells(documents.read_text(name, text)) == wanted
    print(f"cells exact: md {exact['t.md']} of {len(found)}, html {exact['t.html']} of {len(found)}")
    for number, rows in enumerate(found[first : first + 30], start=first):
        for name, text in (("md", as_markdown(rows)), ("html", as_html(rows))):
            document = documents.read_text(f"t.{name}", text)
            columns: dict[int, str] = {}
            for b in document.blocks:
                if b.kind == "cell" and b.column and b.label:
                    columns[b.column] = b.label
            names = [b.label for b in document.blocks if b.kind == "row" and b.label]
            note = next(b.note for b in document.blocks if b.kind == "table")
            print(f"\ntable {number}, {name} {note}\n  columns: {columns}\n  rows: {names}")


# -- speed ----------------------------------------------------------------------------------------------------------


def speed(paths: Sequence[Path]) -> None:
    """Words a second by format, reading and structure together; peak memory after 10 and after 1,000 documents."""
    words: dict[str, int] = defaultdict(int)
    seconds: dict[str, float] = defaultdict(float)
    files = [f for path in paths for f in documents.find([path]).files]
    for suffix in sorted({f.suffix for f in files}):  # what a format imports is not its speed
        _whole(next(f for f in files if f.suffix == suffix))
    for file in files:
        began = time.perf_counter()
        document = _whole(file)
        if document is not None:
            seconds[file.suffix] += time.perf_counter() - began
            words[file.suffix] += len(document.text.split())
    pages = MarkdownIt("commonmark").enable("table")
    for file in files:
        if file.suffix == ".md":
            text = pages.render(file.read_text(encoding="utf-8", errors="replace"))
            began = time.perf_counter()
            document = documents.read_text("page.html", text)
            stated(document)
            seconds["md as html"] += time.perf_counter() - began
            words["md as html"] += len(document.text.split())
    for suffix, count in sorted(words.items()):
        print(f"{suffix}: {count:,} words, {count / seconds[suffix]:,.0f} a second")
    small = [f for f in files if f.suffix != ".pdf"]
    for many in (10, 1000):
        for n in range(many):
            _whole(small[n % len(small)])
        print(f"after {many} documents: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB at its peak")


def _whole(file: Path) -> Document | None:
    try:
        document = documents.read(file)
    except DocumentError:
        return None
    stated(document)
    return document


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.structure", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("draw", "tables", "speed"):
        command: Any = commands.add_parser(name)
        command.add_argument("paths", nargs="+", type=Path)
        if name == "draw":
            command.add_argument("--seed", type=int, default=7)
            command.add_argument("--count", type=int, default=100)
        if name == "tables":
            command.add_argument("--first", type=int, default=0, help="the first of the thirty whose names are shown")
    arguments = parser.parse_args()
    if arguments.command == "draw":
        draw(arguments.paths, arguments.seed, arguments.count)
    elif arguments.command == "tables":
        tables(arguments.paths[0], arguments.first)
    else:
        speed(arguments.paths)


if __name__ == "__main__":
    main()
