"""The whole demo in a network namespace without any interface, and without a socket being opened."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Home

pytestmark = pytest.mark.e2e
WATCH = """
import os, sys
def watch(event, arguments):
    if event.startswith("socket.") and event != "socket.gethostname":
        with open(os.environ["SEEN"], "a") as file:
            file.write(f"{event} {arguments[1:]}\\n")
sys.addaudithook(watch)
"""


def alone() -> list[str]:
    """A command in a namespace of its own, if this system lets us make one."""
    tool = shutil.which("unshare")
    if tool is None or subprocess.run([tool, "-rn", "true"], capture_output=True).returncode != 0:
        pytest.skip("needs unshare and leave to make a network namespace")
    return [tool, "-rn"]


def test_the_demo_needs_no_network(home: Home, tmp_path: Path) -> None:
    before = alone()
    watch = tmp_path / "watch"
    watch.mkdir()
    (watch / "sitecustomize.py").write_text(WATCH, encoding="utf-8")
    seen = tmp_path / "seen"
    environment = home.environment | {"PYTHONPATH": str(watch), "SEEN": str(seen)}

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*before, *command], env=environment, cwd=home.root, capture_output=True, text=True)

    assert run("cat", "/proc/net/route").stdout.count("\n") <= 1, "there is a way out"
    done = run(*home.command("demo"))
    assert done.returncode == 0, done.stderr
    assert "Sylvania City" in done.stdout
    assert not seen.exists(), seen.read_text()
    proof = run(home.command()[0], "-c", "import socket; socket.socket()")
    assert proof.returncode == 0
    assert "socket.__new__" in seen.read_text(), "the watch sees nothing"


def test_no_system_call_makes_a_socket(home: Home, tmp_path: Path) -> None:
    """The same for what is not Python: llama.cpp, DuckDB, hnswlib."""
    tool = shutil.which("strace")
    out = tmp_path / "calls"
    if tool is None or subprocess.run([tool, "-o", str(out), "true"], capture_output=True).returncode != 0:
        pytest.skip("needs strace")
    command = [tool, "-f", "-e", "trace=socket,connect", "-o", str(out), *home.command("demo")]
    done = subprocess.run(command, env=home.environment, cwd=home.root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    made = [line for line in out.read_text().splitlines() if "AF_INET" in line]
    assert made == []
