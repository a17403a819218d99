"""Homes that cannot be: errors of the program, with a hint, and nothing half made."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from memllm_cli.errors import StorageError
from memllm_cli.paths import Home, find_home, lay_out, private_folder, storage_error


def test_a_file_is_no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    for path in (file, file / "below"):
        with pytest.raises(StorageError, match="is not a folder") as raised:
            find_home(path)
        assert raised.value.hint
    monkeypatch.setenv("MEMLLM_HOME", str(file))
    with pytest.raises(StorageError, match="is not a folder"):
        find_home()
    with pytest.raises(StorageError, match="cannot be used"):
        find_home(Path("~no-such-user-here/x"))


def test_a_loop_of_links_is_no_home(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(StorageError):
        find_home(loop)


def test_a_folder_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    for path in (file, file / "below"):
        with pytest.raises(StorageError, match="is not a folder"):
            private_folder(path)
    with pytest.raises(StorageError, match="is not a folder"):
        lay_out(Home(file, "test"))

    def refuse(self: Path, *arguments: object, **options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(StorageError, match=r"No permission for .*new"):
        private_folder(tmp_path / "new")


def test_a_full_disk_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Path.write_bytes

    def half(self: Path, data: bytes) -> int:
        write(self, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    home = Home(tmp_path / "home", "test")
    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(StorageError, match="No space") as raised:
        lay_out(home)
    assert "space" in raised.value.hint
    assert [p for p in home.root.rglob("*") if p.is_file()] == []
    monkeypatch.undo()
    lay_out(home)
    assert (home.kb / "relations.csv").read_bytes() == home.shipped("kb/relations.csv").read_bytes()


def test_a_current_folder_that_was_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    os.rmdir(gone)
    assert find_home().origin == "user data folder"


@pytest.mark.parametrize("number", [errno.EIO, errno.EROFS, errno.ENOENT, errno.EDQUOT, errno.ELOOP])
def test_every_error_of_the_system_says_where_and_what_to_do(number: int) -> None:
    error = storage_error(Path("/a/b"), OSError(number, os.strerror(number)))
    assert "/a/b" in error.message
    assert error.hint
