"""The program as a person runs it: its own process, a home of its own, the real default model."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
DEMO = ROOT / "kb" / "demo"
DEMO_FACTS = ROOT / "tests" / "e2e" / "demo_facts.csv"
"""Facts that the demo's documents state."""
TIMEOUT = 300
"""Seconds after which a command hangs; only there so that a test ends."""


@dataclass(frozen=True)
class Ran:
    """One command that ran."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """What the command's envelope carries; the command must have succeeded."""
        assert self.code == 0, self.out + self.err
        envelope = json.loads(self.out)
        assert envelope["ok"] is True
        return envelope["data"]

    def refused(self, code: int) -> str:
        """The message of a command that failed as it should: this exit code, one or two lines, no traceback."""
        assert self.code == code, self.out + self.err
        lines = [line for line in self.err.splitlines() if line.strip()]
        start = next((i for i, line in enumerate(lines) if line.startswith("error: ")), None)
        assert start is not None, self.err
        assert len(lines[start:]) <= 2, self.err
        for said in (self.out, self.err):
            assert "Traceback" not in said
            assert "should not have happened" not in said, said
        return "\n".join(lines[start:])


@dataclass
class Home:
    """A home, and the command line on it in processes of their own."""

    root: Path
    started: list[subprocess.Popen[Any]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """This process's environment, without what would lead to another home."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("MEMLLM_") and k != "PYTHONDONTWRITEBYTECODE"}
        own = {"MEMLLM_HOME": str(self.root), "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
        large = {"MEMLLM_POINTER": "none", "MEMLLM_EXTRACTOR": "none"}  # the encoder below them is a large download
        return kept | own | large

    @staticmethod
    def command(*arguments: str) -> list[str]:
        """The command line of `memllm` with these arguments."""
        return [sys.executable, "-m", "memllm_cli.cli.main", *arguments]

    def start(
        self,
        *arguments: str,
        stdin: IO[str] | int | None = subprocess.DEVNULL,
        before: Callable[[], None] | None = None,
    ) -> subprocess.Popen[str]:
        """Start a command; `before` runs in the child before it."""

        def prepare() -> None:
            signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
            if before is not None:
                before()

        process = subprocess.Popen(
            self.command(*arguments), env=self.environment, cwd=self.root, stdin=stdin, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, encoding="utf-8", preexec_fn=prepare,
        )  # fmt: skip
        self.started.append(process)
        return process

    def run(self, *arguments: str, stdin: str | None = None, before: Callable[[], None] | None = None) -> Ran:
        """Run a command to its end."""
        process = self.start(*arguments, stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE, before=before)
        out, err = process.communicate(stdin, timeout=TIMEOUT)
        return Ran(process.returncode, out, err)

    def facts(self, pattern: str = "") -> set[tuple[str, str, str]]:
        """The facts that reads see."""
        rows = self.run("--json", "fact", "list", *([pattern] if pattern else [])).data
        return {(r["subject"], r["relation"], r["object"]) for r in rows}

    def stop(self) -> None:
        """End what is still running."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.communicate()


def _made(root: Path) -> Home:
    root.mkdir()
    (root / "models").symlink_to(ROOT / "models", target_is_directory=True)
    return Home(root)


@pytest.fixture(scope="session")
def _models(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The default models, built once in the checkout."""
    home = _made(tmp_path_factory.mktemp("models") / "home")
    done = home.run("model", "build")
    assert done.code == 0, done.err


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Home]:
    """An empty home: no knowledge base, no models."""
    root = tmp_path / "home"
    root.mkdir()
    home = Home(root)
    yield home
    home.stop()


@pytest.fixture
def home(tmp_path: Path, _models: None) -> Iterator[Home]:
    """An empty home with the default models."""
    home = _made(tmp_path / "home")
    yield home
    home.stop()


@pytest.fixture(scope="session")
def _told(tmp_path_factory: pytest.TempPathFactory, _models: None) -> Path:
    """A knowledge base in which the contradicting contracts and the country were read, and the table imported."""
    home = _made(tmp_path_factory.mktemp("told") / "home")
    documents = [str(DEMO / name) for name in ("freedonia.pdf", "lease.md", "side-letter.txt")]
    read = home.run("--json", "ingest", *documents).data
    assert [d["path"] for d in read["documents"]] == documents
    assert read["failed"] == []
    imported = home.run("--json", "import", str(DEMO_FACTS)).data
    assert imported["rows"] > 50
    assert imported["skipped"] == []
    return home.root / "kb"


@pytest.fixture
def told(home: Home, _told: Path) -> Home:
    """A home of one's own with the demo's contracts and country in memory."""
    shutil.copytree(_told, home.root / "kb")
    return home
