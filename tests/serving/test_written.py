"""A text that was written, as programs get it: its gaps, its doubts and what its names rest on."""

from __future__ import annotations

from collections.abc import Generator

from memllm_cli.memory.edit.evidence import Evidence
from memllm_cli.reading.events import Begun, Done, Event, Gap, Noted, Text
from memllm_cli.serving.completions import Reply

PLACE = Evidence(1, "Lease", "/d/lease.md", 3, None, "", "The tenant is Acorn.")


def events() -> Generator[Event, None, None]:
    yield from (
        Begun(),
        Text("The rent is "),
        Gap("What is the rent?"),
        Text(", says Mira"),
        Gap(""),
        Text(" of Acorn"),
    )
    yield Noted(0)
    yield Done(
        "The rent is […], says Mira of Acorn", 1, 0, 0, 1.0, 0.1, style="free", missing=("What is the rent?",),
        doubted=("Mira",), noted=(("Acorn", PLACE),), values=(("7", "How many?"),),
    )  # fmt: skip


def test_gaps_and_doubts_are_sent() -> None:
    whole = Reply("Write.", events()).whole()
    content = whole["choices"][0]["message"]["content"]
    assert content.startswith("The rent is […], says Mira[?] of Acorn")
    assert 'lease.md, line 3: "The tenant is Acorn."' in content
    data = whole["memllm"]
    assert (data["missing"], data["not_from_memory"]) == (["What is the rent?"], ["Mira"])
    assert data["values"] == [{"value": "7", "question": "How many?"}]
    assert (data["named_in"][0]["name"], data["named_in"][0]["evidence"]["line"]) == ("Acorn", 3)
