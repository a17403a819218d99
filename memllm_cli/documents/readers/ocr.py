"""Pictures of text, and pages that were scanned: read by Tesseract where it is installed, in a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from memllm_cli.documents.base import Limits, Line, Parsed, Part
from memllm_cli.documents.readers import text as plain
from memllm_cli.errors import DocumentError

PROGRAM = "tesseract"
INSTALL = "install Tesseract (the package tesseract-ocr; `tesseract --list-langs` shows its languages)"
MOST_PAGES = 200
_DPI = 200


def installed() -> bool:
    """Whether Tesseract is there."""
    return shutil.which(PROGRAM) is not None


def parse(path: Path, name: str, limits: Limits) -> Parsed:
    """Parts of a picture of text. Raises DocumentError without Tesseract, or where it finds nothing."""
    if not installed():
        raise DocumentError(f"{name} is a picture, and Tesseract is not installed", INSTALL)
    parsed = plain.parse(_read(path, name, limits))
    parsed.notes.append("read by OCR (Tesseract): letters may be wrong")
    return parsed


def scanned(path: Path, name: str, limits: Limits) -> Parsed:
    """Parts of a PDF whose pages are pictures. Raises DocumentError without Tesseract."""
    if not installed():
        raise DocumentError(f"{name} has no text layer, and Tesseract is not installed", INSTALL)
    parsed = Parsed()
    with tempfile.TemporaryDirectory(prefix="memllm-") as folder:
        command = [sys.executable, "-P", "-m", __name__, os.fspath(path), folder]
        root = str(Path(__file__).resolve().parents[3])
        paths = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
        _run(command, name, limits, {**os.environ, "PYTHONPATH": paths})
        pages = sorted(Path(folder).glob("*.pgm"))
        for number, page in enumerate(pages, 1):
            for part in plain.parse(_read(page, name, limits)).parts:
                lines = tuple(Line(line.number, line.text, number) for line in part.lines)
                parsed.parts.append(Part(part.kind, lines, part.level, part.label, part.note, part.rows))
    if not parsed.parts:
        raise DocumentError(f"{name} has no text layer, and OCR finds no text in it", "check that it is the right file")
    cut = f"; the first {MOST_PAGES} pages" if len(pages) == MOST_PAGES else ""
    parsed.notes.append(f"read by OCR (Tesseract): letters may be wrong{cut}")
    return parsed


def _read(path: Path, name: str, limits: Limits) -> str:
    output = _run([PROGRAM, os.fspath(path), "stdout"], name, limits, dict(os.environ))
    return output.decode("utf-8", "replace").replace("\f", "\n\n")


def _run(command: list[str], name: str, limits: Limits, environment: dict[str, str]) -> bytes:
    """What a program writes. It never outlives this call."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            timeout=limits.pdf_seconds,
            check=True,
        )
    except subprocess.TimeoutExpired:
        raise DocumentError(f"{name} took longer than {limits.pdf_seconds:g} s to read", "split it") from None
    except (subprocess.CalledProcessError, OSError):
        raise DocumentError(f"{name} cannot be read by OCR", "open it, and save it anew as PNG or PDF") from None
    return done.stdout[: limits.pdf_output]


def _draw(path: str, folder: str) -> None:
    """The child process: the pages of a PDF as grey pictures, in a format that needs no library."""
    import pypdfium2

    document = pypdfium2.PdfDocument(path)
    for number in range(min(len(document), MOST_PAGES)):
        image = document[number].render(scale=_DPI / 72, grayscale=True).to_numpy()
        image = image[..., 0] if image.ndim == 3 else image
        head = f"P5 {image.shape[1]} {image.shape[0]} 255\n".encode()
        Path(folder, f"{number:05}.pgm").write_bytes(head + image.tobytes())


if __name__ == "__main__":
    _draw(sys.argv[1], sys.argv[2])
