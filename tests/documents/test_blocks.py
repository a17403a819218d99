"""What a document is made of: blocks, told from running text in every format."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memllm_cli.documents import read_text
from memllm_cli.documents.base import Cell
from memllm_cli.documents.tables import laid_out, shaped, unmarked, value_kind
from memllm_cli.types import Document
from memllm_cli.writing.structure import stated


def kinds(document: Document) -> list[tuple[str, str]]:
    """Kind and text of every block but the cells of tables."""
    return [
        (b.kind, document.block(n)) for n, b in enumerate(document.blocks) if b.kind not in ("cell", "list", "table")
    ]


def labels(document: Document, kind: str) -> list[str]:
    return [b.label for b in document.blocks if b.kind == kind]


def test_markdown_has_every_kind() -> None:
    document = read_text(
        "a.md",
        "---\ntitle: Harbour office\naliases: [Quay, The Office]\n---\n# Harbour office\n\nIt stands.[^1]\n\n"
        "Staff:\n\n- Ann Poe\n  - deputy: Bo Lind\n- Cy Ray\n\n> Quoted words.\n\n```\ncode here\n```\n\n"
        "| Town | Boats |\n|---|---|\n| Rufus Town | 4 |\n\n**Opened:** 1904\n\n[^1]: Since the fire.\n",
    )
    assert document.title == "Harbour office"
    assert kinds(document) == [
        ("pair", "title: Harbour office"), ("pair", "aliases: Quay"), ("pair", "aliases: The Office"),
        ("heading", "Harbour office"), ("paragraph", "It stands."), ("paragraph", "Staff:"), ("item", "Ann Poe"),
        ("item", "deputy: Bo Lind"), ("item", "Cy Ray"), ("quote", "Quoted words."), ("code", "code here"),
        ("header", "Town | Boats"), ("row", "Rufus Town | 4"), ("pair", "Opened: 1904"),
        ("footnote", "Since the fire."),
    ]  # fmt: skip
    assert labels(document, "list") == ["Staff"]
    assert labels(document, "pair")[-1] == "Opened"
    (row,) = [n for n, b in enumerate(document.blocks) if b.kind == "row"]
    cells = [b for b in document.blocks if b.parent == row]
    assert [(b.label, document.text[b.start : b.end], b.row, b.column) for b in cells] == [
        ("Town", "Rufus Town", 1, 0),
        ("Boats", "4", 1, 1),
    ]
    assert document.path(row) == ("Harbour office",)
    assert "code here" not in [document.sentence(i) for i in range(len(document.sentences))]


@pytest.mark.parametrize("depth", [3, 12, 30, 200])
def test_an_item_is_read_at_any_depth(depth: int) -> None:
    text = "".join(f"{'  ' * i}- level {i}\n" for i in range(depth)) + "\nAfter it.\n"
    document = read_text("deep.md", text)
    assert f"level {depth - 1}" in document.text
    assert "After it." in document.text
    assert bool(document.notes) == (depth == 200)  # read as plain text, and that is said


def test_a_note_program_leaves_words_only() -> None:
    document = read_text(
        "n.md",
        '---\naliases: ["Q A"]\nborn: "[[Tromby]]"\n---\n> [!info] About\n'
        "> It is [[Quill Archive|the archive]]. ==Old==.\n\n"
        "%% secret\nplans %%\n\n![[map.png]]\nowner:: [[Ann Poe]] #people\n\n- [x] done thing ^b1\n",
    )
    assert document.text.split("\n") == [
        "aliases: Q A", "born: Tromby", "", "About", "It is the archive. Old.", "", "owner: Ann Poe", "", "done thing",
    ]  # fmt: skip
    assert document.notes == ("left out comments",)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("Tromby<sup>1</sup> is old.", "Tromby is old."),
        ("Tromby<sup><a href='#n'>[3]</a></sup> is old.", "Tromby is old."),
        ("It has 310 m<sup>2</sup>.", "It has 310 m²."),
        ("About 10<sup>6</sup> of them, the 2<sup>nd</sup> time.", "About 10⁶ of them, the 2nd time."),
        ("x<sup>2</sup> + y<sub>1</sub>", "x² + y1"),
    ],
)
def test_raised_text_is_a_note_an_exponent_or_an_ending(source: str, text: str) -> None:
    assert read_text("a.html", f"<p>{source}</p>").text == text
    if "<a" not in source:
        assert read_text("a.md", source).text == text


def test_a_mail_has_a_head_and_quotes() -> None:
    document = read_text(
        "m.txt",
        "From: Ines <ines@t.example>\nTo: Tom\nDate: Tue, 10 Mar 2026\nSubject: The pilot\n\nIt starts on 17 April.\n\n"
        "On 9 March Tom wrote:\n> It starts on\n> 27 March.\n>\n>> Does it start?\n",
    )
    assert document.title == "The pilot"
    assert labels(document, "pair") == ["From", "To", "Date", "Subject"]
    assert [(b.level, document.block(n)) for n, b in enumerate(document.blocks) if b.kind == "quote"] == [
        (1, "It starts on 27 March."),
        (2, "Does it start?"),
    ]


def test_an_exported_chat_is_turns() -> None:
    document = read_text(
        "c.txt",
        "[12/03/2026, 14:05:11] Dana: I live in Tromby now\n[12/03/2026, 14:05:40] Marek: Nice!\nReally.\n"
        "[12/03/2026, 14:06:01] Dana: <Media omitted>\n[12/03/2026, 14:07:00] Dana: Yes\n",
    )
    turns = [(b.label, b.note, document.block(n)) for n, b in enumerate(document.blocks) if b.kind == "turn"]
    assert turns == [
        ("Dana", "12/03/2026, 14:05:11", "Dana: I live in Tromby now"),
        ("Marek", "12/03/2026, 14:05:40", "Marek: Nice! Really."),
        ("Dana", "12/03/2026, 14:07:00", "Dana: Yes"),
    ]


def test_a_talk_is_turns_and_a_form_is_pairs() -> None:
    talk = "\n\n".join(f"{n}: I think that is so.\n\n{m}: No, it is not." for n, m in [("Ann Poe", "Bo")] * 3)
    assert labels(read_text("t.txt", talk), "turn") == ["Ann Poe", "Bo"] * 3
    form = read_text(
        "f.txt", "Name: Zed\nBorn: 4 May 1970\nCity: Ostrava\n\nHe wrote: it is a long way to go from here.\n"
    )
    assert labels(form, "pair") == ["Name", "Born", "City"]
    assert [b.kind for b in form.blocks][-1] == "paragraph"


def test_a_value_that_goes_on_belongs_to_its_key() -> None:
    for name in ("p.txt", "p.rst"):
        document = read_text(name, "PEP: 7\nAuthor: Ann Poe,\n        Bo Lind\nStatus: Final\n\nText follows here.\n")
        pairs = [document.block(n) for n, b in enumerate(document.blocks) if b.kind == "pair"]
        assert pairs == ["PEP: 7", "Author: Ann Poe, Bo Lind", "Status: Final"], name


def test_rst_has_fields_definitions_code_and_tables() -> None:
    document = read_text(
        "r.rst",
        "Title\n=====\n\n:Author: Ann Poe\n:Version: 2\n\nTerm\n    What it means.\n\nSo::\n\n    code()\n\n"
        "====  =====\nTown  Boats\n====  =====\nRufus 4\nOst   5\n====  =====\n\nText [1]_ here.\n\n.. [1] A note.\n",
    )
    assert ("term", "Term") in kinds(document)
    assert labels(document, "definition") == ["Term"]
    assert ("code", "code()") in kinds(document)
    assert [t for k, t in kinds(document) if k == "row"] == ["Rufus | 4", "Ost | 5"]
    assert ("paragraph", "Text here.") in kinds(document)
    assert ("footnote", "A note.") in kinds(document)


# -- tables ---------------------------------------------------------------------------------------------------------


def cells(*rows: str, header: int = 0) -> list[list[Cell]]:
    return [[Cell(c.strip(), n, header=n < header) for c in row.split("|")] for n, row in enumerate(rows)]


def test_a_header_of_several_rows_is_one_name_a_column() -> None:
    shape = shaped(cells(
        " | | Years ended June 30, |", " | 2019 | 2018 | 2017", " | | (in millions) |", "Fees | 4.1 | 3.0 | 2.2",
        "Rent | 7 | 6 | 5",
    ))  # fmt: skip
    assert (shape.head, shape.named, shape.sure) == (3, True, True)
    assert shape.columns[1:] == ["Years ended June 30, 2019", "Years ended June 30, 2018", "Years ended June 30, 2017"]
    assert shape.rows[3:] == ["Fees", "Rent"]


def test_a_name_goes_on_from_the_first_column_and_reaches_over_its_own_columns_only() -> None:
    years = shaped(cells("Years to 31 March: | 2019 | 2018", "Fees | 4 | 3", "Rent | 7 | 6", header=1))
    assert years.columns[1:] == ["Years to 31 March 2019", "Years to 31 March 2018"]
    towns = shaped(cells("Town | 2019 | 2018", "Rufus | 4 | 3", "Ost | 7 | 6", header=1))
    assert towns.columns[1:] == ["2019", "2018"]
    noted = shaped(cells(" | | 2019 | 2018", " | Note | EUR | EUR", "Fees | 3 | 41 | 30", "Rent | 4 | 7 | 6", header=2))
    assert noted.columns[1:] == ["Note", "2019", "2018"]
    life = shaped(
        cells(" | | 31 March | ", " | Life | 2019 | 2018", "Barge | 9 | 41 | 30", "Crane | 8 | 7 | 6", header=2)
    )
    assert life.columns[1:] == ["Life", "31 March 2019", "31 March 2018"]
    part = shaped(cells(" | 2019 | 2018 | 2017", " | Sea trade | | ", "Fees | 4 | 3 | 2", "Rent | 7 | 6 | 5"))
    assert part.columns[1:] == ["2019", "2018", "2017"]


def test_units_stand_beside_the_names() -> None:
    shape = shaped(cells("Costs | | ", " | 2019 | 2018", " | €m | €m", "Fees | 4.1 | 3.0", "Rent | 7 | 6"))
    assert (shape.columns[1:], shape.units[1:]) == (["2019", "2018"], ["€m", "€m"])


def test_a_table_without_a_head_is_not_sure() -> None:
    shape = shaped(cells("Ann | likes | tea", "Bo | likes | cake", "Cy | hates | rain"))
    assert not shape.sure
    assert not shaped(cells("a | b", "a | c", "a | d", header=1)).sure  # the first column names nothing


def test_cells_that_reach_over_others_stand_at_each_place() -> None:
    grid = laid_out([[Cell("a", 1, width=2), Cell("b", 1, height=2)], [Cell("c", 2), Cell("d", 2)]])
    assert [[c.text if c else "" for c in row] for row in grid] == [["a", "a", "b"], ["c", "d", "b"]]


def test_no_cell_of_a_very_wide_row_is_lost() -> None:
    row = "".join(f"<td>c{n}</td>" for n in range(700))
    text = read_text("w.html", f"<p>Before.</p><table><tr>{row}</tr><tr><td>a</td><td>b</td></tr></table>").text
    assert all(f"c{n} " in text + " " or f"c{n}\n" in text for n in range(700))


def test_properties_of_one_thing_and_of_several() -> None:
    record = shaped(cells("Capital | Marn", "Founded | 1904", "People | 2,400"))
    assert record.record
    compared = shaped(cells(" | Model A | Model B", "Price | 10 EUR | 12 EUR", "Sold | 2020-01-02 | 2021-02-03",
                            "Colour | red | blue", header=1))  # fmt: skip
    assert compared.transposed
    assert not shaped(cells(" | 2019 | 2018", "Fees | 4 | 3", "Rent | 7 | 6", "Tax | 1 | 2", header=1)).transposed


def test_rows_that_head_others_are_groups() -> None:
    shape = shaped(cells(" | 2019", "Land: | ", "Other | 4", "Sea: | ", "Other | 7", header=1))
    assert shape.rows == ["", "", "Land: Other", "", "Sea: Other"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [("", "nothing"), ("—", "nothing"), ("2019", "year"), ("3 May 2025", "date"), ("2025-05-03", "date"),
     ("$ 1,452.4", "number"), ("(12)", "number"), ("95.2%", "number"), ("red", "text")],
)  # fmt: skip
def test_what_cells_hold(text: str, kind: str) -> None:
    assert value_kind(text) == kind


def test_marks_of_notes_are_no_part_of_a_name() -> None:
    assert [unmarked(n) for n in ("Total debt(2)", "Loan due July 2023(1)", "Rate*", "Section 5(1)", "CO2")] == [
        "Total debt", "Loan due July 2023", "Rate", "Section 5(1)", "CO2",
    ]  # fmt: skip


_CELL = st.sampled_from(
    ["", "–", "Rufus", "4", "2019", "EUR 4", "3 May 2025", "(in millions)", "Total", "a sentence. Or two."]
)
_SPAN = st.integers(1, 3)
_ROWS = st.lists(st.lists(st.tuples(_CELL, _SPAN, _SPAN, st.booleans()), max_size=4), max_size=5)


@given(_ROWS)
def test_no_table_breaks_the_reader_or_loses_a_cell(rows: list[list[tuple[str, int, int, bool]]]) -> None:
    source = "<p>Before.</p><table>"
    for row in rows:
        source += "<tr>"
        for text, width, height, head in row:
            tag = "th" if head else "td"
            source += f"<{tag} colspan={width} rowspan={height}>{text}</{tag}>"
        source += "</tr>"
    document = read_text("t.html", source + "</table><p>After.</p>")
    for text in (cell[0] for row in rows for cell in row if cell[0]):
        assert text in document.text
    for fact in stated(document):
        assert document.blocks[fact.block].kind == "cell"


@given(st.lists(st.lists(_CELL, min_size=1, max_size=4), min_size=1, max_size=5))
def test_no_table_of_text_breaks_the_reader(rows: list[list[str]]) -> None:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    width = len(rows[0])
    for name, text in (
        ("t.md", "\n".join([lines[0], "|" + "---|" * width, *lines[1:]])),
        ("t.txt", "\n".join(lines)),
    ):
        document = read_text(name, "Before.\n\n" + text + "\n\nAfter.\n")
        assert document.text.endswith("After.")
        list(stated(document))


# -- what stands side by side, or one in the other --------------------------------------------------------------------


def test_keys_that_stand_side_by_side_are_pairs_each_or_text() -> None:
    form = read_text("f.txt", "Patient: Ann Poe     Sex: F     Ward: 7\nTaken: 11 March      Clerk: Bo\n")
    assert labels(form, "pair") == ["Patient", "Sex", "Ward", "Taken", "Clerk"]
    head = read_text("h.txt", "Updates: 7777          Univ. of Ost\nNumber: 9\nYear: 1998\n\nText follows.\n")
    assert "Updates" not in labels(head, "pair")
    assert "Univ. of Ost" in head.text


def test_a_title_above_a_form_is_no_part_of_its_first_key() -> None:
    assert labels(read_text("f.txt", "Depot form\nName: Ann Poe\nCity: Oslo\n"), "pair") == ["Name", "City"]


def test_a_field_of_a_note_ends_with_its_line() -> None:
    document = read_text("n.md", "Area:: 12 ha\n(a note)\nColour:: red\n")
    assert [t for k, t in kinds(document) if k == "pair"] == ["Area: 12 ha", "Colour: red"]
    assert "(a note)" in document.text


def test_tables_and_texts_of_any_directive_of_rst_are_read() -> None:
    document = read_text(
        "r.rst",
        "T\n=\n\n.. list-table:: Prices\n   :header-rows: 1\n\n"
        "   * - Ticket\n     - Adult\n   * - Single\n     - 2.50\n\n"
        '.. csv-table:: More\n   :header: "Ticket", "Child"\n\n   "Return, day", 3.10\n\n'
        ".. table:: Drawn\n\n   ====  =====\n   Town  Boats\n   ====  =====\n   Ost   4\n   ====  =====\n\n"
        ".. figure:: a.png\n\n   The harbour.\n\n.. custom:: Said\n\n   It is text.\n",
    )
    rows = [t for k, t in kinds(document) if k in ("header", "row")]
    assert rows == [
        "Ticket | Adult", "Single | 2.50", "Ticket | Child", "Return, day | 3.10", "Town | Boats", "Ost | 4",
    ]  # fmt: skip
    for text in ("The harbour.", "Said", "It is text.", "Drawn"):
        assert text in document.text
    assert "a.png" not in document.text


def test_names_in_angles_that_are_no_elements_are_text() -> None:
    document = read_text("d.md", "Host is db <primary>, a List<String>, <b>bold</b>.\n")
    assert document.text == "Host is db <primary>, a List<String>, bold."


def test_the_name_of_a_group_of_rows_is_no_column() -> None:
    document = read_text(
        "g.html",
        "<table><tr><th>Part</th><th>Basic</th><th>Pro</th></tr><tr><th colspan=3>Storage</th></tr>"
        "<tr><td>Disk</td><td>10</td><td>99<sup>a</sup></td></tr><tr><th colspan=3>Help</th></tr>"
        "<tr><td>Phone</td><td>9</td><td>24</td></tr></table>",
    )
    cells = [(b.label, document.block(n)) for n, b in enumerate(document.blocks) if b.kind == "cell" and b.label]
    assert ("Basic", "9") in cells
    assert ("Pro", "99") in cells
    assert {b.note for b in document.blocks if b.kind == "row"} >= {"Storage", "Help"}
