"""Runs the benchmarks, prints a table and writes JSON. Ratios are medians of alternating runs."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import chat, ingest, startup
from benchmarks.common import Row

BENCHMARKS: dict[str, Callable[[], list[Row]]] = {
    "startup": startup.run,
    "chat": chat.run,
    "ingest": ingest.run,
}


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], help="which ones (all)")
    parser.add_argument("--json", type=Path, help="write the rows here")
    arguments = parser.parse_args()
    rows: list[Row] = []
    for name in arguments.names or BENCHMARKS:
        rows += BENCHMARKS[name]()
    width = max(len(r.name) for r in rows)
    print(f"{'':{width}}  {'ours':>10}  {'other':>10}  {'ratio':>6}  {'aim':>6}")
    for r in rows:
        verdict = "" if r.value <= r.aim else "  above the aim"
        other = f"{r.other:10.3f}" if r.other else " " * 10
        print(f"{r.name:{width}}  {r.ours:10.3f}  {other}  {r.value:6.2f}  {r.aim:6.2f}{verdict}")
    if arguments.json:
        arguments.json.write_text(json.dumps([r.as_json() for r in rows], indent=1), encoding="utf-8")
    sys.exit(0)


if __name__ == "__main__":
    main()
