"""A page as Markdown with footnotes, as GitHub and pandoc read it.

Text from documents and memory is escaped, so that none of it is a heading, a link, a table or HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby

from memllm_cli.reporting.page import Line, Page, Paragraph
from memllm_cli.reporting.words import COLUMNS, counts, left_out, meant
from memllm_cli.terminal import clean

_MARKS = re.compile(r"[\\`*_\[\]|~#>$@]|(?<=[Ww])\.|(?<=:)/|(?<=:/)/")
_BEGINS = re.compile(r"^(\d*)([-+=.)])")
_BESIDE = re.compile(r"!(?=\[\^\d+\])|(?<=\])(?<!\\\])[(:]")
"""What would make a link, a picture or a definition of the footnote it stands beside."""
_EDGES = re.compile(r"(\s*)(.*?)(\s*)", re.DOTALL)


def markdown(page: Page) -> str:
    """The whole file."""
    parts = [f"# {_text(page.title)}", f"{_text(meant(page))}\\\n{_text(counts(page))}"]
    if page.clashes:
        parts.append("## Conflicts")
        for clash in page.clashes:
            facts = [f"- {_fact(line)}{_numbers(line.notes)}" for line in clash.lines]
            parts.append("\n".join([f"**≠ conflict {clash.number}**: {_text(clash.reason)}", "", *facts]))
    parts.append("## Facts")
    parts.append(_table(page) if page.lines else "Memory holds no fact here.")
    if page.text:
        parts += ["## Text", "Sentences that facts rest on are bold.", *map(_paragraph, page.text)]
    parts += ["---", _text(left_out(page))]
    for note in page.notes:
        place = ", ".join(_text(x) for x in (note.source, note.place) if x)
        said = f': "{_text(note.said)}"' if note.said else ""
        parts.append(f"[^{note.number}]: {place}{said}")
    return "\n\n".join(parts) + "\n"


def _escaped(text: str) -> str:
    """Text of which nothing is Markdown or HTML, but for what the beginning of a line can make of it."""
    return _MARKS.sub(lambda m: f"\\{m[0]}", text.replace("&", "&amp;").replace("<", "&lt;"))


def _text(text: str) -> str:
    """A text on one line, fit to begin it."""
    return _begun(_escaped(" ".join(clean(text).split())))


def _begun(line: str) -> str:
    return _BEGINS.sub(r"\1\\\2", line.lstrip())


def _fact(line: Line) -> str:
    holds = f" ({_text(line.holds)})" if line.holds else ""
    return f"{' · '.join(map(_text, line.texts))}{holds} "


def _table(page: Page) -> str:
    rows = [f"| {' | '.join(COLUMNS)} |", "|" + " --- |" * len(COLUMNS)]
    for number, line in enumerate(page.lines, 1):
        cells = [str(number), *map(_text, line.texts), _text(line.holds), _numbers(line.notes) + _clashes(line.clashes)]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _numbers(numbers: Iterable[int]) -> str:
    return "".join(f"[^{n}]" for n in numbers)


def _clashes(numbers: Iterable[int]) -> str:
    return "".join(f" **≠ conflict {n}**" for n in numbers)


def _paragraph(paragraph: Paragraph) -> str:
    out = ""
    for marked, group in groupby(paragraph.pieces, key=lambda piece: bool(piece.inside)):
        *pieces, last = group
        text = "".join(_escaped(clean(p.text, lines=True)) + _numbers(p.ends) + _clashes(p.clashes) for p in pieces)
        found = _EDGES.fullmatch(text + _escaped(clean(last.text, lines=True)))
        assert found is not None
        before, text, after = found.groups()  # what is bold neither begins nor ends with a space
        bold = f"**{text}**" if marked and text and not paragraph.level else text
        out += f"{before}{bold}{_numbers(last.ends)}{_clashes(last.clashes)}{after}"
    out = _BESIDE.sub(lambda m: f"\\{m[0]}", out)
    lines = [_begun(line) for line in out.split("\n") if line.strip()]
    if paragraph.level:
        return f"{'#' * min(6, paragraph.level + 2)} {' '.join(lines)}"
    return "\\\n".join(lines)
