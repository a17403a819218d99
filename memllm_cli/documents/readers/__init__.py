"""One reader a format, and the registry of them.

A new format is a module here and a line in `READERS`. A reader of text has `parse(text)`, one of files
`parse(path, name, limits)`; both return `Parsed`. Modules are imported when a file of their kind is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from memllm_cli.documents.base import Limits, Parsed


@dataclass(frozen=True, slots=True)
class Reader:
    """How files of one format are read."""

    module: str
    """Module of this package."""
    media_type: str
    suffixes: tuple[str, ...]
    magic: bytes = b""
    """How a file of a binary format begins. Without it the format is text, which is decoded before it is parsed."""
    member: str = ""
    """What an archive of this format holds, where several formats begin alike."""

    def parse(self, text: str) -> Parsed:
        """Blocks of a text."""
        parsed: Parsed = self._module().parse(text)
        return parsed

    def parse_file(self, path: Path, name: str, limits: Limits) -> Parsed:
        """Blocks of a file of a binary format, called `name` in errors."""
        parsed: Parsed = self._module().parse(path, name, limits)
        return parsed

    def _module(self) -> Any:
        return import_module(f"{__name__}.{self.module}")


_OOXML = "application/vnd.openxmlformats-officedocument"
_ODF = "application/vnd.oasis.opendocument"
_ZIP = b"PK\x03\x04"
TEXT = Reader("text", "text/plain", (".txt", ".text"))
READERS = (
    Reader("markdown", "text/markdown", (".md", ".markdown")),
    TEXT,
    Reader("rst", "text/x-rst", (".rst",)),
    Reader("html", "text/html", (".html", ".htm")),
    Reader("pdf", "application/pdf", (".pdf",), magic=b"%PDF-"),
    Reader("office.word", f"{_OOXML}.wordprocessingml.document", (".docx",), _ZIP, "word/document.xml"),
    Reader("office.sheet", f"{_OOXML}.spreadsheetml.sheet", (".xlsx", ".xlsm"), _ZIP, "xl/workbook.xml"),
    Reader("office.slides", f"{_OOXML}.presentationml.presentation", (".pptx",), _ZIP, "ppt/presentation.xml"),
    Reader("office.odf", _ODF, (".odt", ".ods", ".odp"), _ZIP, "content.xml"),
    Reader("office.epub", "application/epub+zip", (".epub",), _ZIP, "META-INF/container.xml"),
    Reader("ocr", "image/png", (".png",), b"\x89PNG"),
    Reader("ocr", "image/jpeg", (".jpg", ".jpeg"), b"\xff\xd8\xff"),
    Reader("ocr", "image/tiff", (".tif", ".tiff"), b"II*\0"),
    Reader("mail", "message/rfc822", (".eml", ".mbox"), b"From ", "\nFrom: "),
    Reader("captions", "text/vtt", (".vtt", ".srt")),
    Reader("notebook", "application/x-ipynb+json", (".ipynb",)),
    Reader("org", "text/org", (".org",)),
    Reader("separated", "text/csv", (".csv", ".tsv")),
)

FORMATS = tuple(r.suffixes[0] for r in READERS)
"""Endings to name to people, one a format."""


def by_suffix(suffix: str) -> Reader | None:
    """The reader of files with this ending (`.md`, in any case); None when there is none."""
    return next((r for r in READERS if suffix.lower() in r.suffixes), None)


def by_content(data: bytes) -> Reader:
    """The reader of a file without a known ending, by how it begins; plain text where nothing else fits."""
    return next((r for r in READERS if r.magic and data.startswith(r.magic) and r.member.encode() in data), TEXT)
