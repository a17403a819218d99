from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from memllm_cli.app import App
from memllm_cli.cli import main
from memllm_cli.memory.edit.memory import Memory


class Letters:
    """An encoder of letter pairs: names that share them are near."""

    identity = "letters"
    dimensions = 64

    def embed(self, texts: Any) -> NDArray[np.float32]:
        out = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for i, text in enumerate(texts):
            for a, b in zip(text.lower(), text.lower()[1:], strict=False):
                out[i, (ord(a) * 31 + ord(b)) % self.dimensions] += 1
            out[i] /= max(1e-9, float(np.linalg.norm(out[i])))
        return out

    def close(self) -> None:
        pass


@dataclass
class Ran:
    """One command that ran."""

    code: int
    out: str
    err: str

    @property
    def envelope(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.out)
        assert value["memllm"] == 1
        return value

    @property
    def data(self) -> Any:
        assert self.envelope["ok"] is True, self.out
        return self.envelope["data"]


Run = Callable[..., Ran]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process on a home of its own, with an encoder that needs no file."""
    monkeypatch.setenv("MEMLLM_HOME", str(tmp_path / "home"))
    for name in ("MEMLLM_KB", "MEMLLM_MODEL", "MEMLLM_ENCODER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")

    def call(*arguments: str, stdin: str = "") -> Ran:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8"))
        capfd.readouterr()
        with pytest.raises(SystemExit) as raised:
            main.run(list(arguments), App(make_encoder=Letters))
        out, err = capfd.readouterr()
        return Ran(int(raised.value.code or 0), out, err)

    return call


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    """The memory that `run` uses."""
    return Memory(tmp_path / "home" / "kb" / "default")
