"""What a person does with structure: read it in, look at it, name its relations, take it back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]

PAGE = (
    "# Pump 7\n\nMaker: Ostrava Works\nYear: 1998\n\nIt stands in the yard and is old.\n\n"
    "| Part | Cost price | Sold by |\n|---|---|---|\n| Seal | EUR 4 | Ost Ltd |\n| Ring | EUR 9 | Marn AG |\n"
)


@pytest.fixture
def page(tmp_path: Path) -> str:
    file = tmp_path / "pump.md"
    file.write_text(PAGE, encoding="utf-8")
    return str(file)


def facts(run: Run) -> set[str]:
    return {" >> ".join((f["subject"], f["relation"], f["object"])) for f in run("--json", "fact", "list").data}


def names(run: Run) -> set[str]:
    return {r["name"] for r in run("--json", "relation", "list", "--from-documents").data}


def test_structure_is_read_without_a_model_and_undone_with_all_it_made(run: Run, page: str) -> None:
    run("fact", "set", "Sylvania City >> capital of >> Freedonia")
    before = run("export", "--canonical").out
    ran = run("ingest", page, "--structure")
    assert ran.code == 0, ran.err
    assert "47 % of their 36 words gave neither" in ran.err
    assert facts(run) >= {
        "Seal >> Cost price >> EUR 4",
        "Ring >> Sold by >> Marn AG",
        "Pump 7 >> creator >> Ostrava Works",
    }
    assert {"Cost price", "Sold by"} <= names(run)
    assert run("fact", "get", "Seal >> sold by >>").out == "Ost Ltd\n"
    run("undo")
    assert run("--json", "ingest", "--status", page).data["documents"][0]["state"] == "new"
    assert names(run) == set()
    assert run("export", "--canonical").out == before
    assert run("--json", "source", "list").data == []
    run("undo", str(run("--json", "log").data[0]["operation"]))  # the undo
    assert run("fact", "get", "Seal >> sold by >>").out == "Ost Ltd\n"


def test_a_relation_goes_with_its_document_unless_a_person_uses_it(run: Run, page: str) -> None:
    run("ingest", page, "--structure")
    run("fact", "set", "Bolt >> Sold by >> Zed Ltd")
    run("source", "forget", "pump.md")
    assert names(run) == {"Sold by"}
    assert facts(run) == {"Bolt >> Sold by >> Zed Ltd"}


def test_reading_a_page_again_takes_the_relations_it_has_no_more(run: Run, page: str) -> None:
    run("ingest", page, "--structure")
    Path(page).write_text(PAGE.replace("Cost price", "Retail value"), encoding="utf-8")
    run("ingest", page, "--structure")
    assert "Cost price" not in names(run)
    assert "Seal >> Retail value >> EUR 4" in facts(run)


def test_a_relation_is_renamed_and_joined_and_that_is_undone(run: Run, page: str) -> None:
    run("ingest", page, "--structure")
    assert run("relation", "rename", "Sold by", "vendor of parts").code == 0
    assert "Seal >> vendor of parts >> Ost Ltd" in facts(run)
    assert run("fact", "get", "Seal >> Sold by >>").out == "Ost Ltd\n"  # the old name stays an alias
    run("undo")
    assert "Seal >> Sold by >> Ost Ltd" in facts(run)
    assert run("relation", "join", "Cost price", "Sold by").code == 0
    assert {"Seal >> Sold by >> EUR 4", "Seal >> Sold by >> Ost Ltd"} <= facts(run)
    run("undo")
    assert "Seal >> Cost price >> EUR 4" in facts(run)
    assert run("relation", "join", "Cost price", "Cost price").code == 2
    assert run("relation", "rename", "Cost price", " ").code == 2


def test_a_relation_of_a_person_needs_no_adding_but_a_slip_is_asked_about(run: Run) -> None:
    ran = run("fact", "set", "Lumen Station >> architect of record >> Piet Ostrava")
    assert ran.code == 0, ran.err
    assert "'architect of record' is a new relation" in ran.err
    assert run("fact", "get", "Lumen Station >> architect of record >>").out == "Piet Ostrava\n"
    slip = run("fact", "set", "Freedonia >> capitol >> Marn")
    assert slip.code == 1
    assert "did you mean 'capital'" in slip.err
    assert facts(run) == {"Lumen Station >> architect of record >> Piet Ostrava"}


def test_source_show_says_what_each_block_gave(run: Run, page: str) -> None:
    run("ingest", page, "--structure")
    shown = run("source", "show", "pump.md")
    assert shown.code == 0
    assert "Seal >> Sold by >> Ost Ltd" in shown.out
    assert "It stands in the yard" in shown.out
    blocks = run("--json", "source", "show", "pump.md").data["blocks"]
    (row,) = [b for b in blocks if b["kind"] == "row" and b["label"] == "Seal"]
    assert (row["text"], row["facts"]) == ("Seal | EUR 4 | Ost Ltd", 2)
    cells = [b for b in blocks if b["parent"] == row["number"]]
    assert [(c["label"], c["column"], c["text"]) for c in cells][1:] == [
        ("Cost price", 1, "EUR 4"),
        ("Sold by", 2, "Ost Ltd"),
    ]


def test_evidence_is_a_row_with_its_columns(run: Run, page: str) -> None:
    run("ingest", page, "--structure")
    why = run("fact", "why", "Seal >> Sold by >> Ost Ltd")
    assert "Cost price: EUR 4" in why.out
    (fact,) = [f for f in run("--json", "fact", "list").data if f["object"] == "Ost Ltd"]
    (evidence,) = fact["evidence"]
    assert set(evidence) >= {"uri", "title", "start", "end", "page", "line", "sentence", "block"}
    assert evidence["line"] == PAGE[: PAGE.index("| Seal")].count("\n") + 1
    block = {key: value for key, value in evidence["block"].items() if value}
    assert block == {"kind": "cell", "path": ["Pump 7"], "row": "Seal", "column": "Sold by"}


def test_the_state_of_files_and_trying_again(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "good.md").write_text(PAGE, encoding="utf-8")
    (folder / "bad.pdf").write_bytes(b"%PDF-1.4\nbroken")
    (folder / "none.txt").write_text(" \n", encoding="utf-8")

    def states() -> dict[str, str]:
        rows = run("--json", "ingest", "--status", str(folder)).data["documents"]
        return {Path(row["path"]).name: row["state"] for row in rows}

    assert states() == {"good.md": "new", "bad.pdf": "failed", "none.txt": "empty"}
    assert not (tmp_path / "home" / "kb" / "default" / "facts.duckdb").exists()  # looking makes no memory
    partly = run("--json", "ingest", "--structure", str(folder))
    assert (partly.code, len(partly.out.splitlines())) == (3, 1)
    assert (partly.envelope["ok"], len(partly.envelope["data"]["failed"])) == (False, 2)
    assert states()["good.md"] == "done"
    (folder / "good.md").write_text(PAGE + "\nMore.\n", encoding="utf-8")
    assert states()["good.md"] == "changed"
    (folder / "bad.pdf").unlink()
    (folder / "none.txt").write_text("Owner: Ann Poe\nRoom: 12\n", encoding="utf-8")
    ran = run("--json", "ingest", "--structure", "--retry-failed")
    assert ran.code == 0, ran.out
    assert [Path(d["path"]).name for d in ran.data["documents"]] == ["none.txt"]
    assert "nothing failed" in run("ingest", "--structure", "--retry-failed").out


def test_standard_input_is_a_document(run: Run) -> None:
    ran = run("ingest", "--structure", "-", "--name", "pump.md", stdin=PAGE)
    assert ran.code == 0, ran.err
    assert "Ring >> Sold by >> Marn AG" in facts(run)
    assert run("source", "show", "pump.md").code == 0
    assert run("ingest").code == 2
    assert run("ingest", "--structure", "-", "--name", "p.pdf", stdin="%PDF-1.4").code == 2
    assert run("ingest", "--structure", "-", stdin="\0\1\2\0" * 50).code == 1


def test_other_names_in_front_matter_are_names_and_come_again_with_the_next_reading(run: Run, tmp_path: Path) -> None:
    note = tmp_path / "bank.md"
    note.write_text("---\naliases: [NGB]\n---\n# Northern Grain Bank\n\nSeat: Tromby\nYear: 1931\n", encoding="utf-8")
    table = tmp_path / "t.md"
    table.write_text("# T\n\n| Bank | Chair |\n|---|---|\n| NGB | Ann Poe |\n| Ost | Bo |\n", encoding="utf-8")
    run("ingest", "--structure", str(note), str(table))
    for _ in range(2):
        assert run("fact", "get", "NGB >> Year >>").out == "1931\n"
        assert run("fact", "get", "Northern Grain Bank >> chairperson >>").out == "Ann Poe\n"
        note.write_text(note.read_text(encoding="utf-8") + "\nMore.\n", encoding="utf-8")
        run("ingest", "--structure", str(note))
    run("undo", "--run")
