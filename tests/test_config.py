from __future__ import annotations

from pathlib import Path

import pytest

from memllm_cli.config import setting, store
from memllm_cli.errors import UsageError
from memllm_cli.paths import Home

FILE = """# what I use at work
kb = "work"  # not the private one
colour = "blue"

[later]
kb = "another table's"
"""


def home(tmp_path: Path) -> Home:
    return Home(tmp_path, "test")


def test_a_setting_is_written_and_the_rest_of_the_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "memllm.toml"
    path.write_text(FILE, encoding="utf-8")
    store(home(tmp_path), "kb", "home")
    store(home(tmp_path), "model", 'a "quoted\\name".gguf')
    text = path.read_text(encoding="utf-8")
    assert text.startswith('# what I use at work\nkb = "home"  # not the private one\ncolour = "blue"\n')
    assert text.rstrip().endswith('[later]\nkb = "another table\'s"')
    assert setting(home(tmp_path), "kb").value == "home"
    assert setting(home(tmp_path), "model").value == 'a "quoted\\name".gguf'


def test_a_first_setting_makes_the_file(tmp_path: Path) -> None:
    store(home(tmp_path), "style", "free")
    assert (tmp_path / "memllm.toml").read_text(encoding="utf-8") == 'style = "free"\n'
    assert list(tmp_path.iterdir()) == [tmp_path / "memllm.toml"]


def test_a_file_that_cannot_be_read_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "memllm.toml"
    path.write_text("kb = [", encoding="utf-8")
    with pytest.raises(UsageError):
        store(home(tmp_path), "kb", "home")
    assert path.read_text(encoding="utf-8") == "kb = ["
