"""Shared by all tests: a small relations table, memories in temporary folders, and the slow marker."""

from __future__ import annotations

from pathlib import Path

import pytest

from memllm_cli.memory.edit.memory import Memory

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="also run what takes minutes")
    parser.addoption("--default", action="store_true", help="also run what needs the default models")
    parser.addoption("--failure", action="store_true", help="also try what can go wrong, for a quarter of an hour")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes minutes; run with --slow")
    config.addinivalue_line("markers", "default: needs the default models; run with --default")
    config.addinivalue_line("markers", "failure: kills, full disks and the like; run with --failure")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for option in ("slow", "default", "failure"):
        if not config.getoption(f"--{option}"):
            for item in items:
                if item.get_closest_marker(option) is not None:
                    item.add_marker(pytest.mark.skip(reason=f"needs --{option}"))


@pytest.fixture(autouse=True)
def _no_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MEMLLM_HOME", "MEMLLM_KB", "MEMLLM_MODEL", "MEMLLM_ENCODER", "MEMLLM_DRAFTER", "MEMLLM_ADAPTER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MEMLLM_EXTRACTOR", "none")
    monkeypatch.setenv("MEMLLM_POINTER", "none")  # what it was tuned from is large; its own tests open it


@pytest.fixture
def relations_table() -> Path:
    return ROOT / "kb" / "relations.csv"


@pytest.fixture
def memory(tmp_path: Path, relations_table: Path) -> Memory:
    memory = Memory(tmp_path / "kb" / "test", timeout=5)
    memory.create(relations_table)
    return memory
