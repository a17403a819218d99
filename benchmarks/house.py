"""How the house stands: floors and circles of the imports, and the files that a command enters.

`python -m benchmarks.house` prints for each package how many floors its files make (the longest chain of imports
among them, imports for types and within functions included; files that import each other in a circle are one), and
the circles. For a package with rooms (folders) it prints the floors of the rooms too.

`python -m benchmarks.house -- fact set "Lumen >> capital of >> Ostrava"` runs a command of the program and prints how
many of the package's files and rooms ran a function while it did, and how often one file called another. The program's
own output goes to standard error.
"""

from __future__ import annotations

import argparse
import ast
import os
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import memllm_cli

ROOT = Path(memllm_cli.__file__).parent
Graph = dict[str, set[str]]
"""Modules, dotted and without the name of the package, and the ones that each imports."""


def imports(root: Path = ROOT) -> Graph:
    """The modules of a package and what each imports of it."""
    modules = {_name(root, path) for path in root.rglob("*.py")}
    graph: Graph = {module: set() for module in modules}
    for path in root.rglob("*.py"):
        module = _name(root, path)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module is not None and not node.level:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            for name in names:
                if name.split(".")[0] == root.name:
                    inside = ".".join(name.split(".")[1:])
                    target = inside if inside in modules else inside.rpartition(".")[0]
                    if target in modules and target != module:
                        graph[module].add(target)
    return graph


def _name(root: Path, path: Path) -> str:
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def circles(graph: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Groups that import each other, directly or through others (strongly connected components, Tarjan 1972)."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    out: list[list[str]] = []

    def visit(node: str) -> None:
        number[node] = low[node] = len(number)
        stack.append(node)
        for other in sorted(graph[node]):
            if other not in number:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], number[other])
        if low[node] == number[node]:
            at = stack.index(node)
            group = stack[at:]
            del stack[at:]
            if len(group) > 1:
                out.append(sorted(group))

    for node in sorted(graph):
        if node not in number:
            visit(node)
    return out


def floors(graph: Mapping[str, Iterable[str]]) -> int:
    """How many nodes the longest chain of imports has; a circle counts as one."""
    group = {node: node for node in graph}
    for circle in circles(graph):
        group |= dict.fromkeys(circle, circle[0])
    below: Graph = {g: set() for g in group.values()}
    for node, others in graph.items():
        below[group[node]] |= {group[o] for o in others if group[o] != group[node]}
    known: dict[str, int] = {}

    def height(node: str) -> int:
        if node not in known:
            known[node] = 1 + max((height(o) for o in below[node]), default=0)
        return known[node]

    return max((height(node) for node in below), default=0)


def within(graph: Graph, package: str) -> Graph:
    """The part of a graph that lies in a package."""
    mine = {m for m in graph if m.startswith(f"{package}.")}
    return {m: graph[m] & mine for m in mine}


def rooms(graph: Graph, package: str) -> Graph:
    """The folders of a package and the ones each imports."""
    depth = package.count(".") + 2
    out: Graph = {}
    for module, others in within(graph, package).items():
        if module.count(".") >= depth:
            room = ".".join(module.split(".")[:depth])
            inside = {".".join(o.split(".")[:depth]) for o in others if o.count(".") >= depth}
            out.setdefault(room, set()).update(inside - {room})
    return out


def report() -> None:
    """Print floors and circles of every package."""
    graph = imports()
    packages = sorted({m.split(".")[0] for m in graph if "." in m})
    print(f"{'':12} {'files':>5} {'floors':>6} {'rooms':>5} {'floors':>6}  circles")
    for package in packages:
        files, parts = within(graph, package), rooms(graph, package)
        loops = ["/".join(m.rpartition(".")[2] for m in c) for c in circles(files)]
        counts = f"{len(files):5} {floors(files):6} {len(parts):5} {floors(parts):6}"
        print(f"{package:12} {counts}  {', '.join(loops) or '-'}")
    across = circles(
        {p: {o.split(".")[0] for m in within(graph, p) for o in graph[m] if "." in o} - {p} for p in packages}
    )
    print(f"circles among packages: {', '.join('/'.join(c) for c in across) or 'none'}")


def entered(arguments: list[str]) -> None:
    """Run a command and print which of our files it enters."""
    from memllm_cli.cli.main import run

    prefix = os.fspath(ROOT) + os.sep
    files: Counter[str] = Counter()
    calls: Counter[tuple[str, str]] = Counter()

    def watch(frame: FrameType, event: str, _: Any) -> None:
        if event != "call":
            return
        path = frame.f_code.co_filename
        if not path.startswith(prefix) or frame.f_code.co_name == "<module>" or not frame.f_code.co_flags & 1:
            return  # neither the body of a module nor of a class
        files[path] += 1
        caller = frame.f_back.f_code.co_filename if frame.f_back is not None else ""
        if caller.startswith(prefix) and caller != path:
            calls[caller, path] += 1

    sys.stdout.flush()
    out = os.dup(1)
    os.dup2(2, 1)
    sys.setprofile(watch)
    code: Any = 0
    try:
        run(arguments)
    except SystemExit as end:
        code = end.code
    finally:
        sys.setprofile(None)
        sys.stdout.flush()
        os.dup2(out, 1)
    names = sorted(path.removeprefix(prefix) for path in files)
    packages = Counter(n.split(os.sep)[0] if os.sep in n else "." for n in names)
    memory = sum(n.startswith("memory") for n in names)
    print(
        f"exit {code}: {len(names)} files in {len(packages)} packages, {memory} of them in memory/; "
        f"{len(calls)} different calls from file to file, {sum(calls.values())} in all"
    )
    print("  " + ", ".join(f"{p} {c}" for p, c in sorted(packages.items())))


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.house", description=__doc__.split("\n")[0])
    parser.add_argument("command", nargs="*", help="after --: a command of memllm to run and to watch")
    arguments = parser.parse_args()
    if arguments.command:
        entered(arguments.command)
    else:
        report()


if __name__ == "__main__":
    main()
