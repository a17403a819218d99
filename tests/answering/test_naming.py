"""Documents that a question names, by title and by day."""

from __future__ import annotations

import pytest

from memllm_cli.answering.looking import Looker
from memllm_cli.answering.naming import MOST, named_documents
from memllm_cli.documents.reader import read_text
from memllm_cli.memory.edit.memory import Memory
from memllm_cli.memory.search.find import Finder

TEXTS = {
    "march.md": "# Board of Tallowick Design, 2026-03-18\n\nThe studio is let to Brightkiln Print.",
    "april.md": "# Board of Tallowick Design, 2026-04-15\n\nThe archive is let to Brightkiln Print.",
    "steering-2026-03-18.md": "# Notes\n\nThe scanner is let to nobody.",
}


@pytest.fixture
def ids(memory: Memory) -> dict[str, int]:
    for name, text in TEXTS.items():
        memory.ingest(read_text(name, text), (), "m", "f")
    return {d.uri.removeprefix("stdin:"): d.id for d in memory.snapshot.documents()}


@pytest.mark.parametrize(
    ("question", "named"),
    [
        ("What did the board of Tallowick Design let?", {"march.md", "april.md"}),
        ("What did the Board of Tallowick Design's minutes of 15 April 2026 say?", {"april.md"}),
        ("What was let at the meeting of 18 March 2026?", {"march.md", "steering-2026-03-18.md"}),
        ("What was let at the meeting on March 18, 2026?", {"march.md", "steering-2026-03-18.md"}),
        ("What was let at the meeting of 19 March 2026?", set()),
        ("What did the board of Tallowick Design let on 19 March 2026?", set()),
        ("Who takes notes in 2026?", set()),
    ],
)
def test_title_and_day_name_a_document(memory: Memory, ids: dict[str, int], question: str, named: set[str]) -> None:
    assert set(named_documents(memory.snapshot, question)) == {ids[n] for n in named}


def test_too_many_are_none(memory: Memory) -> None:
    for number in range(MOST + 1):
        memory.ingest(read_text(f"{number}.md", f"# Harbour Lease\n\nAnnex {number}."), (), "m", "f")
    assert named_documents(memory.snapshot, "What does the Harbour Lease say?") == {}


def test_passages_are_theirs_alone_unless_all_are_wanted(memory: Memory, ids: dict[str, int]) -> None:
    looker, asked = Looker(Finder(memory)), "What was let by the board of Tallowick Design on 15 April 2026?"
    narrow, wide = looker.look(asked), looker.look(asked, wide=True)
    assert [c.found.document for c in narrow.candidates if c.found] == [ids["april.md"]]
    assert {c.found.document for c in wide.candidates if c.found} == set(ids.values())
    assert (narrow.narrowed, wide.narrowed) == (True, False)
