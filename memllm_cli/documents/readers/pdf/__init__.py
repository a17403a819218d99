"""PDF to parts: a child process reads lines and tables of the pages, here its errors become words for people."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

from memllm_cli.documents.base import MB, Limits, Parsed, Part
from memllm_cli.documents.clean import one_line, sane_title
from memllm_cli.documents.readers import ocr
from memllm_cli.documents.readers.pdf.blocks import blocks, plain
from memllm_cli.errors import DocumentError

# Error codes of the child in plain words: what is wrong, what to do.
_PROBLEMS = {
    "password": ("is protected by a password", "save a copy without it, e.g. qpdf --decrypt IN.pdf OUT.pdf"),
    "cipher": ("is encrypted in a way that memllm does not know", "save a copy without encryption"),
    "permission": ("cannot be read: permission denied", "check the file's permissions"),
    "gone": ("is no longer there", "run the command again"),
    "memory": ("needs too much memory to be read", "split it, or save it as text"),
    "output": ("holds more text than memllm reads from one file", "split it into parts"),
}


def parse(path: Path, name: str, limits: Limits) -> Parsed:
    """Blocks of the PDF at `path`, called `name` in errors.

    Raises DocumentError when it is broken, protected, without a text layer, or exceeds a limit.
    """
    result = _child(path, name, limits)
    code = result.get("error")
    if code in _PROBLEMS:
        problem, hint = _PROBLEMS[str(code)]
        raise DocumentError(f"{name} {problem}", hint)
    pages = result.get("pages")
    if code is not None or not isinstance(pages, list):
        detail = one_line(str(result.get("detail", "")))[:120]
        raise _broken(name, detail)
    texts = [_text(page) for page in pages]
    if not any(any(c.isalnum() for c in text) for text in texts):
        return ocr.scanned(path, name, limits)
    largest = one_line(plain(str(result.get("largest", ""))))
    parsed = Parsed(parts=blocks(pages, largest))
    parsed.title = sane_title([str(result.get("title", "")), largest, *_first_headings(parsed.parts)])
    bad = result.get("bad")
    if isinstance(bad, list) and bad:
        parsed.notes.append(f"{len(bad)} of {len(texts)} pages could not be read")
    empty = sum(not text.strip() for text in texts) - (len(bad) if isinstance(bad, list) else 0)
    if empty > 0:
        parsed.notes.append(f"{empty} of {len(texts)} pages have no text")
    return parsed


def _text(page: list[object]) -> str:
    """All text of a page, in one piece."""
    lines = [str(item[0]) for item in page if isinstance(item, list)]
    cells = [str(cell[0]) for item in page if isinstance(item, dict) for row in item["rows"] for cell in row]
    return "\n".join([*lines, *cells])


def _broken(name: str, detail: str = "") -> DocumentError:
    tail = f": {detail}" if detail else ""
    return DocumentError(f"{name} is not a PDF that can be read{tail}", "open and save it again in a PDF viewer")


def _first_headings(found: list[Part]) -> list[str]:
    """The first block, when it reads like a title: short, on the first page's first lines, no sentence."""
    if not found or found[0].kind == "table" or found[0].lines[0].page != 1:
        return []
    text = one_line(" ".join(line.text for line in found[0].lines[:3]))
    return [text] if len(text) <= 150 and not text.endswith((".", ",", ";")) and len(found[0].lines) <= 3 else []


def _child(path: Path, name: str, limits: Limits) -> dict[str, object]:
    """Run the worker on `path` within the limits; its JSON object. The child never outlives this call."""
    seconds = limits.pdf_seconds
    # -P keeps the current folder, which may hold anything, off the child's import path.
    package_root = str(Path(__file__).resolve().parents[4])
    paths = [package_root, *filter(None, [os.environ.get("PYTHONPATH")])]
    command = [sys.executable, "-P", "-m", "memllm_cli.documents.readers.pdf.worker", os.fspath(path)]
    command += [str(int(seconds) + 5), str(limits.pdf_memory), str(limits.pdf_output)]
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONIOENCODING": "utf-8"},
    )
    late = threading.Event()

    def stop() -> None:
        late.set()
        child.kill()

    timer = threading.Timer(seconds, stop)
    timer.daemon = True
    timer.start()
    assert child.stdout is not None
    try:
        output = child.stdout.read(limits.pdf_output + 1)
        if len(output) > limits.pdf_output:
            child.kill()
    except BaseException:
        # Ctrl-C above all: the child is stopped before the interrupt goes on.
        child.kill()
        raise
    finally:
        timer.cancel()
        child.stdout.close()
        child.wait()
    if late.is_set():
        raise DocumentError(f"{name} took longer than {seconds:g} s to read", "split it, or save it as text")
    if len(output) > limits.pdf_output:
        problem, hint = _PROBLEMS["output"]
        raise DocumentError(f"{name} {problem} ({limits.pdf_output // MB} MB)", hint)
    try:
        result = json.loads(output)
    except ValueError:
        raise _broken(name, "the PDF reader stopped") from None
    return result if isinstance(result, dict) else {}
