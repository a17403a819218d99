"""Imports go downward only, those inside functions included."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import memllm_cli

ROOT = Path(memllm_cli.__file__).parent
LAYERS = (
    ("cli", "repl"),
    ("training", "evaluation"),
    ("runtime",),
    ("memory", "engine", "embed", "documents", "drafting", "corpora"),
    ("protocol",),
    ("errors", "files", "paths", "config", "types", "terminal", "llamacpp", "tensors"),
)
LEVEL = {name: i for i, names in enumerate(LAYERS) for name in names}
FLAT = LEVEL["errors"]
MAY_SEE = {("cli", "repl")}
"""The command `chat` starts the screen; nothing goes the other way."""


def imports(path: Path, root: Path) -> Iterator[tuple[int, str]]:
    """Line and part of the package (`memory`, `errors` ...) of every import of our own in a file below `root`."""
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
                yield node.lineno, parts[1]


def wrong(root: Path) -> list[str]:
    """Imports that go upward or sideways."""
    out = []
    for path in sorted(root.rglob("*.py")):
        part = path.relative_to(root).parts[0].removesuffix(".py")
        if part == "__init__":
            continue
        assert part in LEVEL, f"{path} belongs to no layer"
        for line, target in imports(path, root):
            assert target in LEVEL, f"{path}:{line}: {target} belongs to no layer"
            down = LEVEL[target] > LEVEL[part]
            inside = target == part or (part, target) in MAY_SEE or LEVEL[part] == FLAT == LEVEL[target]
            if not (down or inside):
                out.append(f"{path.relative_to(root)}:{line} imports {target}")
    return out


def test_imports_go_downward() -> None:
    assert wrong(ROOT) == []


def test_an_import_upward_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "a.py").write_text("def f():\n    from memllm_cli.runtime import models\n")
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "b.py").write_text("import memllm_cli.memory.store\nfrom memllm_cli import errors\n")
    (tmp_path / "embed").mkdir()
    (tmp_path / "embed" / "c.py").write_text("from . import base\nfrom ..engine import b\n")
    assert wrong(tmp_path) == [
        "embed/c.py:2 imports engine",
        "engine/b.py:1 imports memory",
        "memory/a.py:2 imports runtime",
    ]
