"""Mail (eml, mbox) to parts: each message under its subject, with who wrote it to whom and when; quotes read once.

What a message quotes is left out where the quoted message is in the same file, and is a quote where it is not.
Attachments are documents of their own: `attachments` gives them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from email import policy
from email.errors import MessageError
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import parsedate_to_datetime
from pathlib import Path

from memllm_cli.documents.base import MB, Limits, Line, Parsed, Part
from memllm_cli.documents.clean import one_line
from memllm_cli.documents.forms import recognised
from memllm_cli.documents.readers import html, text
from memllm_cli.errors import DocumentError

_HEADERS = ("From", "To", "Cc", "Date", "Subject")
_REPLY = re.compile(r"(?:(?:re|aw|fwd?|wg|tr|rv|sv)\s*(?:\[\d+\])?\s*:\s*)+", re.I)
_WROTE = re.compile(
    r"^(?:On|Am|Le|El|Il|Op|Den)\s.{5,200}(?:wrote|schrieb|a écrit|escribió|ha scritto|schreef|skrev).{0,80}:\s*$", re.S
)
_BEGINS = re.compile(
    r"^\s*(?:-{2,}\s*(?:Original Message|Ursprüngliche Nachricht|Message d'origine|Mensaje original|Forwarded message)"
    r"\s*-{2,}|_{20,})\s*$",
    re.I,
)
_FIELD = re.compile(
    r"^\s*>?\s*\*?(?:From|Von|De|Da|Sent|Gesendet|Envoyé|Date|Datum|To|An|À|Para|Subject|Betreff|Objet)\*?:\s"
)
_SIGNATURE = "-- "
MOST_MESSAGES = 20_000
MOST_ATTACHMENTS = 100
MOST_NESTED = 5
LARGEST = 20 * MB
"""Bytes of an attachment, decoded, above which it is left out."""


def parse(path: Path, name: str, limits: Limits) -> Parsed:
    """The messages of a file; a page is a message. Raises DocumentError for what is no mail, or encrypted."""
    data = path.read_bytes()
    several = data.startswith(b"From ")
    messages = list(_split(data)) if several else [data]
    parsed = Parsed()
    said: set[str] = set()
    repeated = 0
    if len(messages) > MOST_MESSAGES:
        parsed.notes.append(f"only the first {MOST_MESSAGES:,} of {len(messages):,} messages")
    every = [_message(m, name) for m in messages[:MOST_MESSAGES]]
    if not any(_value(m, h) for m in every for h in _HEADERS):
        raise DocumentError(f"{name} is not a mail that can be read", "save the message anew as .eml")
    bodies = [_lines(m) for m in every]
    for body in bodies:
        said.update(_compared(line) for line in _own(body)[0] if line.strip())
    for number, (message, body) in enumerate(zip(every, bodies, strict=True), 1):
        parsed.parts += _head(message, number)
        own, quoted = _own(body)
        parsed.parts += _on(text.parse("\n".join(own)).parts, number)
        new = [line for line in quoted if line.strip()]
        kept = [line for line in new if _compared(line) not in said]
        repeated += len(new) - len(kept)
        if len(kept) > len(new) // 2:
            found = recognised(text.parse("\n".join(_unquoted(quoted))).parts)
            parsed.parts += _on([Part("quote", p.lines) if p.kind == "paragraph" else p for p in found], number)
        files = [_file(part, "") for part in _attached(message)]
        if named := [f for f in files if f]:
            value = f"Attachments: {', '.join(named)}"
            parsed.parts.append(Part("pair", (Line(1, value, number),), 0, "Attachments"))
    if repeated:
        parsed.notes.append("what messages quote of others in this file was read once")
    bare = all(p.kind in ("pair", "heading") for p in parsed.parts)
    if bare and any(m.get_content_type() in _SEALED for e in every for m in e.walk()):
        raise DocumentError(f"{name} is encrypted mail", "save the message unencrypted in your mail program")
    parsed.title = _REPLY.sub("", _value(every[0], "Subject")) if len(every) == 1 else ""
    return parsed


_SEALED = ("multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime")


def attachments(path: Path) -> list[tuple[str, bytes]]:
    """The files of a mail or mailbox, those of mails within it too: a name without folders, and the content."""
    data = path.read_bytes()
    out: list[tuple[str, bytes]] = []
    for message in _split(data) if data.startswith(b"From ") else [data]:
        for number, part in enumerate(_attached(_message(message, path.name)), 1):
            content = part.get_payload(decode=True)
            if isinstance(content, bytes) and 0 < len(content) <= LARGEST and len(out) < MOST_ATTACHMENTS:
                out.append((_file(part, f"attachment-{number}"), content))
    return out


def _split(data: bytes) -> Iterator[bytes]:
    """The messages of a mailbox; lines that it marked because they begin with "From " are as they were."""
    for piece in re.split(rb"(?:\A|\r?\n\r?\n)From [^\n]*\d\d:\d\d[^\n]*\r?\n", data):
        if piece.strip():
            yield re.sub(rb"^>(>*From )", rb"\1", piece, flags=re.M)


def _message(data: bytes, name: str) -> EmailMessage:
    try:
        message = BytesParser(policy=policy.default).parsebytes(data)
    except (MessageError, ValueError, RecursionError):
        raise DocumentError(f"{name} is not a mail that can be read", "save the message anew as .eml") from None
    assert isinstance(message, EmailMessage)
    return message


def _value(message: EmailMessage, header: str) -> str:
    """A header, decoded; what is broken in it as it stands."""
    try:
        return one_line(str(message.get(header) or ""))
    except Exception:  # the parser of headers raises whatever a broken one makes it meet
        return one_line(str(next((v for k, v in message.raw_items() if k.lower() == header.lower()), "")))


def _head(message: EmailMessage, number: int) -> Iterator[Part]:
    subject = _value(message, "Subject") or "Message"
    yield Part("heading", (Line(1, subject, number),), 1)
    for key in _HEADERS:
        value = _value(message, key)
        if key == "Date" and value:
            with suppress(ValueError, TypeError, IndexError):  # a date that is none stays as it is written
                value = parsedate_to_datetime(value).strftime("%Y-%m-%d %H:%M")
        if value:
            yield Part("pair", (Line(1, f"{key}: {value}", number),), 0, key)


def _parts(message: EmailMessage, depth: int = 0) -> Iterator[EmailMessage]:
    """The leaves of a message, mails within it not opened."""
    if message.is_multipart() and message.get_content_maintype() != "message" and depth < 30:
        for part in message.iter_parts():
            if isinstance(part, EmailMessage):
                yield from _parts(part, depth + 1)
    else:
        yield message


def _is_attached(part: EmailMessage) -> bool:
    return part.get_content_disposition() == "attachment" or (
        bool(part.get_filename())
        and (part.get_content_disposition() != "inline" or not part.get_content_type().startswith("text/"))
    )


def _attached(message: EmailMessage, depth: int = 0) -> Iterator[EmailMessage]:
    for part in _parts(message):
        if part.get_content_type() == "message/rfc822":
            inner = part.get_payload()
            if isinstance(inner, list) and inner and isinstance(inner[0], EmailMessage) and depth < MOST_NESTED:
                copy = EmailMessage(policy=policy.default)
                copy["Content-Disposition"] = 'attachment; filename="message.eml"'
                copy.set_payload(inner[0].as_bytes())
                yield copy
                yield from _attached(inner[0], depth + 1)
        elif _is_attached(part):
            yield part


def _file(part: EmailMessage, otherwise: str) -> str:
    """The name of an attachment, without folders."""
    try:
        name = part.get_filename() or ""
    except Exception:  # as for other headers
        name = ""
    return one_line(re.split(r"[/\\]", name)[-1]).lstrip(".")[:120] or otherwise


def _lines(message: EmailMessage) -> list[str]:
    """The text of a message: plain where there is one, else what its page shows."""
    leaves = [p for p in _parts(message) if not _is_attached(p)]
    plain = [p for p in leaves if p.get_content_type() == "text/plain"]
    pages = [p for p in leaves if p.get_content_type() == "text/html"]
    said = [_content(p) for p in plain]
    if any(t.strip() for t in said):
        return "\n\n".join(said).replace("\r\n", "\n").split("\n")
    out: list[str] = []
    for page in pages:
        try:
            for part in html.parse(_content(page)).parts:
                rows = [" | ".join(c.text for c in row) for row in part.rows]
                out += ["> " * (part.kind == "quote") + line.text for line in part.lines] + rows + [""]
        except DocumentError:
            continue
    return out


def _content(part: EmailMessage) -> str:
    """The text of a leaf; in an unknown or wrong character set what can be read."""
    data = part.get_payload(decode=True)
    if not isinstance(data, bytes):
        return ""
    for charset in (part.get_content_charset() or "utf-8", "utf-8"):
        try:
            return data.decode(charset)
        except (LookupError, UnicodeDecodeError, ValueError):
            continue
    return data.decode("cp1252", "replace")


def _own(lines: list[str]) -> tuple[list[str], list[str]]:
    """What a message says itself, and what it quotes; its signature is neither."""
    own: list[str] = []
    quoted: list[str] = []
    n = 0
    while n < len(lines):
        line = lines[n]
        if line.rstrip("\r\n") in (_SIGNATURE, _SIGNATURE.strip()) and n >= len(lines) - 15:
            break
        two = " ".join(x.strip() for x in lines[n : n + 2]) if line.strip() else ""
        fields = sum(bool(_FIELD.match(x)) for x in lines[n : n + 5])
        if line.lstrip().startswith(">"):
            quoted.append(line)
        elif _WROTE.match(line) or _WROTE.match(two):
            n += 0 if _WROTE.match(line) else 1
        elif _BEGINS.match(line) or (_FIELD.match(line) and fields >= 3):
            quoted += lines[n + bool(_BEGINS.match(line)) :]
            break
        else:
            own.append(line)
        n += 1
    return own, quoted


def _unquoted(lines: list[str]) -> list[str]:
    return [re.sub(r"^\s*(?:>\s?)+", "", line) for line in lines]


def _compared(line: str) -> str:
    """A line as it is compared with others: without marks of quoting and white space."""
    return re.sub(r"[\s>]+", "", line).casefold()


def _on(parts: list[Part], number: int) -> Iterator[Part]:
    for part in parts:
        lines = tuple(Line(line.number, line.text, number) for line in part.lines)
        yield Part(part.kind, lines or (Line(1, "", number),), part.level, part.label, part.note, part.rows)
