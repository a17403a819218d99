"""`ingest --watch`: what has changed in a folder, and a running watch that is told to end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from memllm_cli.cli.watch import Watch


def write(path: Path, text: str, at: int) -> str:
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(at, at))
    return str(path)


def test_a_file_is_taken_when_it_has_settled(tmp_path: Path) -> None:
    old = write(tmp_path / "old.md", "Old.", 1)
    watching = Watch([tmp_path])
    assert watching.changed() == ([], [])
    new = write(tmp_path / "new.md", "New.", 2)
    assert watching.changed() == ([], [])  # it may still be written
    assert watching.changed() == ([new], [])
    assert watching.changed() == ([new], [])  # until it was taken in
    watching.done(new)
    assert watching.changed() == ([], [])
    Path(old).unlink()
    assert watching.changed() == ([], [])  # programs replace files by moving others over them
    assert watching.changed() == ([], [old])
    watching.done(old)
    assert watching.changed() == ([], [])


def test_a_folder_that_is_gone_is_no_error(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    file = write(folder / "a.md", "A.", 1)
    watching = Watch([folder])
    Path(file).unlink()
    folder.rmdir()
    watching.changed()
    assert watching.changed() == ([], [file])


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_watch_reads_what_comes_and_forgets_what_goes(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.md").write_text("| Name | Fee |\n|---|---|\n| Ada | 5 |\n| Bo | 6 |\n", encoding="utf-8")
    home = tmp_path / "home"
    command = [sys.executable, "-m", "memllm_cli.cli.main", "--home", str(home)]
    assert subprocess.run([*command, "init", str(home)], capture_output=True).returncode == 0
    output = tmp_path / "said.txt"
    with output.open("w", encoding="utf-8") as file:
        child = subprocess.Popen([*command, "ingest", "--structure", "--watch", str(docs)], stdout=file, stderr=file)
    try:

        def until(text: str) -> None:
            for _ in range(300):
                if text in output.read_text(encoding="utf-8"):
                    return
                time.sleep(0.1)
            raise AssertionError(output.read_text(encoding="utf-8"))

        until("watching")
        (docs / "b.md").write_text("| Name | Fee |\n|---|---|\n| Cy | 7 |\n| Di | 8 |\n", encoding="utf-8")
        until("b.md: 2 facts")
        (docs / "a.md").unlink()
        until("a.md: gone; 2 facts")
    finally:
        child.send_signal(signal.SIGINT)
        assert child.wait(30) == 130
