"""Imports go downward only, those for types and inside functions included, and no file is in a circle."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

import memllm_cli
from benchmarks.house import circles
from benchmarks.house import imports as graph_of

ROOT = Path(memllm_cli.__file__).parent
LAYERS = (
    ("cli", "chat"),
    ("reviewing",),
    ("serving", "api", "reporting"),
    ("app",),
    ("training", "evaluation"),
    ("answering",),
    ("composing",),
    ("reading", "writing"),
    ("prompts", "relation_words"),
    ("corpora",),
    ("memory", "engine", "embed", "documents", "drafting", "pointing", "extracting", "models"),
    ("calibration", "protocol"),
    ("errors", "files", "paths", "config", "types", "streams", "terminal", "llamacpp", "tensors", "pieces"),
)
"""Parts of the package, from the top. A part sees those of the layers below, not its neighbours."""
ROOMS = ("care", "views", "search", "edit", "history", "disk", "values")
"""Rooms of the memory, from the top."""
FLAT = ("prompts", "relation_words", *LAYERS[-1])
"""Files of the package itself: those of one layer may see each other."""
MAY_SEE = {("cli", "chat")}
"""The command `chat` starts the screen; nothing goes the other way."""


def imports(path: Path, root: Path) -> Iterator[tuple[int, list[str]]]:
    """Line and dotted parts below the package (`memory`, `disk`, `tables`) of every import of our own in a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = [*path.relative_to(root).parent.parts][: None if node.level < 2 else 1 - node.level]
            inside = ["memllm_cli", *base] if node.level else []
            names = [".".join([*inside, *([node.module] if node.module else []), alias.name]) for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "memllm_cli" and len(parts) > 1 and parts[1] != "__version__":
                yield node.lineno, parts[1:]


def wrong(root: Path, layers: Sequence[Sequence[str]], inside: tuple[str, ...] = ()) -> list[str]:
    """Imports that go upward or sideways among the parts of a folder (`inside` the package) below `root`."""
    level = {name: i for i, names in enumerate(layers) for name in names}
    depth = len(inside)
    out = []
    for path in sorted(root.joinpath(*inside).rglob("*.py")):
        part = path.relative_to(root).parts[depth].removesuffix(".py")
        if part == "__init__":
            continue
        assert part in level, f"{path} belongs to no layer"
        for line, target in imports(path, root):
            if tuple(target[:depth]) != inside or len(target) <= depth:
                continue
            name = target[depth]
            assert name in level, f"{path}:{line}: {name} belongs to no layer"
            same = name == part or (part, name) in MAY_SEE
            flat = part in FLAT and name in FLAT and level[name] == level[part]
            if not (level[name] > level[part] or same or flat):
                out.append(f"{path.relative_to(root)}:{line} imports {name}")
    return out


def test_imports_go_downward() -> None:
    assert wrong(ROOT, LAYERS) == []


def test_the_rooms_of_memory_import_downward() -> None:
    assert wrong(ROOT, [(room,) for room in ROOMS], ("memory",)) == []
    assert {p.name for p in (ROOT / "memory").iterdir() if p.is_dir() and p.name != "__pycache__"} == set(ROOMS)


def test_no_file_is_in_a_circle_of_imports() -> None:
    assert circles(graph_of(ROOT)) == []


def test_an_import_upward_would_be_found(tmp_path: Path) -> None:
    def write(path: str, text: str) -> None:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)

    write("memory/values/a.py", "def f():\n    from memllm_cli.reading import answer\n")
    write("memory/disk/d.py", "from memllm_cli.memory.values import a\nimport memllm_cli.memory.care.doctor\n")
    write("engine/b.py", "import memllm_cli.memory.store\nfrom memllm_cli import errors\n")
    write("embed/c.py", "from . import base\nfrom ..engine import b\n")
    assert wrong(tmp_path, LAYERS) == [
        "embed/c.py:2 imports engine",
        "engine/b.py:1 imports memory",
        "memory/values/a.py:2 imports reading",
    ]
    assert wrong(tmp_path, [(room,) for room in ROOMS], ("memory",)) == ["memory/disk/d.py:2 imports care"]


def test_a_circle_would_be_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set()}) == [["a", "b", "c"]]
