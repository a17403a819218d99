"""Plain text: paragraphs by blank lines, hard wraps undone, items and headings recognised where that is clear."""

from __future__ import annotations

import re
from itertools import groupby, pairwise

from memllm_cli.documents.base import Cell, Kind, Line, Parsed, Part
from memllm_cli.documents.clean import one_line

_QUOTE = re.compile(r"^[ \t]{0,3}(?:>[ \t]?)+", re.M)
_BULLET = re.compile(r"\s*(?:[-*•–‣▪◦+]|\(?(?:[a-zA-Z]|[ivx]{1,5}|\d{1,2})\))\s+(?=\S)")
_BULLET_MARK = re.compile(r"\s*[-*•–‣▪◦+]\s+")
_NUMBERED = re.compile(r"\s*\d{1,3}\.\s+(?=\S)")
_CLAUSE = re.compile(r"\s*(?:§\s*)?\d{1,3}(?:\.\d{1,3})+\.?\s+(?=\S)")
_LABEL = re.compile(r"\s*[^\W\d_][\w /()-]{0,30}:\s+\S")
_RULE = re.compile(r"\s*([-=_*~#+.])(?:\s*\1){2,}\s*")
_CHAPTER = re.compile(r"(?:chapter|section|part|article|book|appendix|schedule|annex|exhibit)\s+[\dIVXLCA-Z]+\b", re.I)
_NUMBERED_HEADING = re.compile(r"(?:\d{1,2}(?:\.\d{1,2}){0,3}|[A-Z](?:\.\d{1,2}){1,3})\.?\s+[A-Z][^.!?;]{1,60}")
_ENDS = re.compile(r"[.!?:;…。！？][\"'”’)\]»]*$")


def ends_sentence(text: str) -> bool:
    """Whether a line ends the way a sentence or a clause does."""
    return bool(_ENDS.search(text.rstrip()))


def starts_item(text: str) -> bool:
    """Whether a line begins with a bullet or an enumerator in brackets."""
    return bool(_BULLET.match(text))


def without_bullet(text: str) -> str:
    """A line without the bullet it begins with; what counts its items, as `(a)`, stays."""
    return _BULLET_MARK.sub("", text, count=1)


def starts_clause(text: str) -> bool:
    """Whether a line begins with a numbered clause, as "4.2 Term"."""
    return bool(_CLAUSE.match(text))


def is_rule(text: str) -> bool:
    """Whether a line is only a rule, as `-----` or `* * *`."""
    return bool(_RULE.fullmatch(text))


def heading_level(text: str) -> int:
    """The level of a line that is a heading by its form alone ("CHAPTER I.", "2.1 Fees", "TERMS"), else 0."""
    text = text.strip()
    words = text.split()
    if not words or len(text) > 80 or len(words) > 10 or text[-1] in ",;:":
        return 0
    if _CHAPTER.match(text) and (len(words) <= 3 or not ends_sentence(text)):
        return 1
    if _NUMBERED_HEADING.fullmatch(text) and sum(w[:1].isalpha() for w in words[1:]) == len(words) - 1:
        return 1 + words[0].rstrip(".").count(".")
    letters = [c for c in text if c.isalpha()]
    if len(letters) >= 4 and not ends_sentence(text) and all(c.isupper() for c in letters) and words[0][0].isalnum():
        return 1
    return 0


def parse(source: str) -> Parsed:
    """Parts of a plain text."""
    parsed = Parsed()
    if not _QUOTE.search(source):
        _parse(source, parsed)
        return parsed
    for piece in _quoted(source):
        if isinstance(piece, Part):
            parsed.parts.append(piece)
        else:
            _parse(piece, parsed)
    return parsed


def _parse(source: str, parsed: Parsed) -> None:
    units = _units(source)
    for index, (lines, level) in enumerate(units):
        if level == 0 and len(lines) == 1 and index + 1 < len(units) and is_title_like(lines[0].text):
            following = units[index + 1]
            alone = lines[0].number + 1 < following[0][0].number
            if alone and following[1] == 0 and sum(len(line.text) for line in following[0]) >= 80:
                level = 1
        kind: Kind = "paragraph"
        nested = 0
        if level:
            kind = "heading"
            # A chapter's name is not the document's: the file's name says more.
            if index == 0 and not parsed.parts and not _CHAPTER.match(lines[0].text.strip()):
                parsed.title = one_line(lines[0].text)
        elif _BULLET.match(lines[0].text) or _NUMBERED.match(lines[0].text):
            kind = "item"
            nested = (len(lines[0].text) - len(lines[0].text.lstrip())) // 2
            lines[0] = Line(lines[0].number, without_bullet(lines[0].text))
        elif (table := _piped(lines)) is not None:
            parsed.parts.append(table)
            continue
        parsed.parts.append(Part(kind, tuple(lines), level or nested))


def _piped(lines: list[Line]) -> Part | None:
    """A table drawn with bars: three lines or more that have the same two of them, or more."""
    rows = [line.text.strip().strip("|").split("|") for line in lines if not re.fullmatch(r"[\s|:+=-]+", line.text)]
    if len(rows) < 3 or len({len(r) for r in rows}) != 1 or len(rows[0]) < 2:
        return None
    kept = [line for line in lines if not re.fullmatch(r"[\s|:+=-]+", line.text)]
    ruled = len(lines) > 1 and re.fullmatch(r"[\s|:+=-]+", lines[1].text) is not None
    return Part("table", rows=tuple(
        tuple(Cell(c.strip(), line.number, header=ruled and n == 0) for c in row)
        for n, (row, line) in enumerate(zip(rows, kept, strict=True))
    ))  # fmt: skip


def is_title_like(text: str) -> bool:
    """Whether a line reads like a title: short, with a capital letter first and no full stop."""
    text = text.strip()
    return len(text) <= 80 and len(text.split()) <= 10 and text[0].isupper() and text[-1] not in ".!?:;,\"'”’)"


def _quoted(source: str) -> list[str | Part]:
    """A text cut where quoted lines (`> ...`) stand, which become parts of their own."""
    out: list[str | Part] = []
    running: list[str] = []
    quoted: list[tuple[int, Line]] = []
    lines = source.split("\n")
    marks = [_QUOTE.match(line) for line in lines]

    def end() -> None:
        for level, group in groupby(quoted, key=lambda q: q[0]):
            paragraph: list[Line] = []
            for _, line in (*group, (level, Line(0, ""))):
                if line.text.strip():
                    paragraph.append(line)
                else:
                    out.extend(Part("quote", tuple(unit), level) for unit in unwrap(paragraph))
                    paragraph = []
        quoted.clear()

    for number, (line, mark) in enumerate(zip(lines, marks, strict=True), start=1):
        if mark is None:
            end()
            running.append(line)
            continue
        if any(r.strip() for r in running):
            out.append("\n" * (number - 1 - len(running)) + "\n".join(running))
        running = []
        quoted.append((mark[0].count(">"), Line(number, line[mark.end() :])))
    end()
    if any(r.strip() for r in running):
        out.append("\n" * (len(lines) - len(running)) + "\n".join(running))
    return out


def _units(source: str) -> list[tuple[list[Line], int]]:
    """Groups of lines that belong together, each with its heading level (0 for none)."""
    units: list[tuple[list[Line], int]] = []
    paragraph: list[Line] = []
    for number, text in enumerate([*source.split("\n"), ""], start=1):
        if text.strip() and not is_rule(text):
            paragraph.append(Line(number, text))
            continue
        underlined = len(paragraph) > 0 and bool(text.strip()) and text.strip()[0] in "=-~*"
        if underlined and abs(len(text.strip()) - len(paragraph[-1].text.strip())) <= 3:
            title = paragraph.pop()
            units.extend((unit, _level(unit)) for unit in _unwrapped(paragraph))
            units.append(([title], 1 if text.strip()[0] == "=" else 2))
        else:
            units.extend((unit, _level(unit)) for unit in _unwrapped(paragraph))
        paragraph = []
    return units


def _unwrapped(lines: list[Line]) -> list[list[Line]]:
    return [lines] if lines and _piped(lines) is not None else unwrap(lines)


def _level(unit: list[Line]) -> int:
    return heading_level(unit[0].text) if len(unit) == 1 else 0


def unwrap(lines: list[Line]) -> list[list[Line]]:
    """One paragraph's lines in groups: wrapped lines stay together, lines broken on purpose part.

    A break is on purpose before a bullet or clause, and where the next line's first word would have fitted on the
    line (taking the longest line as the width) and the next line does not go on in lower case.
    """
    if not lines:
        return []
    width = max(len(line.text.rstrip()) for line in lines)
    numbered = bool(_NUMBERED.match(lines[0].text))
    groups = [[lines[0]]]
    for (before, line), after in zip(pairwise(lines), [*lines[2:], None], strict=False):
        text = line.text.strip()
        room = width - len(before.text.rstrip()) - 1
        fits = len(text.split(None, 1)[0]) <= room and not text[0].islower()
        new_item = starts_item(line.text) or (numbered and bool(_NUMBERED.match(line.text)))
        new_clause = starts_clause(line.text) and (fits or ends_sentence(before.text))
        # "Name: Ann", "Role: Master": a form, not a wrapped sentence.
        labelled = bool(_LABEL.match(groups[-1][0].text))
        last, indent, first = (len(t) - len(t.lstrip()) for t in (before.text, line.text, groups[-1][0].text))
        follows = after is not None and after.text[:1].strip() != "" and bool(_LABEL.match(after.text))
        labels = bool(_LABEL.match(line.text)) and (
            bool(_LABEL.match(before.text)) or (labelled and last >= first + 2 > indent) or follows
        )
        if indent >= first + 2 and labelled and not labels:  # a key's value goes on
            groups[-1].append(line)
            continue
        if new_item or new_clause or fits or labels or heading_level(before.text):
            groups.append([line])
        else:
            groups[-1].append(line)
    return groups
