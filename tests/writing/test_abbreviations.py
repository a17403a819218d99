from __future__ import annotations

from pathlib import Path

import pytest

from memllm_cli import documents
from memllm_cli.memory.edit.memory import Memory
from memllm_cli.writing.abbreviations import defined, of_text
from memllm_cli.writing.ingest import Planned, ingest, plan


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("The Norland Rail Council (NRC) met.", ("Norland Rail Council", "NRC")),
        ("the Ministry of Trade and Industry (the “MTI”) said", ("Ministry of Trade and Industry", "MTI")),
        ("The NRC (Norland Rail Council) met.", ("Norland Rail Council", "NRC")),
        ("In Norland, the Norland Rail Council (N.R.C.) met.", ("Norland Rail Council", "N.R.C.")),
        ("a Statement of Work (SoW) follows", ("Statement of Work", "SoW")),
    ],
)
def test_what_stands_in_brackets_is_a_short_name(text: str, pair: tuple[str, str]) -> None:
    assert of_text(text) == [pair]


@pytest.mark.parametrize(
    "text",
    [
        "Anna Smith (CEO) left.", "Acorn Limited (USA) grew.", "Norland Rail Council (founded 1990)", "the rail (NRC)",
        "Norland Rail Council, a body (NRC)", "(NRC)", "Norland Rail Council (nrc)",
    ],
)  # fmt: skip
def test_other_brackets_are_none(text: str) -> None:
    assert of_text(text) == []


def test_a_definition_is_kept_without_a_model(tmp_path: Path, memory: Memory) -> None:
    path = tmp_path / "charter.md"
    path.write_text("# Charter\n\nThe Norland Rail Council (NRC) met. The NRC is old.\n")
    assert defined(documents.read(path)) == [("Norland Rail Council", "NRC")]
    *_, planned = plan([path], memory)
    assert isinstance(planned, Planned)
    list(ingest(planned, memory, None))
    assert memory.snapshot.named("NRC") == memory.snapshot.named("Norland Rail Council") != []
