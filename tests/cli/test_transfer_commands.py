from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memllm_cli.memory.edit.memory import Memory

Run = Callable[..., Any]

FACTS = ("Sylvania City >> capital of >> Freedonia", "Freedonia >> continent >> Europe")
TABLE = "subject,relation,object\nFreedonia,capital,Sylvania City\n"


def fill(run: Run) -> None:
    for fact in FACTS:
        run("fact", "set", fact)


def test_a_table_comes_out_private_and_goes_in_again(run: Run, tmp_path: Path) -> None:
    fill(run)
    file = tmp_path / "facts.csv"
    assert run("export", "--csv", "--output", str(file)).out == ""
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text().startswith("subject,relation,object,probability,stated_by,status,")
    assert run("--kb", "second", "import", str(file)).code == 0
    assert run("--kb", "second", "export", "--canonical").out == run("export", "--canonical").out != ""
    assert run("--kb", "second", "log").out.count("\timport\t") == 1
    assert list(tmp_path.glob(".facts*")) == []


def test_everything_comes_back_with_its_history(run: Run, tmp_path: Path) -> None:
    fill(run)
    run("undo")
    file = tmp_path / "all.jsonl"
    run("export", "--jsonl", "--output", str(file))
    assert run("--kb", "second", "import", str(file), "--dry-run").code == 0
    assert run("--kb", "second", "stats").code == 1  # nothing was made
    assert run("--kb", "second", "import", str(file)).code == 0
    assert run("--kb", "second", "export", "--jsonl").out == run("export", "--jsonl").out
    assert run("--kb", "second", "undo", "4").out == "+ Freedonia >> continent >> Europe\n"
    full = run("--kb", "second", "import", str(file))
    assert full.code == 2
    assert "--kb NAME" in full.err


def test_a_damaged_export_leaves_nothing_behind(run: Run, tmp_path: Path) -> None:
    fill(run)
    lines = run("export", "--jsonl").out.splitlines()
    lines[4] = lines[4][:-5]
    file = tmp_path / "all.jsonl"
    file.write_text("\n".join(lines))
    broken = run("--kb", "second", "import", str(file))
    assert broken.code == 1
    assert "Line 5" in broken.err
    assert not (tmp_path / "home" / "kb" / "second").exists()


def test_bad_rows_stop_the_import_unless_skipped(run: Run, memory: Memory) -> None:
    table = TABLE + "Freedonia,capitol,X\nFreedonia,continent\nFreedonia,continent,Europe\n"
    refused = run("import", "-", stdin=table)
    assert refused.code == 1
    assert "line 3" in refused.err
    assert "nearest: capital" in refused.err
    assert not memory.database.exists()
    skipped = run("--json", "import", "-", "--skip-bad", stdin=table)
    assert skipped.code == 3
    assert [b["line"] for b in skipped.data["skipped"]] == [3, 4]
    assert len(list(memory.snapshot.facts())) == 2


def test_what_was_taken_out_before_is_told(run: Run) -> None:
    run("import", "-", stdin=TABLE)
    run("fact", "rm", "Freedonia >> capital >>")
    ran = run("import", "-", stdin=TABLE + "Freedonia,continent,Europe\n")
    assert "2 facts imported, 1 of them new to reads" in ran.out
    assert "1 fact held back: you removed or replaced it before; see: memllm log" in ran.err
    assert run("--json", "import", "-", stdin=TABLE).data["held"] == 1


def test_a_table_that_was_exported_has_no_history(run: Run) -> None:
    fill(run)
    note = "a CSV has no history"
    assert run("--kb", "second", "import", "-", stdin=run("export", "--csv").out).err.count(note) == 1
    assert note not in run("--kb", "second", "import", "-", stdin=TABLE).err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TABLE.replace(",", ";"), "separated by semicolons (;)"),
        (TABLE.replace(",", "\t"), "separated by tabs"),
        ("a,b,c\n1,2,3\n", "no column 'subject'; it has: a, b, c"),
        ("Freedonia,capital,Sylvania City\n", "Put a line before it: subject,relation,object"),
        ('{"subject": "Freedonia"}\n', "This is JSON"),
        ("subject,object,note\n1,2,3\n", "no column 'relation'"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(run: Run, memory: Memory, text: str, said: str) -> None:
    ran = run("import", "-", "--format", "csv", stdin=text)
    assert ran.code == 1
    assert said in ran.err
    assert len(ran.err.splitlines()) == 2
    assert not memory.database.exists()


def test_contradictions_are_told(run: Run) -> None:
    run("fact", "set", FACTS[0])
    table = "subject,relation,object\nFreedonia,capital,Rufus Town\n"
    ran = run("import", "-", stdin=table)
    assert ran.code == 0
    assert "contradiction:" in ran.out
    assert "Sylvania City" in ran.out


def test_imported_facts_can_be_the_persons_own(run: Run) -> None:
    run("import", "-", "--as-person", stdin=TABLE)
    assert run("--json", "fact", "list").data[0]["stated_by"] == "person"


NAMES = [
    "Pond; Sons", "{Curly} Pond", "A > B", ">x", "x<", 'The "Pond" Ltd',
    "'Tis", "-pond-", "--pond", "=1+1", "@pond", "x, y",
    "[red]", "Where To?", "Oh!", "a\\b", "100% (final)", "東京 京", "#5 | 6", "x (", "“q”",
]  # fmt: skip


def test_what_can_be_stated_is_listed_exported_and_imported_again(run: Run) -> None:
    for name in NAMES:
        assert run("fact", "set", f"{name} >> hummed to >> {name} too").code == 0
        assert run("fact", "get", f"{name} >> hummed to >>").out == f"{name} too\n"
        assert run("fact", "list", f"{name} >> >>").out.split("\t")[:3] == [name, "hummed to", f"{name} too"]
    whole = run("export", "--canonical").out
    assert run("--kb", "second", "import", "-", stdin=run("export", "--csv").out).code == 0
    assert run("--kb", "second", "export", "--canonical").out == whole


def test_a_person_is_shown_what_a_table_replaces(run: Run) -> None:
    run("fact", "set", FACTS[0])
    table = "subject,relation,object\nFreedonia,capital,Rufus Town\nFreedonia,continent,Europe\n"
    ran = run("import", "-", "--as-person", stdin=table)
    assert ran.out.splitlines() == [
        "2 facts imported, 2 of them new to reads",
        "- Freedonia >> capital >> Sylvania City",
        "+ Freedonia >> capital >> Rufus Town",
    ]


ROWS = [
    '{"subject": "Freedonia", "relation": "capital", "object": "Rufus Town"}\n["Freedonia", "continent", "Europe"]\n',
    '[{"Subject": "Freedonia", "predicate": "capital", "object": "Rufus Town", "id": 7},\n'
    ' {"subject": "Freedonia", "relation": "continent", "object": "Europe", "valid_from": null}]',
    '[["Freedonia", "capital", "Rufus Town"], ["Freedonia", "continent", "Europe"]]',
    "[('Freedonia', 'capital', 'Rufus Town'),\n ('Freedonia', 'continent', 'Europe')]",
    "('Freedonia', 'capital', 'Rufus Town')\n('Freedonia', 'continent', 'Europe')\n",
]


@pytest.mark.parametrize("text", ROWS)
def test_rows_in_json_are_facts(run: Run, text: str) -> None:
    assert run("import", "-", stdin=text).code == 0
    assert run("fact", "get", "Freedonia >> capital >>").out == "Rufus Town\n"
    assert run("fact", "get", "Freedonia >> continent >>").out == "Europe\n"


KEPT = [
    '{"type": "entity", "name": "Rufus_Firefly", "entityType": "Person", "observations": ["Likes tea", "Is late"]}',
    '{"type": "relation", "from": "Rufus_Firefly", "to": "Splash Inc", "relationType": "works_at"}',
    '{"type": "relation", "from": "Rufus_Firefly", "to": "Pond Ltd", "relationType": "worksAt"}',
]


@pytest.mark.parametrize(
    "text",
    ["\n".join(KEPT), f"[{','.join(KEPT)}]", f'{{"entities": [{KEPT[0]}],\n "relations": [{KEPT[1]}, {KEPT[2]}]}}'],
)
def test_the_memory_of_an_assistant_is_facts_in_its_own_words(run: Run, text: str) -> None:
    assert run("import", "-", stdin=text).code == 0
    assert run("export", "--canonical").out.splitlines() == [
        "Rufus Firefly >> instance of >> Person\tfact",
        "Rufus Firefly >> observation >> Is late\tfact",
        "Rufus Firefly >> observation >> Likes tea\tfact",
        "Rufus Firefly >> works at >> Pond Ltd\tfact",
        "Rufus Firefly >> works at >> Splash Inc\tfact",
    ]
    run("undo")
    assert run("export", "--canonical").out == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"role": "user", "content": "hello"}\n', "This is JSON, but neither an export of memllm nor facts."),
        ("[]", "This is JSON, but neither an export of memllm nor facts."),
        (ROWS[0][:-10], "Line 2 breaks off: the file is incomplete."),
        (ROWS[1][:-20], "Line 2 breaks off: the file is incomplete."),
        (ROWS[3][:-20], "Line 2 breaks off: the file is incomplete."),
        (ROWS[0].replace("[", "", 1), "Line 2 is no JSON."),
        (ROWS[2].replace("[", "[[", 1), "Line 1 is no JSON."),
        ('{"table": "meta", "row": {}}', "what comes before it is missing: the file is incomplete"),
        ('{"memllm": "knowledge base", "sch', "Line 1: it breaks off: the file is incomplete."),
        ('{"subject": "a", "relation": "capitol", "object": "b"}', "no relation is called 'capitol' (nearest: capital"),
        ('{"type": "entity", "name": "a", "observations": [3]}', "line 1: what it says is no text"),
        ('{"type": "relation", "from": "a >> b", "to": "c", "relationType": "d"}', "no name contains >>"),
    ],
)
def test_what_is_wrong_with_json_is_said(run: Run, memory: Memory, text: str, said: str) -> None:
    ran = run("import", "-", stdin=text)
    assert ran.code == 1
    assert said in ran.err
    assert len(ran.err.splitlines()) <= 3
    assert not memory.database.exists()


def test_wrong_files_have_a_line_and_a_code(run: Run, tmp_path: Path) -> None:
    assert run("import", str(tmp_path / "none.csv")).code == 1
    assert run("import", str(tmp_path)).code == 2
    (tmp_path / "latin.csv").write_bytes(b"subject,relation,object\n\xff,capital,B\n")
    assert run("import", str(tmp_path / "latin.csv")).code == 1
    (tmp_path / "empty.csv").write_bytes(b"")
    assert run("import", str(tmp_path / "empty.csv")).code == 1
    assert run("import", "-", stdin="a;b;c\n1;2;3\n").code == 1
    assert run("import", "-", "--format", "xml", stdin=TABLE).code == 2
    assert run("export").code == 2
    fill(run)
    assert run("export", "--csv", "--jsonl").code == 2
    assert run("export", "--csv", "--output", str(tmp_path / "no" / "such" / "x.csv")).code == 1
