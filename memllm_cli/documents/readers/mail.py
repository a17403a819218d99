"""Mail (eml, mbox) to parts: each message under its subject, with who wrote it to whom and when; quotes read once.

What a message quotes is left out where the quoted message is in the same file, and is a quote where it is not.
Attachments are documents of their own: `attachments` gives them. Headers are decoded here and not by the library's
policy for them, which takes hours for some that are broken.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from email import policy
from email.errors import MessageError
from email.header import decode_header
from email.message import Message
from email.parser import BytesParser
from email.utils import parsedate_to_datetime
from pathlib import Path

from memllm_cli.documents.base import MB, Limits, Line, Parsed, Part
from memllm_cli.documents.clean import decode, one_line
from memllm_cli.documents.readers import html, mail_text
from memllm_cli.documents.readers.mail_text import Group
from memllm_cli.errors import DocumentError

_HEADERS = ("From", "To", "Cc", "Date", "Subject")
_TRACES = (*_HEADERS, "Message-ID", "Received", "Sender", "Return-Path", "Delivered-To")
"""Headers of which each mail has one."""
_REPLY = re.compile(r"(?:(?:re|aw|antw|fwd?|wg|tr|rv|sv|vs|r)\s{0,3}(?:\[\d{1,3}\])?\s{0,3}:\s*)+", re.I)
_BETWEEN = re.compile(
    rb"(?:\A|\r?\n\r?\n)From \S[^\r\n]{0,200}\d\d:\d\d[^\r\n]{0,25}?\d{4}[^\r\n]{0,100}\r?\n(?=[!-9;-~]{1,80}:|>From )"
)
_MARKED = re.compile(rb"^>(>*From )", re.M)
_BOUNDARY = re.compile(rb"^--([^\s-][^\r\n]{0,70}?)[ \t]*\r?$", re.M)
_ARMOUR = "-----BEGIN PGP MESSAGE-----"
_SEALED = ("multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime")
_SIGNATURES = ("application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature",
               "application/pgp-keys", "application/pgp-encrypted")  # fmt: skip
_SLOW = ("punycode", "idna", "unicode_escape", "raw_unicode_escape", "undefined")
"""Codecs of Python that are no character sets of mail."""
_MEANT = {"iso8859-1": "cp1252", "ascii": "utf-8", "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932",
          "euc_kr": "cp949"}  # fmt: skip
"""Names of character sets under which mail programs write a larger one."""
_SENTENCE = re.compile(r"(?<=[.!?:;])\s+")
MOST_MESSAGES = 20_000
MOST_ATTACHMENTS = 100
MOST_NESTED = 5
MOST_HEADER = 4_000
"""Characters of a header that are read."""
MOST_PARTS = 1_000
"""Parts of a message that are looked at."""
LARGEST = 20 * MB
"""Bytes of an attachment, decoded, above which it is left out."""


def parse(path: Path, name: str, limits: Limits) -> Parsed:
    """The messages of a file; a page is a message, a line one of its text. Raises DocumentError for what is no mail,
    or only encrypted mail."""
    parsed = Parsed()
    every: list[tuple[list[Part], list[Group]]] = []
    said: set[int] = set()
    sealed = traced = 0
    for message in _messages(path.read_bytes(), name):
        if len(every) == MOST_MESSAGES:
            parsed.notes.append(f"only the first {MOST_MESSAGES:,} messages were read")
            break
        groups, is_sealed = _groups(message)
        sealed += is_sealed
        traced += any(message.get(h) is not None for h in _TRACES)
        every.append(([*_head(message), *_attached_names(message)], _ordered(groups)))
        for part in (p for group in groups if not group.quoted for p in group.parts if p.kind != "quote"):
            said.update(_sentences(part))
        parsed.title = _REPLY.sub("", _value(message, "Subject")) if len(every) == 1 else ""
    if not traced:
        raise DocumentError(f"{name} is not a mail that can be read", "save the message anew as .eml")
    if sealed and not any(group.parts for _, groups in every for group in groups):
        raise DocumentError(f"{name} is encrypted mail", "save the message unencrypted in your mail program")
    repeated = False
    for number, (head, groups) in enumerate(every, 1):
        parts = [*head]
        for group in groups:
            kept = [p for p in group.parts if not (_is_quoted(group, p) and _is_said(p, said))]
            repeated = repeated or len(kept) < len(group.parts)
            for part in kept:
                said.update(_sentences(part) if _is_quoted(group, part) else ())
            parts += [*group.head, *kept] if kept or not group.parts else []
        parsed.parts += (_on(part, number) for part in parts)
    if repeated:
        parsed.notes.append("what messages quote of others in this file was read once")
    if sealed:
        parsed.notes.append(f"{'1 message is' if sealed == 1 else f'{sealed:,} messages are'} encrypted")
    return parsed


def attachments(path: Path) -> list[tuple[str, bytes]]:
    """The files of a mail or mailbox, those of mails within it too: a name without folders, and the content."""
    out: list[tuple[str, bytes]] = []
    for message in _messages(path.read_bytes(), path.name):
        for name, part in _attached(message):
            content = _bytes(part)
            if len(out) < MOST_ATTACHMENTS and 0 < len(content) <= LARGEST:
                out.append((name, content))
    return out


# -- messages ---------------------------------------------------------------------------------------------------------


def _messages(data: bytes, name: str) -> Iterator[Message]:
    """The messages of a file, one after the other."""
    data = data.removeprefix(codecs.BOM_UTF8).lstrip()
    for piece in _split(data) if data.startswith(b"From ") else (data,):
        try:
            yield BytesParser(policy=policy.compat32).parsebytes(piece)
        except (MessageError, ValueError, RecursionError):
            raise DocumentError(f"{name} is not a mail that can be read", "save the message anew as .eml") from None


def _split(data: bytes) -> Iterator[bytes]:
    """The messages of a mailbox; lines that it marked because they begin with "From " are as they were."""
    begin = 0
    for match in _BETWEEN.finditer(data):
        if data[begin : match.start()].strip():
            yield _MARKED.sub(rb"\1", data[begin : match.start()])
        begin = match.end()
    if data[begin:].strip():
        yield _MARKED.sub(rb"\1", data[begin:])


def _leaves(message: Message, body: bool = False) -> Iterator[Message]:
    """The parts of a message that have none, mails within it not opened; for its `body` the best of alternatives."""
    stack = [message]
    mends = MOST_NESTED
    for _ in range(MOST_PARTS):
        if not stack:
            return
        part = stack.pop()
        inner = _inner(part)
        if part.get_content_maintype() != "multipart":
            yield part
        elif not inner:
            mends -= 1
            if mends >= 0 and (mended := _mended(part)) is not None:
                stack.append(mended)
            elif body:
                yield part
        elif body and part.get_content_subtype() == "alternative":
            stack += _best(inner)
        else:
            stack += reversed(inner)


def _inner(part: Message) -> list[Message]:
    """The parts that a part consists of; none for a leaf."""
    inner = part.get_payload() if part.is_multipart() else ()
    return [p for p in inner if isinstance(p, Message)]


def _best(parts: Sequence[Message]) -> list[Message]:
    """The one of some alternatives that is read: plain text that is not empty, else the last that may have text."""
    plain = [p for p in parts if p.get_content_type() == "text/plain" and _bytes(p).strip()]
    pages = [p for p in parts if p.get_content_type() == "text/html" or p.get_content_maintype() == "multipart"]
    return plain[:1] or pages[-1:] or list(parts[:1])


def _mended(part: Message) -> Message | None:
    """A part whose boundary is missing or another than it says, with the one that its text shows; None without."""
    data = _bytes(part)
    found = _BOUNDARY.search(data)
    if found is None or b'"' in found[1]:
        return None
    kind = part.get_content_type().encode("ascii", "replace")
    head = b"Content-Type: " + kind + b'; boundary="' + found[1] + b'"\n\n'
    made: Message = BytesParser(policy=policy.compat32).parsebytes(head + data)
    return made if _inner(made) else None


# -- headers ----------------------------------------------------------------------------------------------------------


def _value(message: Message, header: str) -> str:
    """A header, decoded; what is broken in it as it stands."""
    raw = next((str(v) for k, v in message.raw_items() if k.lower() == header.lower()), "")
    if len(raw) > MOST_HEADER:
        raw = raw[:MOST_HEADER].rpartition(",")[0] or raw[:MOST_HEADER]
    return one_line(_words(raw))


def _words(raw: str) -> str:
    """The value of a header, with its encoded words as text."""
    value = _decoded(raw.encode("utf-8", "surrogateescape"), "utf-8")
    try:
        pieces = decode_header(value)
    except (MessageError, ValueError):
        return value
    return "".join(p if isinstance(p, str) else _decoded(p, charset or "utf-8") for p, charset in pieces)


def _head(message: Message) -> Iterator[Part]:
    yield Part("heading", (Line(1, _value(message, "Subject") or "Message"),), 1)
    for key in _HEADERS:
        value = _value(message, key)
        if key == "Date" and value:
            with suppress(ValueError, TypeError, IndexError, OverflowError):  # what is no date stays as it is written
                value = parsedate_to_datetime(value).strftime("%Y-%m-%d %H:%M")
        if value:
            yield Part("pair", (Line(1, f"{key}: {value}"),), 0, key)


# -- text -------------------------------------------------------------------------------------------------------------


def _groups(message: Message) -> tuple[list[Group], bool]:
    """What a message says and quotes, and whether some of it is encrypted."""
    groups: list[Group] = []
    sealed = any(part.get_content_type() in _SEALED for part in (message, *_leaves(message)))
    for part in _leaves(message, body=True):
        kind = part.get_content_type()
        if _is_attached(part) or (kind not in ("text/plain", "text/html") and not kind.startswith("multipart/")):
            continue
        content = _decoded(_bytes(part), _charset(part))
        if _ARMOUR in content:
            sealed = True
            content = content.partition(_ARMOUR)[0]
        if kind == "text/html":
            with suppress(DocumentError):
                groups += mail_text.of_page(html.parse(content).parts)
        else:
            groups += mail_text.of_text(content, str(part.get_param("format") or "").lower() == "flowed")
    return groups, sealed


def _ordered(groups: list[Group]) -> list[Group]:
    """Groups with what the message says itself before quoted messages with a heading, under which it would stand."""
    first = next((n for n, group in enumerate(groups) if group.head), len(groups))
    after = groups[first:]
    return [*groups[:first], *(g for g in after if not g.quoted), *(g for g in after if g.quoted)]


def _bytes(part: Message) -> bytes:
    """The content of a leaf."""
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _charset(part: Message) -> str:
    try:
        return str(part.get_content_charset() or "utf-8")
    except (LookupError, ValueError):
        return "utf-8"


def _decoded(data: bytes, charset: str) -> str:
    """Text in the character set it is said to be in; where that is none, or wrong, as text of a file is."""
    try:
        codec = codecs.lookup(charset).name
        content = data.decode("utf-8" if codec in _SLOW else _MEANT.get(codec, codec))
    except (LookupError, ValueError):
        try:
            content = decode(data, "")[0]
        except DocumentError:
            content = data.decode("cp1252", "replace")
    return content.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _sentences(part: Part) -> list[int]:
    """The sentences of a part as they are compared: hashed, without white space."""
    lines = [line.text for line in part.lines] + [c.text for row in part.rows for c in row]
    pieces = _SENTENCE.split(" ".join(" ".join(lines).split()).casefold())
    return [hash(re.sub(r"[\s>]+", "", piece)) for piece in pieces if piece.strip("> ")]


def _is_quoted(group: Group, part: Part) -> bool:
    return group.quoted or part.kind == "quote"


def _is_said(part: Part, said: set[int]) -> bool:
    """Whether every sentence of a part was read already."""
    return all(sentence in said for sentence in _sentences(part))


def _on(part: Part, number: int) -> Part:
    """A part on the page that its message is."""
    lines = tuple(replace(line, page=number) for line in part.lines)
    return replace(part, lines=lines or (Line(1, "", number),))


# -- attachments ------------------------------------------------------------------------------------------------------


def _is_attached(part: Message) -> bool:
    kind = part.get_content_disposition()
    return kind == "attachment" or (_file(part) != "" and (kind != "inline" or not _is_text(part)))


def _is_text(part: Message) -> bool:
    return part.get_content_type() in ("text/plain", "text/html")


def _attached(message: Message, depth: int = 0) -> Iterator[tuple[str, Message]]:
    """The attachments of a message and of those within it, each with its name."""
    for number, part in enumerate(_leaves(message), 1):
        if part.get_content_type() == "message/rfc822":
            for mail in _inner(part)[:1] if depth < MOST_NESTED else ():
                yield _safe(_value(mail, "Subject"), "message")[:100] + ".eml", _wrapped(mail)
                yield from _attached(mail, depth + 1)
        elif _is_attached(part) and part.get_content_type() not in (*_SIGNATURES, *_SEALED):
            yield _file(part) or f"attachment-{number}", part


def _attached_names(message: Message) -> Iterator[Part]:
    if names := [name for name, _ in _attached(message)][:MOST_ATTACHMENTS]:
        yield Part("pair", (Line(1, f"Attachments: {', '.join(names)}"),), 0, "Attachments")


def _wrapped(mail: Message) -> Message:
    """A mail within another as a file."""
    out: Message = Message()
    with suppress(RecursionError, MessageError, ValueError, LookupError, TypeError):  # one too broken stays empty
        out.set_payload(mail.as_bytes().decode("ascii", "surrogateescape"))
    return out


def _file(part: Message) -> str:
    """The name of an attachment, without folders; "" where it has none."""
    try:
        name = _words(part.get_filename() or "")
    except (LookupError, ValueError, TypeError):  # what parameters of a broken header make the library meet
        return ""
    return _safe(re.split(r"[/\\]", name)[-1], "")


def _safe(name: str, otherwise: str) -> str:
    """A name that a file may have."""
    return one_line(re.sub(r'[/\\:*?"<>|\0]', " ", name)).lstrip(". ")[:120] or otherwise
