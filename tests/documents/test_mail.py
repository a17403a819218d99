"""Mail and mailboxes: messages apart, quotes once, attachments as documents of their own; broken ones end in a line."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path

import pytest

from memllm_cli.documents import inside, read
from memllm_cli.errors import DocumentError
from memllm_cli.types import Document


def mail(subject: str, text: str, sender: str = "Ada Quist <ada@tern.example>") -> EmailMessage:
    message = EmailMessage()
    message["From"] = sender
    message["To"] = "Bo Berg <bo@tern.example>"
    message["Date"] = "Mon, 02 Mar 2026 09:30:00 +0100"
    message["Subject"] = subject
    message.set_content(text)
    return message


def written(path: Path, message: EmailMessage) -> Path:
    path.write_bytes(message.as_bytes())
    return path


def test_a_message_has_its_head_and_its_text(tmp_path: Path) -> None:
    document = read(
        written(tmp_path / "a.eml", mail("Re: Fähre nach Süden", "The fee is 5 euros.\n\n-- \nAda\nTern Ltd\n"))
    )
    assert document.title == "Fähre nach Süden"
    pairs = {b.label: document.text[b.start : b.end] for b in document.blocks if b.kind == "pair"}
    assert pairs["From"] == "From: Ada Quist <ada@tern.example>"
    assert pairs["Date"] == "Date: 2026-03-02 09:30"
    assert "The fee is 5 euros." in document.text
    assert "Tern Ltd" not in document.text


QUOTED = "Agreed.\n\nOn Mon, 2 Mar 2026, Ada Quist wrote:\n> The fee is 5 euros.\n> It is due in May.\n"


def test_what_is_quoted_from_elsewhere_is_a_quote(tmp_path: Path) -> None:
    document = read(written(tmp_path / "a.eml", mail("Re: Fee", QUOTED)))
    quotes = [document.text[b.start : b.end] for b in document.blocks if b.kind == "quote"]
    assert quotes == ["The fee is 5 euros. It is due in May."]


def mailbox(path: Path) -> Path:
    first = mail("Fee", "The fee is 5 euros.\nIt is due in May.\nFrom here on it is free.\n")
    second = mail("Re: Fee", QUOTED, "Bo Berg <bo@tern.example>")
    raw = b"".join(
        b"From ada@tern.example Mon Mar  2 09:30:00 2026\n"
        + m.as_bytes().replace(b"\nFrom here", b"\n>From here")
        + b"\n"
        for m in (first, second)
    )
    path.write_bytes(raw)
    return path


def test_a_thread_is_read_once(tmp_path: Path) -> None:
    document = read(mailbox(tmp_path / "a.mbox"))
    assert document.text.count("The fee is 5 euros.") == 1
    assert "From here on it is free." in document.text
    assert [document.text[b.start : b.end] for b in document.blocks if b.kind == "heading"] == ["Fee", "Re: Fee"]
    assert {b.page for b in document.blocks} == {1, 2}
    assert any("once" in note for note in document.notes)


def test_a_page_is_read_where_there_is_no_plain_text(tmp_path: Path) -> None:
    message = mail("Fee", "")
    message.clear_content()
    message.set_content("<p>The fee is <b>5</b> euros.</p><script>x()</script>", subtype="html")
    assert "The fee is 5 euros." in read(written(tmp_path / "a.eml", message)).text


def test_attachments_are_documents(tmp_path: Path) -> None:
    message = mail("Files", "See the files.")
    message.add_attachment(b"The rent is 7 euros.", maintype="text", subtype="plain", filename="../../rent.txt")
    message.add_attachment(b"\x00\x01", maintype="application", subtype="octet-stream", filename="a.bin")
    inner = mail("Inner", "A mail in a mail.")
    inner.add_attachment(b"# Deep\n\nThe key is blue.", maintype="text", subtype="markdown", filename="deep.md")
    message.add_attachment(inner)
    path = written(tmp_path / "a.eml", message)
    found = list(inside(path))
    texts = {d.title: d.text for d in found if isinstance(d, Document)}
    assert texts["rent"] == "The rent is 7 euros."
    assert "The key is blue." in texts["Deep"]
    assert "A mail in a mail." in texts["Inner"]
    assert all(d.uri.startswith(f"{path.resolve()}!/") and ".." not in d.uri for d in found if isinstance(d, Document))
    assert [e.message for e in found if isinstance(e, DocumentError)] == [
        "a.bin (attached) is not a kind of file memllm reads"
    ]
    assert "Attachments: rent.txt, a.bin" in read(path).text


@pytest.mark.parametrize(
    "raw",
    [b"nothing of a mail\n", b"\x00\xff\xfe" * 50, b"From: a\nContent-Type: application/pkcs7-mime\n\nAAAA",
     b"Content-Type: multipart/mixed; boundary=x\n\n"],
)  # fmt: skip
def test_what_is_no_mail_ends_in_a_line(raw: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.eml"
    path.write_bytes(raw)
    with pytest.raises(DocumentError) as caught:
        read(path)
    assert "a.eml" in caught.value.message


def test_broken_headers_and_boundaries_are_survived(tmp_path: Path) -> None:
    path = tmp_path / "a.eml"
    path.write_bytes(
        b"From: =?utf-8?q?broken\nTo: \xff\xfe\nDate: the day before\nSubject: =?nope?x?y?=\n"
        b"Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain; charset=nope\n\n"
        b"The fee is 5 euros.\n"
    )
    assert "The fee is 5 euros." in read(path).text
