"""Mail and mailboxes: messages apart, quotes once, attachments as documents of their own; broken ones end in a line."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path
from time import monotonic

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


def said(document: Document) -> list[tuple[str, str]]:
    """The blocks of a mail behind its head: kind and text."""
    kept = [b for b in document.blocks if b.kind not in ("list", "table", "cell", "header")]
    return [(b.kind, document.text[b.start : b.end]) for b in kept if b.level != 1 or b.kind == "quote"][4:]


@pytest.mark.parametrize(
    "leads",
    ["Bo Berg <bo@tern.example> schrieb am Mo., 2. März 2026, 09:30:", "Le 2 mars 2026 à 09:30, Bo a écrit :",
     "On Mon, 2 Mar 2026 at 9:30 AM Bo Berg <\nbo@tern.example> wrote:", "El 2/3/2026 a las 9:30, Bo escribió:",
     "2026-03-02 9:30 GMT+01:00 Bo Berg <bo@tern.example>:", "Am 02.03.26 um 09:30 schrieb Bo Berg:"],
)  # fmt: skip
def test_answers_stand_under_what_they_answer(leads: str, tmp_path: Path) -> None:
    text = f"{leads}\n\n> What is the fee?\n\n5 euros.\n\n> When is it due?\n\nIn May.\n"
    document = read(written(tmp_path / "a.eml", mail("Re: Fee", text)))
    assert said(document) == [
        ("quote", "What is the fee?"), ("paragraph", "5 euros."), ("quote", "When is it due?"),
        ("paragraph", "In May."),
    ]  # fmt: skip


def test_a_sentence_that_only_looks_like_it_leads_to_a_quote_stays(tmp_path: Path) -> None:
    text = "On Monday we looked at what Bo wrote:\n\nThe fee is due.\n"
    document = read(written(tmp_path / "a.eml", mail("Fee", text)))
    assert said(document)[0] == ("paragraph", "On Monday we looked at what Bo wrote:")


HEADS = (
    ("-----Ursprüngliche Nachricht-----\n", "Von: Bo\nGesendet: 2. März 2026\nAn: Ada\nBetreff: Gebühr\n\n{}"),
    ("________________________________\n", "From: Bo\nSent: 2 March 2026\nTo: Ada\nSubject: Gebühr\n\n{}"),
    ("", "De : Bo\nEnvoyé : 2 mars 2026\nÀ : Ada\nObjet : Gebühr\n\n{}"),
    ("Begin forwarded message:\n\n", "> From: Bo\n> Subject: Gebühr\n> Date: 2 March 2026\n> To: Ada\n>\n> {}"),
)


@pytest.mark.parametrize(("rule", "head"), HEADS)
def test_a_message_that_is_passed_on_has_its_own_head(rule: str, head: str, tmp_path: Path) -> None:
    document = read(
        written(tmp_path / "a.eml", mail("Fwd: Fee", f"See below.\n\n{rule}{head.format('It is 5 euros.')}\n"))
    )
    blocks = said(document)
    assert blocks[0] == ("paragraph", "See below.")
    assert blocks[1] == ("heading", "Gebühr")
    assert blocks[-1] == ("quote", "It is 5 euros.")
    assert [kind for kind, _ in blocks[2:-1]] == ["pair"] * 4


PAGE = (
    "<h2>Plan</h2><p>We sign on 3 May.</p><ul><li>lease</li><li>annex</li></ul>"
    "<p><b>From:</b> Bo<br><b>Sent:</b> Monday<br><b>To:</b> Ada<br><b>Subject:</b> Signing</p><p>When do we sign?</p>"
)


def test_pages_keep_their_structure_and_quotes(tmp_path: Path) -> None:
    message = mail("Re: Signing", " \n")
    message.add_alternative(PAGE, subtype="html")
    assert said(read(written(tmp_path / "a.eml", message))) == [
        ("heading", "Plan"), ("paragraph", "We sign on 3 May."), ("item", "lease"), ("item", "annex"),
        ("heading", "Signing"), ("pair", "From: Bo"), ("pair", "Sent: Monday"), ("pair", "To: Ada"),
        ("pair", "Subject: Signing"), ("quote", "When do we sign?"),
    ]  # fmt: skip


def test_flowed_lines_are_one_paragraph(tmp_path: Path) -> None:
    path = tmp_path / "a.eml"
    path.write_bytes(
        b"From: a@b.example\nContent-Type: text/plain; format=flowed\n\nIt ends on 3 May \n2027.\n> a \n> b\n"
    )
    assert read(path).text.endswith("It ends on 3 May 2027.\n\na b")


def test_a_mailbox_is_not_cut_where_text_begins_with_from(tmp_path: Path) -> None:
    path = tmp_path / "a.mbox"
    one = "From a@b.example Mon Mar  2 09:30:00 2026\r\nFrom: a@b.example\r\nSubject: One\r\n\r\n"
    path.write_bytes(
        f"{one}First.\r\n\r\nFrom our side at 10:30 it is fine, we\r\nsay: yes.\r\n\r\n{one}Last.\r\n".encode()
    )
    assert {b.page for b in read(path).blocks} == {1, 2}


def test_a_quote_that_is_nowhere_else_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "a.mbox"
    rule = b"From ada@tern.example Mon Mar  2 09:30:00 2026\n"
    path.write_bytes(b"".join(rule + mail(f"Re: {n}", QUOTED).as_bytes() + b"\n" for n in range(3)))
    assert read(path).text.count("The fee is 5 euros.") == 1


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
    [b"nothing of a mail\n", b"From: a\n\n-----BEGIN PGP MESSAGE-----\n\nhQEMA5\n-----END PGP MESSAGE-----\n",
     b"\x00\xff\xfe" * 50, b"From: a\nContent-Type: application/pkcs7-mime\n\nAAAA",
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


def test_a_boundary_that_nothing_names_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.eml"
    path.write_bytes(
        b"\xef\xbb\xbf\n\nFrom: a@b.example\nContent-Type: multipart/alternative\n\n--zz\nContent-Type: text/plain\n\n"
        b"The fee is 5 euros.\n--zz\nContent-Type: text/html\n\n<p>The fee is 5 euros.</p>\n--zz--\n"
    )
    assert read(path).text.count("The fee is 5 euros.") == 1


def nested(kind: bytes) -> bytes:
    return b"From: a@b.example\n" + kind * 300


@pytest.mark.parametrize(
    "raw",
    [b"From: " + b"a@b.example, " * 20_000 + b"\nTo: " + b"(" * 50_000 + b"\nSubject: " + b"=?utf-8?q?x?= " * 9_000,
     nested(b"Content-Type: message/rfc822\n\n"), nested(b"Content-Type: multipart/mixed; boundary=x\n\n--x\n"),
     nested(b"Content-Type: multipart/mixed\n\n--x\n"),
     b"From: a@b.example\n\n" + b"From: a\nTo: b\nDate: c\n\n" * 2_000,
     b"From: a@b.example\nContent-Type: text/plain; charset*0*=a'b'c\n\n\xfc\n",
     b"From: a@b.example\nContent-Type: text/html\n\n<p>a</p><blockquote>--</blockquote><p>b</p>",
     b"From: a@b.example\nContent-Type: text/plain; charset=punycode\n\n" + b"a-b" * 50_000],
    ids=["headers", "mails", "parts", "no boundary", "heads", "charset", "dashes", "codec"],
)  # fmt: skip
def test_hostile_mail_is_read_or_refused_soon(raw: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.eml"
    path.write_bytes(raw + b"\nThe fee is 5 euros.\n")
    begun = monotonic()
    assert "a@b.example" in read(path).text
    assert len(list(inside(path))) <= 5
    assert monotonic() - begun < 10
