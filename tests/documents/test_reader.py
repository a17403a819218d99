from __future__ import annotations

import hashlib
import io
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memllm_cli.documents import Limits, read, read_text
from memllm_cli.errors import DocumentError
from memllm_cli.types import BLOCK_KINDS


def file(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def problem(path: Path, limits: Limits | None = None) -> str:
    with pytest.raises(DocumentError) as caught:
        read(path, limits or Limits())
    assert path.name in caught.value.message
    assert caught.value.hint
    assert "\n" not in caught.value.message + caught.value.hint
    return caught.value.message


def make_pdf(pages: list[list[tuple[int, str]]], title: str = "", place: str = "1 0 0 1 50 {up}") -> bytes:
    """A PDF written by hand: on each page lines of (font size, text), at places that depend on `up` or `down`."""
    bodies: list[bytes] = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        f"<< /Title ({title}) >>".encode("latin-1"),
    ]
    kids = []
    for lines in pages:
        text = "".join(
            f"BT /F1 {size} Tf {place.format(up=780 - 20 * i, down=20 + 20 * i)} Tm ({line}) Tj ET\n"
            for i, (size, line) in enumerate(lines)
        )
        stream = text.encode("latin-1")
        bodies.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
        content = len(bodies)
        bodies.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents %d 0 R "
            b"/Resources << /Font << /F1 3 0 R >> >> >>" % content
        )
        kids.append(b"%d 0 R" % len(bodies))
    bodies[1] = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(kids), b" ".join(kids))
    out = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, body in enumerate(bodies, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(bodies) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size %d /Root 1 0 R /Info 4 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(bodies) + 1, start)
    return bytes(out)


CONTRACT = [
    [
        (20, "Supply Contract"),
        (10, "The seller delivers goods to the ware-"),
        (10, "house of Acme, and the buyer pays the"),
    ],
    [(10, "price within thirty days. It is fixed."), (10, "2")],
]


def encrypted(password: str) -> bytes:
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(make_pdf(CONTRACT))))
    writer.encrypt(password, "owner", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def test_importing_the_package_is_cheap() -> None:
    code = (
        "import sys, memllm_cli.documents as d; d.find; d.read; "
        "print([m for m in ('bs4', 'pypdfium2', 'markdown_it', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_file(tmp_path: Path) -> None:
    data = b"\xef\xbb\xbfOne.\r\nTwo."
    document = read(file(tmp_path, "my notes.txt", data))
    assert document.text == "One. Two."
    assert document.title == "my notes"
    assert document.sha256 == hashlib.sha256(data).hexdigest()
    assert document.uri == str((tmp_path / "my notes.txt").resolve())
    assert document.notes == ()


def test_encodings(tmp_path: Path) -> None:
    wide = read(file(tmp_path, "a.txt", "Città.".encode("utf-16")))
    assert (wide.text, wide.notes) == ("Città.", ("was UTF-16",))
    old = read(file(tmp_path, "b.txt", "The café costs 5 € a day.".encode("cp1252")))
    assert (old.text, old.notes) == ("The café costs 5 € a day.", ("was not UTF-8; read as Windows-1252",))
    damaged = read(file(tmp_path, "c.txt", "Ä Ö Ü ä ö ü ß é".encode() + b"\xff"))
    assert damaged.text == "Ä Ö Ü ä ö ü ß é\ufffd"
    assert damaged.notes == ("1 byte was damaged UTF-8, replaced",)
    named = read(file(tmp_path, "d.html", b'<meta charset="windows-1251"><p>' + "Привет".encode("cp1251")))
    assert named.text == "Привет"
    guessed = read(file(tmp_path, "e.txt", "Москва является столицей, население города растёт".encode("cp1251")))
    assert guessed.text == "Москва является столицей, население города растёт"
    assert guessed.notes == ("was not UTF-8; read as cp1251, which is a guess",)
    assert "encoding" in problem(file(tmp_path, "f.txt", bytes(random.Random(1).choices(range(0x80, 0x100), k=400))))


def test_lines_of_a_file_are_in_encodings_of_their_own(tmp_path: Path) -> None:
    lines = ["The café is open.".encode(), b"plain", "The naïve “crème” costs 5 €.".encode("cp1252"), "Łódź".encode()]
    mixed = read(file(tmp_path, "a.txt", b"\r\n".join(lines)))
    assert " ".join(mixed.text.split()) == "The café is open. plain The naïve “crème” costs 5 €. Łódź"
    assert mixed.notes == ("1 line was not UTF-8; read as Windows-1252",)
    one = read(file(tmp_path, "b.txt", "In Köln and ".encode() + "Düsseldorf and Orléans".encode("cp1252")))
    assert (one.text, one.notes) == ("In Köln and Düsseldorf and Orléans", mixed.notes)
    loud = "The “CAFÉ” is naïve.\n\n“CAFÉ”"
    assert read(file(tmp_path, "l.txt", loud.encode("cp1252"))).text.split() == loud.split()
    torn = read(file(tmp_path, "c.txt", "Köln and Caf".encode() + b"\xc3 and " + "東".encode()[:2] + b" end"))
    assert torn.text == "Köln and Caf\ufffd and \ufffd end"
    other = read(file(tmp_path, "d.txt", "Köln.\n\n".encode() + "Москва.\n\n".encode("cp1251") + b"Rome."))
    assert other.text.split() == ["Köln.", "Rome."]
    assert other.notes == ("1 line was left out: in an encoding memllm does not know",)
    assert [s.line for s in other.sentences] == [1, 5]


def test_a_declared_set_is_what_browsers_take_it_for(tmp_path: Path) -> None:
    page = '<meta charset="iso-8859-1"><p>“Crème” – 5 €</p>'
    assert read(file(tmp_path, "a.html", page.encode("cp1252"))).text == "“Crème” – 5 €"
    mixed = page.encode("cp1252") + "\n<p>Łódź</p>".encode()
    assert read(file(tmp_path, "b.html", mixed)).text.split() == ["“Crème”", "–", "5", "€", "Łódź"]
    polish = '<meta charset="iso-8859-2"><p>Łódź</p>'
    assert read(file(tmp_path, "c.html", polish.encode("iso8859-2"))).text == "Łódź"
    wide = '<meta charset="gb2312"><p>联通 東</p>'
    assert read(file(tmp_path, "d.html", wide.encode("gbk"))).text == "联通 東"


@pytest.mark.parametrize(
    ("name", "data", "word"),
    [
        ("a.txt", b"", "empty"),
        ("b.txt", b" \n\t\n ", "no text"),
        ("c.md", b"\x7fELF\x00\x01\x02", "binary"),
        ("d.txt", bytes(range(1, 32)) * 20, "binary"),
        ("e.html", b"<html><body><script>x()</script></body></html>", "no text"),
        ("f.md", b"```\ncode\n```\n", "no text"),
        ("g.pdf", b"not a PDF at all", "not a PDF"),
        ("h.pdf", make_pdf(CONTRACT)[:200], "not a PDF"),
        ("i.pdf", make_pdf([[]]), "no text layer"),
        ("j.pdf", encrypted("secret"), "password"),
        ("k.bin", os.urandom(64) + b"\0", "binary"),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, name: str, data: bytes, word: str) -> None:
    assert word in problem(file(tmp_path, name, data))


def test_gone_and_folder(tmp_path: Path) -> None:
    assert "no longer there" in problem(tmp_path / "nothing.txt")
    (tmp_path / "folder.txt").mkdir()
    assert "folder" in problem(tmp_path / "folder.txt")


def test_huge_sparse_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.txt"
    with path.open("wb") as out:
        out.truncate(50 * 1024**3)
    assert "larger than 20 MB" in problem(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_fifo_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    assert "regular file" in problem(tmp_path / "pipe.txt")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_permission(tmp_path: Path) -> None:
    path = file(tmp_path, "closed.txt", b"x")
    path.chmod(0)
    assert "permission denied" in problem(path)


def test_pdf(tmp_path: Path) -> None:
    document = read(file(tmp_path, "c.pdf", make_pdf(CONTRACT)))
    assert document.title == "Supply Contract"
    assert [document.sentence(i) for i in range(len(document.sentences))] == [
        "Supply Contract",
        "The seller delivers goods to the warehouse of Acme, and the buyer pays the price within thirty days.",
        "It is fixed.",
    ]
    assert [(s.page, s.line) for s in document.sentences] == [(1, 1), (1, 2), (2, 1)]
    assert document.sentences[1].heading == "Supply Contract"


@pytest.mark.parametrize("place", ["0 1 -1 0 {down} 50", "0 -1 1 0 {up} 700", "-1 0 0 -1 550 {down}"])
def test_pdf_whose_pages_lie_on_their_side(tmp_path: Path, place: str) -> None:
    document = read(file(tmp_path, "c.pdf", make_pdf(CONTRACT, place=place)))
    assert document.text == read(file(tmp_path, "d.pdf", make_pdf(CONTRACT))).text
    assert document.title == "Supply Contract"


def test_pdf_title_from_its_metadata_and_without_a_suffix(tmp_path: Path) -> None:
    assert read(file(tmp_path, "c", make_pdf(CONTRACT, "The Acme Deal"))).title == "The Acme Deal"
    assert read(file(tmp_path, "d.pdf", make_pdf(CONTRACT, "deal.docx"))).title == "Supply Contract"


def test_pdf_that_opens_with_the_empty_password(tmp_path: Path) -> None:
    assert "warehouse" in read(file(tmp_path, "c.pdf", encrypted(""))).text


def test_pdf_limits(tmp_path: Path) -> None:
    path = file(tmp_path, "c.pdf", make_pdf(CONTRACT))
    assert "took longer" in problem(path, Limits(pdf_seconds=0.001))
    assert "more text" in problem(path, Limits(pdf_output=40))
    assert "larger than" in problem(path, Limits(pdf_bytes=100))


def test_pdf_child_is_stopped_by_an_interrupt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    children: list[subprocess.Popen[bytes]] = []

    class Interrupted(subprocess.Popen[bytes]):
        def __init__(self, command: list[str], **options: object) -> None:
            sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
            super().__init__(sleep, stdout=subprocess.PIPE)
            children.append(self)
            assert self.stdout is not None
            self.stdout.close()
            self.stdout = _Raises()

    class _Raises(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        read(file(tmp_path, "c.pdf", make_pdf(CONTRACT)))
    assert children[0].returncode is not None


def test_the_current_folder_is_not_on_the_childs_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pypdfium2.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    assert "warehouse" in read(file(tmp_path, "c.pdf", make_pdf(CONTRACT))).text


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.binary(max_size=300), suffix=st.sampled_from([".txt", ".md", ".html", ".rst", ""]))
def test_any_bytes_end_in_a_document_or_an_error(tmp_path: Path, data: bytes, suffix: str) -> None:
    path = file(tmp_path, "any" + suffix, data)
    try:
        document = read(path)
    except DocumentError:
        return
    document.text.encode("utf-8")
    assert document.sentences


MARKUP = "<>/!-[]`*_#|:.=~ \n\tab1\"'&;()\\"


@settings(deadline=None)
@given(text=st.text(alphabet=MARKUP, max_size=400), name=st.sampled_from(["a.txt", "a.md", "a.html", "a.rst"]))
def test_sentences_cover_the_text(text: str, name: str) -> None:
    try:
        document = read_text(name, text)
    except DocumentError:
        return
    held = bytearray(len(document.text))  # code and front matter are blocks and no sentences
    for b in document.blocks:
        if b.kind == "code" or b.note == "front matter":
            held[b.start : b.end] = b"1" * (b.end - b.start)
    at = 0
    for s in (*document.sentences, None):
        start, end = (s.start, s.end) if s is not None else (len(document.text), len(document.text))
        assert at <= start <= end
        assert all(c.isspace() or held[at + i] for i, c in enumerate(document.text[at:start]))
        assert s is None or (s.start < s.end and 1 <= s.line <= text.count("\n") + 1)
        at = end


@settings(deadline=None)
@given(text=st.text(alphabet=MARKUP, max_size=400), name=st.sampled_from(["a.txt", "a.md", "a.html", "a.rst"]))
def test_blocks_are_a_tree_that_covers_the_text(text: str, name: str) -> None:
    try:
        document = read_text(name, text)
    except DocumentError:
        return
    covered = bytearray(len(document.text))
    before = 0
    for number, b in enumerate(document.blocks):
        assert b.kind in BLOCK_KINDS
        assert before <= b.start <= b.end <= len(document.text)
        before = b.start
        assert b.parent is None or 0 <= b.parent < number
        if b.parent is not None and b.kind in ("row", "header", "cell"):
            around = document.blocks[b.parent]
            assert around.start <= b.start <= b.end <= around.end
            assert around.kind == ("table" if b.kind != "cell" else around.kind)
        covered[b.start : b.end] = b"1" * (b.end - b.start)
        assert document.path(number) == tuple(p for p in document.path(number) if p)
    assert all(c.isspace() or covered[i] for i, c in enumerate(document.text))
