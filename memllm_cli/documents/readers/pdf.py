"""PDF to blocks: a child process reads the pages' text, here lines become paragraphs again."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

from memllm_cli.documents.base import MB, Kind, Limits, Line, Parsed, Part, words
from memllm_cli.documents.clean import one_line, sane_title
from memllm_cli.documents.readers.text import ends_sentence, heading_level, starts_clause, starts_item
from memllm_cli.documents.sentences import ends_with_abbreviation
from memllm_cli.errors import DocumentError

_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})
_HYPHEN_END = re.compile(r"(\w+(?:-\w+)*)[-‐\u00ad]$")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_KNOWN_HEADINGS = words(
    "abstract introduction conclusion conclusions references bibliography acknowledgements acknowledgments summary "
    "appendix contents background discussion results methods limitations"
)

# Error codes of the child in plain words: what is wrong, what to do.
_PROBLEMS = {
    "password": ("is protected by a password", "save a copy without it, e.g. qpdf --decrypt IN.pdf OUT.pdf"),
    "cipher": (
        "is encrypted with a cipher that needs another package",
        "pip install cryptography, or save a copy without encryption",
    ),
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
    texts = [str(page).translate(_LIGATURES) for page in pages]
    if not any(any(c.isalnum() for c in text) for text in texts):
        raise DocumentError(f"{name} has no text layer", "run OCR first, e.g. ocrmypdf IN.pdf OUT.pdf")
    largest = one_line(str(result.get("largest", "")).translate(_LIGATURES))
    parsed = Parsed(parts=blocks(texts, largest))
    parsed.title = sane_title([str(result.get("title", "")), largest, *_first_headings(parsed.parts)])
    bad = result.get("bad")
    if isinstance(bad, list) and bad:
        parsed.notes.append(f"{len(bad)} of {len(texts)} pages could not be read")
    empty = sum(not text.strip() for text in texts) - (len(bad) if isinstance(bad, list) else 0)
    if empty > 0:
        parsed.notes.append(f"{empty} of {len(texts)} pages have no text")
    return parsed


def _broken(name: str, detail: str = "") -> DocumentError:
    tail = f": {detail}" if detail else ""
    return DocumentError(f"{name} is not a PDF that can be read{tail}", "open and save it again in a PDF viewer")


def _first_headings(found: list[Part]) -> list[str]:
    """The first block, when it reads like a title: short, on the first page's first lines, no sentence."""
    if not found or found[0].lines[0].page != 1:
        return []
    text = one_line(" ".join(line.text for line in found[0].lines[:3]))
    return [text] if len(text) <= 150 and not text.endswith((".", ",", ";")) and len(found[0].lines) <= 3 else []


def _child(path: Path, name: str, limits: Limits) -> dict[str, object]:
    """Run the worker on `path` within the limits; its JSON object. The child never outlives this call."""
    seconds = limits.pdf_seconds
    # -P keeps the current folder, which may hold anything, off the child's import path.
    package_root = str(Path(__file__).resolve().parents[3])
    paths = [package_root, *filter(None, [os.environ.get("PYTHONPATH")])]
    command = [sys.executable, "-P", "-m", "memllm_cli.documents.readers.pdf_worker", os.fspath(path)]
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


def blocks(pages: list[str], title: str = "") -> list[Part]:
    """Pages' text as paragraphs: page numbers and running heads left out, hyphens at line ends undone.

    Where the first lines are the title, they become a heading.
    """
    lines = _lines(pages)
    titled = _title_lines(lines, title)
    lines, head = lines[titled:], lines[:titled]
    words = Counter(w.lower() for line in lines for w in _WORD.findall(line.text))
    lengths = sorted(len(line.text) for line in lines if line.text)
    width = lengths[int(len(lengths) * 0.75)] if lengths else 0
    groups: list[list[Line]] = []
    before: Line | None = None
    for line in lines:
        if not line.text:
            before = None
        elif before is None or _parts(before, line, width, groups[-1]):
            groups.append([line])
            before = line
        else:
            _join(groups[-1], line, words)
            before = line
    first = [Part("heading", tuple(head), 1)] if head else []
    return first + [_block(group) for group in groups]


def _title_lines(lines: list[Line], title: str) -> int:
    """How many of the first lines are the title, 0 if they are not."""
    wanted = "".join(title.split())
    joined = ""
    for count, line in enumerate(lines[:6], start=1):
        joined += "".join(line.text.split())
        if wanted and joined == wanted:
            return count
    return 0


def _block(group: list[Line]) -> Part:
    level = _heading(group[0].text) if len(group) == 1 else 0
    kind: Kind = "heading" if level else "item" if starts_item(group[0].text) else "paragraph"
    return Part(kind, tuple(group), level)


def _heading(text: str) -> int:
    return 1 if text.strip().lower() in _KNOWN_HEADINGS else heading_level(text)


def _lines(pages: list[str]) -> list[Line]:
    """All lines, stripped, without page numbers and what repeats at the head or foot of most pages."""
    split = [[line.strip() for line in page.replace("\r", "\n").split("\n")] for page in pages]
    seen: Counter[str] = Counter()
    for page in split:
        seen.update({_shape(line) for line in _edges(page)})
    repeated = {shape for shape, count in seen.items() if count >= 3 and count > len(pages) / 2}
    result: list[Line] = []
    for number, page in enumerate(split, start=1):
        edges = set(_edges(page))
        for index, text in enumerate(page, start=1):
            if text in edges and (_shape(text) in repeated or re.fullmatch(r"[-–\s]*\d{1,4}[-–\s]*", text)):
                continue
            result.append(Line(index, text, number))
    return result


def _edges(page: list[str]) -> list[str]:
    filled = [line for line in page if line]
    return [*filled[:2], *filled[-2:]]


def _shape(text: str) -> str:
    return re.sub(r"\d+", "0", text.lower())


def _parts(before: Line, line: Line, width: int, group: list[Line]) -> bool:
    """Whether a new paragraph begins at `line`."""
    # The mark of a footnote may follow the full stop.
    ended = ends_sentence(before.text.rstrip("0123456789")) and not ends_with_abbreviation(before.text)
    if line.text.lower() in _KNOWN_HEADINGS and line.text[0].isupper():
        return True
    lower = line.text[0].islower()
    if before.page != line.page:
        return ended or not (lower or before.text.endswith("-"))
    if _heading(before.text) and len(group) == 1:
        return not lower
    if starts_item(line.text) or (starts_clause(line.text) and (ended or len(before.text) < 0.8 * width)):
        return True
    if lower:
        return False
    if _heading(line.text):
        return ended or len(before.text) < 0.8 * width
    if ended:
        return len(before.text) < 0.85 * width
    return len(before.text) + len(line.text.split(None, 1)[0]) < 0.6 * width


def _join(group: list[Line], line: Line, words: Counter[str]) -> None:
    """Append a line to its paragraph; a word broken by a hyphen is put together on the first line."""
    last = group[-1]
    broken = _HYPHEN_END.search(last.text)
    rest = line.text.split(None, 1)
    start = _WORD.match(rest[0])
    # "pre- and post-war" has a hyphen for good.
    if not broken or not start or start.group(0) in ("and", "or", "to", "und", "oder"):
        group.append(line)
        return
    part, follow = broken.group(1).lower(), start.group(0).lower()
    whole, hyphened = part + follow, f"{part}-{follow}"
    # A hyphen that belongs to the word stays: the document spells it so elsewhere, or it has another one.
    keep = words[whole] == 0 and (words[hyphened] > 0 or "-" in part or not rest[0][0].islower())
    stem = last.text if keep else last.text[:-1]
    group[-1] = Line(last.number, stem + rest[0], last.page)
    if len(rest) > 1:
        group.append(Line(line.number, rest[1], line.page))
