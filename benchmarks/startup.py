"""How fast commands start, against importing the libraries they cannot do without."""

from __future__ import annotations

import sys

from benchmarks.common import MEMLLM, Row, alternating, home, wall


def run() -> list[Row]:
    """`--help` against typer and rich; `fact get` of an exact name against duckdb, typer and rich."""
    with home() as folder:
        environment = {"MEMLLM_HOME": str(folder)}
        wall([*MEMLLM, "fact", "set", "Freedonia >> capital >> Sylvania City"], environment)
        shown = alternating(
            lambda: wall([*MEMLLM, "--help"], environment),
            lambda: wall([sys.executable, "-c", "import typer, rich"]),
            9,
        )
        got = alternating(
            lambda: wall([*MEMLLM, "fact", "get", "Freedonia >> capital >>"], environment),
            lambda: wall([sys.executable, "-c", "import duckdb, typer, rich"]),
            9,
        )
    return [
        Row("memllm --help / import typer, rich", *shown, aim=1.5),
        Row("memllm fact get / import duckdb, typer, rich", *got, aim=2.0),
    ]
