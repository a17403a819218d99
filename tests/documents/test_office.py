"""Files of office programs: what is read, as what it is shown, and what becomes of broken and hostile ones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from memllm_cli.documents import read
from memllm_cli.documents.base import Limits
from memllm_cli.documents.readers.office.numbers import shown
from memllm_cli.documents.readers.separated import separator_of
from memllm_cli.errors import DocumentError
from memllm_cli.types import Document
from memllm_cli.writing.structure import stated
from tests.documents import made

ROWS = [["Supplier", "Country", "Yearly fee"], ["Osprey Couriers", "Ireland", "EUR 1,900"],
        ["Brightkiln Print", "Portugal", "EUR 3,150"], ["Pellworm Hosting", "Ireland", "EUR 6,480"]]  # fmt: skip


def html(path: Path) -> Path:
    rows = "".join("<tr>" + "".join(f"<td>{c}</td>" for c in row) + "</tr>" for row in ROWS)
    path.write_text(f"<html><body><table>{rows}</table></body></html>", encoding="utf-8")
    return path


def markdown(path: Path) -> Path:
    lines = ["| " + " | ".join(row) + " |" for row in ROWS]
    path.write_text("\n".join([lines[0], "|---|---|---|", *lines[1:]]), encoding="utf-8")
    return path


def separated(path: Path) -> Path:
    path.write_text("\n".join(";".join(row) for row in ROWS), encoding="utf-8")
    return path


MAKERS: dict[str, Callable[[Path], Path]] = {
    "docx": lambda p: made.docx(p, made.docx_table(ROWS)),
    "xlsx": lambda p: made.xlsx(p, ROWS),
    "ods": lambda p: made.odf(p, f"<office:spreadsheet>{made.odf_table(ROWS)}</office:spreadsheet>"),
    "odt": lambda p: made.odf(p, f"<office:text>{made.odf_table(ROWS)}</office:text>"),
    "csv": separated,
    "html": html,
    "md": markdown,
}


def facts(document: Document) -> set[tuple[str, str, str]]:
    return {(s.triple.subject, s.triple.relation, s.triple.object) for s in stated(document)}


@pytest.mark.parametrize("kind", MAKERS)
def test_the_same_table_gives_the_same_facts_in_every_format(kind: str, tmp_path: Path) -> None:
    found = facts(read(MAKERS[kind](tmp_path / f"suppliers.{kind}")))
    assert found == {(r[0], ROWS[0][c], r[c]) for r in ROWS[1:] for c in (1, 2)}


def test_word_headings_lists_changes_and_boxes(tmp_path: Path) -> None:
    changed = (
        f'<w:p>{made.run("The fee is ")}<w:del w:id="1"><w:r><w:delText>80</w:delText></w:r></w:del>'
        f'<w:ins w:id="2">{made.run("95")}</w:ins>{made.run(" euros.")}</w:p>'
    )
    parts = "".join(f"<m:{n}><m:r><m:t>{v}</m:t></m:r></m:{n}>" for n, v in (("num", "a"), ("den", "b")))
    math = f"<w:p><m:oMath><m:f>{parts}</m:f></m:oMath></w:p>"
    document = read(made.docx(tmp_path / "a.docx", made.paragraph("Terms", "Heading1") + changed + math))
    assert "The fee is 95 euros." in document.text
    assert r"\frac{a}{b}" in document.text
    assert document.blocks[0].kind in ("heading", "paragraph")


def test_slides_by_title_and_place(tmp_path: Path) -> None:
    document = read(
        made.pptx(
            tmp_path / "a.pptx",
            made.shape("Below.", y=900) + made.shape("Above.", y=100) + made.shape("Plan", kind="title", y=500),
            made.shape("Next", kind="ctrTitle"),
        )
    )
    assert document.text.split("\n\n") == ["Plan", "Above.", "Below.", "Next"]
    assert document.title == "Plan"
    assert [b.page for b in document.blocks] == [1, 1, 1, 2]


def test_a_book_is_read_in_the_order_of_its_spine(tmp_path: Path) -> None:
    document = read(made.epub(tmp_path / "a.epub", "The Mill", "<p>Second.</p>", "<h1>One</h1><p>First.</p>"))
    assert document.title == "The Mill"
    assert document.text.split("\n\n") == ["One", "First.", "Second."]


def test_an_odt_with_notes_lists_and_comments(tmp_path: Path) -> None:
    body = (
        '<office:text><text:h text:outline-level="2">Part</text:h><text:p>Said<text:s/>so.<text:note>'
        "<text:note-citation>1</text:note-citation><text:note-body><text:p>By whom.</text:p></text:note-body>"
        "</text:note>"
        "<office:annotation><text:p>A remark.</text:p></office:annotation></text:p>"
        "<text:list><text:list-item><text:p>one</text:p></text:list-item></text:list></office:text>"
    )
    document = read(made.odf(tmp_path / "a.odt", body))
    assert document.text == "Part\n\nSaid so.\n\none\n\nBy whom."
    assert [b.kind for b in document.blocks] == ["heading", "paragraph", "list", "item", "footnote"]


def test_tables_of_a_sheet_are_parted_by_blank_rows_and_columns(tmp_path: Path) -> None:
    rows: list[list[object]] = [["Fees"], ["Name", "Fee", None, "City", "Staff"], ["Ada", 5, None, "Lyon", 7],
                                ["Bo", 6, None, "Bern", 9], [None], ["A remark stands alone."]]  # fmt: skip
    document = read(made.xlsx(tmp_path / "a.xlsx", rows))
    assert sum(b.kind == "table" for b in document.blocks) == 2
    assert {("Ada", "Fee", "5"), ("Lyon", "Staff", "7")} <= facts(document)
    assert "A remark stands alone." in document.text


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (0.15, "0%", "15 %"),
        (0.155, "0.0%", "15.5 %"),
        (1200, '"€"#,##0.00', "€1,200.00"),
        (1200.5, '#,##0.00 "EUR"', "1,200.50 EUR"),
        (1200, "[$CHF-807] #,##0", "CHF 1,200"),
        (0.1 + 0.2, "General", "0.3"),
        (2026, "0", "2026"),
        (12345.678, "#,##0", "12,345.68"),
        (True, "General", "TRUE"),
        (date(2026, 3, 1), "dd/mm/yyyy", "2026-03-01"),
    ],
)
def test_values_are_what_the_sheet_shows(value: object, form: str, text: str) -> None:
    assert shown(value, form) == text


def test_the_separator_is_found() -> None:
    assert separator_of("a;b\n1,5;2,5\n3,5;4,5") == ";"
    assert separator_of("a\tb\n1, 2\t3") == "\t"
    assert separator_of('a,"b;c;d;e"\n1,2\n3,4') == ","


def test_a_long_table_is_searched_and_gives_no_facts(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("Name,City\n" + "\n".join(f"Person {n},Lyon" for n in range(50)), encoding="utf-8")
    document = read(path, Limits(table_rows=20))
    assert facts(document) == set()
    assert any("51 rows" in note for note in document.notes)
    assert "Name: Person 7 | City: Lyon" in document.text
    assert len(facts(read(path))) == 50


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]><x>&b;</x>'


@pytest.mark.parametrize("suffix", ["docx", "xlsx", "pptx", "odt", "epub"])
@pytest.mark.parametrize("what", ["empty", "text", "cut", "locked", "bare", "bomb", "large"])
def test_broken_and_hostile_files_end_in_a_line(suffix: str, what: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    main = {"docx": "word/document.xml", "xlsx": "xl/workbook.xml", "pptx": "ppt/presentation.xml",
            "odt": "content.xml", "epub": "META-INF/container.xml"}[suffix]  # fmt: skip
    limits = Limits()
    if what == "empty":
        path.write_bytes(b"")
    elif what == "text":
        path.write_text("no archive", encoding="utf-8")
    elif what == "locked":
        path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000))
    elif what == "bare":
        made.archive(path, {"other.txt": "nothing"})
    elif what == "bomb":
        made.archive(path, {main: BOMB})
    elif what == "large":
        made.archive(path, {main: "<x/>", "more.bin": bytes(5000)})
        limits = Limits(package_bytes=1000)
    else:
        made.archive(path, {main: "<x/>" * 500})
        path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(DocumentError) as caught:
        read(path, limits)
    assert path.name in caught.value.message
    assert caught.value.hint


def test_pictures_are_read_by_tesseract_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(b"\x89PNG nothing more")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DocumentError, match="Tesseract is not installed"):
        read(picture)
    program = tmp_path / "tesseract"
    program.write_text("#!/bin/sh\n[ \"$2\" = stdout ] && echo 'The fee is 5 euros.'\n", encoding="utf-8")
    program.chmod(0o755)
    document = read(picture)
    assert document.text == "The fee is 5 euros."
    assert any("OCR" in note for note in document.notes)


def test_a_scanned_pdf_is_drawn_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pypdfium2

    blank = pypdfium2.PdfDocument.new()
    blank.new_page(200, 100)
    blank.new_page(200, 100)
    blank.save(tmp_path / "a.pdf")
    program = tmp_path / "tesseract"
    program.write_text('#!/bin/sh\n/usr/bin/head -c 2 "$1" && echo " is how the page begins."\n', encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    document = read(tmp_path / "a.pdf")
    assert document.text == "P5 is how the page begins.\n\nP5 is how the page begins."
    assert [b.page for b in document.blocks] == [1, 2]
