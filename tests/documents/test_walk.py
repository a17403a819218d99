from __future__ import annotations

import os
from pathlib import Path

import pytest

from memllm_cli.documents import Found, Limits, find
from memllm_cli.documents.base import MB
from memllm_cli.documents.walk import BROKEN, UNKNOWN_KIND, too_large
from memllm_cli.errors import NotFound


def write(path: Path, text: str = "Text.") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def names(found: Found, root: Path) -> list[str]:
    return [p.relative_to(root).as_posix() for p in found.files]


def reasons(found: Found) -> dict[str, str]:
    return {s.path.name: s.reason for s in found.skipped}


def test_folder_is_walked_in_order_and_others_are_named(tmp_path: Path) -> None:
    for name in ("b.md", "a/z.txt", "a/y.HTML", "c.pdf", "photo.psd", ".hidden.md", ".git/x.md", "node_modules/r.md"):
        write(tmp_path / name)
    found = find([tmp_path])
    assert names(found, tmp_path) == ["a/y.HTML", "a/z.txt", "b.md", "c.pdf"]
    assert reasons(found) == {"photo.psd": UNKNOWN_KIND}


def test_named_file_is_taken_whatever_its_suffix_and_only_once(tmp_path: Path) -> None:
    odd = write(tmp_path / "LICENSE")
    plain = write(tmp_path / "a.txt")
    assert find([odd, plain, tmp_path]).files == (odd, plain)


def test_missing_path(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        find([tmp_path / "nowhere"])
    assert "nowhere" in caught.value.message
    assert caught.value.hint


def test_empty_folder(tmp_path: Path) -> None:
    assert find([tmp_path]) == Found((), ())


def test_links(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside.txt")
    tree = tmp_path / "tree"
    write(tree / "sub/in.txt")
    try:
        (tree / "loop").symlink_to(tree)
        (tree / "out.txt").symlink_to(outside)
        (tree / "again.txt").symlink_to(tree / "sub/in.txt")
        (tree / "gone.txt").symlink_to(tree / "nothing")
    except OSError:
        pytest.skip("no symbolic links here")
    found = find([tree])
    assert names(found, tree) == ["sub/in.txt"]
    assert reasons(found) == {"out.txt": "a link out of the folder", "gone.txt": BROKEN}
    with pytest.raises(NotFound, match=BROKEN):
        find([tree / "gone.txt"])


def test_link_to_a_hidden_file_of_the_tree_is_followed(tmp_path: Path) -> None:
    write(tmp_path / ".store/blob.txt")
    try:
        (tmp_path / "notes.txt").symlink_to(tmp_path / ".store/blob.txt")
    except OSError:
        pytest.skip("no symbolic links here")
    assert names(find([tmp_path]), tmp_path) == ["notes.txt"]


def test_depth_number_and_size_are_limited(tmp_path: Path) -> None:
    write(tmp_path / "deep/er/x.txt")
    assert reasons(find([tmp_path], Limits(depth=1))) == {"er": "more than 1 folder deep"}
    for index in range(5):
        write(tmp_path / f"many/{index}.txt")
    found = find([tmp_path / "many"], Limits(files=3))
    assert len(found.files) == 3
    assert "more than 3 files" in reasons(found)["many"]
    write(tmp_path / "big/b.txt", "x" * 100)
    assert "larger than" in reasons(find([tmp_path / "big"], Limits(file_bytes=50)))["b.txt"]


def test_a_file_over_its_limit_is_larger_than_it_in_words_too() -> None:
    assert too_large(20 * MB + 1, 20 * MB) == "larger than 20 MB (21 MB)"
    assert too_large(2000 * MB, 20 * MB) == "larger than 20 MB (2,000 MB)"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_fifo_is_skipped(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    assert reasons(find([tmp_path])) == {"pipe.txt": "not a regular file"}
    assert reasons(find([tmp_path / "pipe.txt"])) == {"pipe.txt": "not a regular file"}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_unreadable_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    assert reasons(find([tmp_path])) == {"closed": "permission denied"}
