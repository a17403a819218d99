"""The child process that opens a PDF: `python -m memllm_cli.documents.readers.pdf_worker PATH SECONDS MEMORY OUTPUT`.

MEMORY and OUTPUT are in bytes. Prints one JSON object: `{"title": …, "largest": …, "pages": ["text", …],
"bad": [page numbers]}` or `{"error": code, "detail": …}`.
A PDF can make its reader loop or eat memory, so both are limited here and nothing else runs in this process.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pypdf import PdfReader


def _limit(seconds: int, memory: int) -> None:
    """Limit our own processor time and memory, where the platform can."""
    try:
        import resource
    except ImportError:
        return
    for kind, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_CORE, 0),
    ):
        try:
            _, hard = resource.getrlimit(kind)
            soft = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(kind, (soft, hard))
        except (ValueError, OSError):
            # macOS refuses limits on address space; the time limit still holds.
            continue


def _title(reader: PdfReader) -> str:
    try:
        metadata = reader.metadata
        return str(metadata.title or "")[:500] if metadata else ""
    except _broken():
        return ""


def _broken() -> tuple[type[Exception], ...]:
    """What pypdf raises on damaged files: its own errors and, deep inside, nearly anything a parser trips over."""
    import struct
    import zlib

    from pypdf.errors import PyPdfError

    return (
        PyPdfError,
        struct.error,
        zlib.error,
        ArithmeticError,
        AssertionError,
        AttributeError,
        LookupError,
        NotImplementedError,
        OSError,
        RecursionError,
        TypeError,
        ValueError,
    )


def _largest(reader: PdfReader) -> str:
    """The text in the largest letters on the first page, which is the title more often than not; "" if doubtful."""
    runs: list[tuple[float, str]] = []

    def visit(text: str, _cm: list[float], tm: list[float], _font: object, size: float) -> None:
        # Rotated text is a stamp in the margin.
        if text.strip() and abs(tm[1]) < 1e-6:
            runs.append((round(abs(size * tm[3]), 1), text))

    try:
        reader.pages[0].extract_text(visitor_text=visit)
    except _broken():
        return ""
    sizes = {size for size, _ in runs}
    if len(sizes) < 2:
        return ""
    text = " ".join(" ".join(t for size, t in runs if size == max(sizes)).split())
    return text if 4 <= len(text) <= 200 else ""


def extract(path: str, output: int) -> dict[str, object]:
    """Title and pages' text of the PDF at `path`, or an error; at most about `output` bytes of text."""
    import logging

    from pypdf import PasswordType, PdfReader
    from pypdf.errors import DependencyError, FileNotDecryptedError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    broken = _broken()
    try:
        reader = PdfReader(path)
        # Many files are encrypted against printing only: the empty password opens them.
        if reader.is_encrypted and reader.decrypt("") == PasswordType.NOT_DECRYPTED:
            return {"error": "password"}
        count = len(reader.pages)
    except DependencyError:
        return {"error": "cipher"}
    except FileNotDecryptedError:
        return {"error": "password"}
    except PermissionError:
        return {"error": "permission"}
    except FileNotFoundError:
        return {"error": "gone"}
    except broken as error:
        return {"error": "broken", "detail": str(error)[:200]}
    pages: list[str] = []
    bad: list[int] = []
    size = 0
    for number in range(count):
        try:
            text = reader.pages[number].extract_text()
        except DependencyError:
            return {"error": "cipher"}
        except broken:
            bad.append(number + 1)
            text = ""
        size += len(text)
        if size > output // 8:
            return {"error": "output"}
        pages.append(text)
    if bad and len(bad) == count:
        return {"error": "broken", "detail": "no page could be read"}
    return {"title": _title(reader), "largest": _largest(reader), "pages": pages, "bad": bad}


def main(arguments: list[str]) -> int:
    """Read the PDF and print the result."""
    path, seconds, memory, output = arguments
    _limit(int(seconds), int(memory))
    try:
        result = extract(path, int(output))
    except MemoryError:
        result = {"error": "memory"}
    except KeyboardInterrupt:
        return 130
    sys.stdout.write(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
