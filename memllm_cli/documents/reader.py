"""One file, or text from standard input, as a Document."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import takewhile
from pathlib import Path

from memllm_cli.documents.assemble import Assembled, assemble
from memllm_cli.documents.base import DEFAULT_LIMITS, FRONT_MATTER, Limits, Parsed
from memllm_cli.documents.clean import declared_charset, decode, one_line, sane_title
from memllm_cli.documents.forms import recognised
from memllm_cli.documents.readers import TEXT, Reader, by_content, by_suffix
from memllm_cli.documents.walk import too_large
from memllm_cli.errors import DocumentError
from memllm_cli.types import Document


def read(path: Path, limits: Limits = DEFAULT_LIMITS) -> Document:
    """Read one file by its suffix; another suffix is tried as plain text.

    Raises DocumentError, with the file's name and what to do, for anything that cannot become a document: not a
    regular file, gone, not permitted, empty, too large, binary, no text, and what is wrong with a PDF.
    """
    name = one_line(str(path)) or "the file"
    known = by_suffix(path.suffix)
    data = _bytes(path, name, known, limits)
    reader = known or by_content(data)
    notes: list[str] = []
    if reader.magic:
        parsed = reader.parse_file(Path(os.path.realpath(path)), name, limits)
    else:
        charset = declared_charset(data) if reader.media_type == "text/html" else ""
        text, notes = decode(data, name, charset)
        parsed = _parse(text, reader, name)
    uri = os.path.realpath(path).encode("utf-8", "backslashreplace").decode("utf-8")
    stem = one_line(path.stem) or name
    digest = hashlib.sha256(data).hexdigest()
    return _document(parsed, notes, name, uri, stem, reader.media_type, digest, limits)


INSIDE = "!/"
"""Between the path of a file and the name of what lies in it, as in the address of an attachment."""


def file_of(uri: str) -> str:
    """The file that a document's address is of, or lies in."""
    return uri.partition(INSIDE)[0]


def inside(path: Path, limits: Limits = DEFAULT_LIMITS) -> Iterator[Document | DocumentError]:
    """The documents that lie in a file, as what is attached to a mail does, or what is wrong with one of them."""
    if (reader := by_suffix(path.suffix)) is None or reader.module != "mail":
        return
    from memllm_cli.documents.readers.mail import attachments

    uri = os.path.realpath(path).encode("utf-8", "backslashreplace").decode("utf-8")
    with tempfile.TemporaryDirectory(prefix="memllm-") as folder:
        for number, (name, data) in enumerate(attachments(path), 1):
            if by_suffix(Path(name).suffix) is None:
                yield DocumentError(f"{name} (attached) is not a kind of file memllm reads", "")
                continue
            place = Path(folder, f"{number}{Path(name).suffix}")
            place.write_bytes(data)
            try:
                made = read(place, limits)
            except DocumentError as error:
                problem = error.message.replace(str(place), f"{name} (attached)")
                yield DocumentError(problem, error.hint)
                continue
            title = Path(name).stem if made.title == place.stem else made.title
            yield replace(made, uri=f"{uri}{INSIDE}{number}-{name}", title=title)


def read_text(name: str, text: str, limits: Limits = DEFAULT_LIMITS) -> Document:
    """Text that came another way than from a file, as from standard input; a suffix in `name` says its kind.

    `sha256` is that of the text as UTF-8. Raises DocumentError when there is nothing in it.
    """
    label = one_line(name) or "text"
    reader = by_suffix(Path(label).suffix) or TEXT
    if reader.magic:
        reader = TEXT
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    parsed = _parse(text, reader, label)
    return _document(parsed, [], label, f"stdin:{label}", label, reader.media_type, digest, limits)


def _bytes(path: Path, name: str, known: Reader | None, limits: Limits) -> bytes:
    """The whole file. Opened without waiting, so that a pipe or a device is refused instead of read."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    # A file without a known suffix may be of a binary format: the larger limit until its first bytes are seen.
    limit = limits.bytes_for(known is None or bool(known.magic))
    try:
        descriptor = os.open(path, flags)
        with open(descriptor, "rb") as file:
            info = os.fstat(descriptor)
            if stat.S_ISDIR(info.st_mode):
                raise IsADirectoryError
            if not stat.S_ISREG(info.st_mode):
                raise DocumentError(f"{name} is not a regular file", "name a file, or a folder of files")
            if info.st_size > limit:
                raise _too_large(name, info.st_size, limit)
            data = file.read(limit + 1)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise DocumentError(f"{name} is no longer there", "check the path and run the command again") from None
    except PermissionError:
        raise DocumentError(f"{name} cannot be read: permission denied", "check the file's permissions") from None
    except IsADirectoryError:
        raise DocumentError(f"{name} is a folder, not a file", "name the files in it") from None
    except OSError as error:
        reason = one_line(error.strerror or "input/output error")
        raise DocumentError(f"{name} cannot be read: {reason}", "check the file and its disk") from None
    if known is None and not by_content(data).magic:
        limit = limits.file_bytes
    if len(data) > limit:
        raise _too_large(name, len(data), limit)
    if not data:
        raise DocumentError(f"{name} is empty", "nothing to read in it")
    return data


def _too_large(name: str, size: int, limit: int) -> DocumentError:
    return DocumentError(f"{name} is {too_large(size, limit)}", "split it into smaller files")


def _parse(text: str, reader: Reader, name: str) -> Parsed:
    """Blocks of a text; errors get the file's name in front."""
    try:
        return reader.parse(text)
    except DocumentError as error:
        raise DocumentError(f"{name}: {error.message}", error.hint) from None


def _document(
    parsed: Parsed, notes: list[str], name: str, uri: str, stem: str, media_type: str, sha256: str, limits: Limits
) -> Document:
    made = assemble(recognised(parsed.parts), limits.table_rows)
    if all(b.kind == "code" for b in made.blocks):
        raise DocumentError(f"{name} has no text in it", "nothing to read; check that it is the right file")
    title = sane_title(_titles(parsed.title, made)) or stem
    return Document(
        uri=uri,
        title=title,
        media_type=media_type,
        sha256=sha256,
        text=made.text,
        sentences=made.sentences,
        notes=(*notes, *parsed.notes, *made.notes),
        blocks=made.blocks,
    )


_NAMED = ("title", "subject")
"""Keys under which the head of a page, a mail or a note says what it is called."""


def _titles(found: str, made: Assembled) -> Iterator[str]:
    """What a document may be called: by the form at its head, by what its format says, by a heading.

    A heading among others of its level is a section's, unless it is what the document begins with.
    """
    head = takewhile(lambda b: b.kind == "pair", made.blocks)
    for block in head:
        if block.label.casefold() in _NAMED and block.note != FRONT_MATTER:
            yield made.text[block.start : block.end].partition(":")[2]
    headings = [b for b in made.blocks if b.kind == "heading"]
    first = headings[0] if headings else None
    if first is not None and made.text[first.start : first.end].casefold() == " ".join(found.split()).casefold():
        peers = [b for b in headings if b.level <= first.level]
        body = next((b for b in made.blocks if b.note != FRONT_MATTER), None)
        shouted = found.isupper() and len(peers) > 1
        if len(peers) > 1 and (body is not first or shouted):
            return
    yield found
