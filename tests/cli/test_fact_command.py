from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memllm_cli.memory.edit.memory import Memory, Written
from memllm_cli.types import Document, Sentence, Triple

Run = Callable[..., Any]

FIRST = "Sylvania City >> capital of >> Freedonia"
SECOND = "Rufus Town >> capital of >> Freedonia"


def document(uri: str, text: str) -> Document:
    return Document(uri, Path(uri).stem, "text/plain", "0" * 64, text, (Sentence(0, len(text), 1),))


def propose(memory: Memory, subject: str, value: str) -> None:
    text = f"{subject} speaks {value}."
    written = Written(Triple(subject, "official language", value), (0,), 0.3, proposed=True)
    memory.ingest(document(f"/docs/{subject}.txt", text), [written], "model", "1")


def test_a_correction_shows_before_and_after(run: Run) -> None:
    assert run("fact", "set", FIRST).out == "+ Freedonia >> capital >> Sylvania City\n"
    second = run("fact", "set", SECOND)
    assert second.out == "- Freedonia >> capital >> Sylvania City\n+ Freedonia >> capital >> Rufus Town\n"
    assert "undo with: memllm undo 3" in second.err
    assert run("fact", "get", "Freedonia >> capital >>").out == "Rufus Town\n"
    assert run("fact", "get", ">> capital >> Rufus Town").out == "Freedonia\n"
    assert run("undo").out == "- Freedonia >> capital >> Rufus Town\n+ Freedonia >> capital >> Sylvania City\n"


def test_saying_it_again_changes_nothing(run: Run) -> None:
    run("fact", "set", FIRST)
    assert run("fact", "set", FIRST).out == "no fact changed\n"


def test_a_dry_run_keeps_nothing_and_makes_no_knowledge_base(run: Run, memory: Memory) -> None:
    assert run("fact", "set", FIRST, "--dry-run").out.startswith("+ Freedonia")
    assert not memory.database.exists()
    run("fact", "set", FIRST)
    assert run("--json", "fact", "set", SECOND, "--dry-run").data["dry_run"] is True
    assert run("fact", "get", "Freedonia >> capital >>").out == "Sylvania City\n"


def test_add_keeps_the_other_value(run: Run) -> None:
    run("fact", "set", FIRST)
    run("fact", "add", SECOND)
    assert sorted(run("fact", "get", "Freedonia >> capital >>").out.split("\n")) == ["", "Rufus Town", "Sylvania City"]


def test_statements_from_standard_input_are_all_or_none(run: Run, memory: Memory) -> None:
    bad = run("fact", "set", "-", stdin=f"{FIRST}\n\nno triple\n")
    assert bad.code == 2
    assert "Line 3" in bad.err
    assert not memory.database.exists()
    assert run("fact", "add", "-", stdin=f"{FIRST}\nA >> capitol >> B\n").code == 1
    assert len(list(memory.snapshot.facts())) == 0
    assert len(run("--json", "fact", "add", "-", stdin=f"{FIRST}\n{SECOND}\n").data["changes"]) == 2


def test_mistakes_have_a_line_and_a_code(run: Run) -> None:
    assert run("fact", "get", "X >> capital >>").code == 1  # no knowledge base yet
    run("fact", "set", FIRST)
    unknown = run("fact", "set", "A >> capitol >> B")
    assert unknown.code == 1
    assert "did you mean 'capital'" in unknown.err
    assert run("fact", "set", "only one field").code == 2
    assert run("fact", "set", FIRST, "--add", "--replace").code == 2
    assert run("fact", "set", FIRST, "--from", "soon").code == 2
    assert run("fact", "set", FIRST, "--from", "2020", "--to", "2019").code == 2
    nothing = run("fact", "get", "Ruritania >> capital >>")
    assert nothing.code == 1
    assert nothing.out == ""
    assert "Nothing is known about 'Ruritania'" in nothing.err
    assert run("fact", "why", "A >> capital >> B").code == 1
    assert run("fact", "accept", "A >> capital >> B").code == 1


def test_dates_are_kept_in_iso_form(run: Run) -> None:
    run("fact", "set", FIRST, "--from", "12 January 2020", "--to", "2021")
    assert run("--json", "fact", "list").data == []  # what holds today
    (fact,) = run("--json", "fact", "list", "--all").data
    assert (fact["valid_from"], fact["valid_to"]) == ("2020-01-12", "2021")


def test_several_facts_go_only_when_asked_for(run: Run) -> None:
    run("fact", "add", FIRST)
    run("fact", "add", SECOND)
    refused = run("fact", "rm", "Freedonia >> capital >>")
    assert refused.code == 2
    assert "--yes" in refused.err
    assert run("fact", "rm", "Freedonia >> >>", "--dry-run").out.count("- ") == 2
    assert len(run("--json", "fact", "list").data) == 2
    run("fact", "rm", "Freedonia >> capital >>", "--yes")
    assert run("--json", "fact", "list").data == []
    assert run("fact", "rm", "Freedonia >> capital >>").code == 1


def test_one_fact_goes_at_once(run: Run) -> None:
    run("fact", "set", FIRST)
    assert run("fact", "rm", ">> capital of >> Freedonia").out == "- Freedonia >> capital >> Sylvania City\n"


def test_a_proposal_is_listed_accepted_and_removed(run: Run, memory: Memory) -> None:
    run("fact", "set", FIRST)
    propose(memory, "Freedonia", "Freedonian")
    propose(memory, "Sylvania", "Sylvanian")
    assert len(run("--json", "fact", "list", "--proposed").data) == 2
    assert run("fact", "get", "Freedonia >> official language >>").code == 1
    assert run("fact", "accept", "Freedonia >> >>").out == "+ Freedonia >> official language >> Freedonian\n"
    assert run("fact", "get", "Freedonia >> official language >>").out == "Freedonian\n"
    gone = run("fact", "rm", "Sylvania >> official language >>")
    assert gone.code == 0
    assert "- Sylvania >> official language >> Sylvanian" in gone.out
    assert run("--json", "fact", "list", "--proposed").data == []


def test_a_stated_fact_shows_its_sentence_too(run: Run, memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    run("fact", "set", FIRST)
    propose(memory, "Freedonia", "Freedonian")
    run("fact", "accept", "Freedonia >> official language >>")
    assert "; Freedonia.txt, line 1" in run("fact", "list", "Freedonia >> official language >>").out
    why = run("fact", "why", "Freedonia >> official language >>").out
    assert "Freedonia.txt, line 1: Freedonia speaks Freedonian." in why
    assert "accept by you" in why
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    shown = re.sub(r"\x1b\[\d*m", "", run("fact", "get", "Freedonia >> official language >>").out)
    first, second = shown.splitlines()
    assert first.startswith("Freedonian  you, ")
    assert first.endswith("; Freedonia.txt, line 1")
    assert second == '  "Freedonia speaks Freedonian."'


def test_listing_finds_parts_and_sources(run: Run, memory: Memory) -> None:
    run("fact", "set", FIRST)
    text = "Sylvania speaks Sylvanian."
    written = Written(Triple("Sylvania", "official language", "Sylvanian"), (0,), 0.9)
    memory.ingest(document("/docs/sylvania.txt", text), [written], "model", "1")
    assert run("fact", "list", "free >> >>").out.startswith("Freedonia\tcapital\tSylvania City")
    (fact,) = run("--json", "fact", "list", "--source", "sylvania.TXT").data
    assert fact["evidence"][0]["sentence"] == text
    assert fact["stated_by"] == "document"
    assert len(run("--json", "fact", "list", "--limit", "1").data) == 1
    why = run("fact", "why", "Sylvania >> >>").out
    assert text in why
    assert "sylvania.txt, line 1" in why


def test_control_characters_never_reach_the_terminal(run: Run, memory: Memory) -> None:
    run("fact", "set", FIRST)
    text = "Evil\x1b[31m speaks [bold]loud[/bold]."
    written = Written(Triple("Evil\x1b[31m", "official language", "[bold]loud"), (0,), 0.9)
    memory.ingest(document("/docs/\x1b[2Jevil.txt", text), [written], "model", "1")
    for command in (["fact", "list"], ["fact", "why", ">> official language >>"], ["source", "list"], ["log"]):
        ran = run(*command)
        assert "\x1b" not in ran.out + ran.err
        assert ran.code == 0
    assert "[bold]loud" in run("fact", "why", ">> official language >>").out


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("Pier Contract >> signing date >> 03/04/2025", "a date"),
        ("Pier Contract >> deposit >> 12 % of EUR 400", "money"),
        ("Pier Contract >> deposit >> EUR 400", None),
        ("ten days after receipt >> payment term of >> Pier Contract", "a duration"),
    ],
)
def test_a_value_that_is_not_read_is_pointed_out(run: Run, statement: str, kind: str | None) -> None:
    said = run("fact", "add", statement).err
    assert ("compared as it is written" in said) == (kind is not None)
    assert kind is None or f"not read as {kind}" in said


def test_a_day_that_is_in_no_calendar_is_refused(run: Run) -> None:
    refused = run("fact", "set", "Pier Contract >> signing date >> 31 February 2025")
    assert refused.code == 2
    assert "not in the calendar" in refused.err
