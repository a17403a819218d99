"""The text of a mail in groups: what a message says itself, and each message that it quotes or passes on.

Knows the marks that mail programs put around what they quote, and nothing of headers, encodings or files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from memllm_cli.documents.base import Line, Part
from memllm_cli.documents.clean import one_line
from memllm_cli.documents.forms import recognised
from memllm_cli.documents.readers import text

_MARKS = re.compile(r"[ \t]{0,3}(?:>[ \t]?)+")
_VERB = (
    r"(?:wrote|writes|said|schrieb|a écrit|escribió|ha scritto|schreef|skrev|escreveu|napisał\(?a?\)?|пишет|написал)"
)
_WROTE = re.compile(rf"[^\n]{{0,300}}\b{_VERB}\b[^\n]{{0,100}}:$", re.I)
_DATED = re.compile(r"\d{1,2}[:.]\d\d\b|\b\d{4}\b|\S@\S")
_BEGINS = re.compile(
    r"-{2,} ?(?:original (?:message|appointment)|ursprüngliche (?:nachricht|mail)|message (?:d['’]origine|transféré)|"
    r"mensaje (?:original|reenviado)|messaggio (?:originale|inoltrato)|oorspronkelijk bericht|"
    r"(?:begin )?forwarded message(?: from [^-]{1,80})?|weitergeleitete nachricht) ?-{2,}|"
    r"(?:begin forwarded message|anfang der weitergeleiteten nachricht|début du message réexpédié) ?:",
    re.I,
)
_ENDS = re.compile(
    r"-{2,} ?(?:end (?:of )?(?:forwarded|original) message|ende der weitergeleiteten nachricht) ?-{2,}", re.I
)
_SENDERS = "from|von|de|da|van|från|fra|od|от"
_DATES = "sent|date|gesendet|datum|envoyé|enviado|enviada(?: em)?|inviato|verzonden|fecha|data|skickat|dato|дата"
_SUBJECTS = "subject|betreff|objet|asunto|oggetto|onderwerp|ämne|emne|assunto|тема"
_OTHERS = "to|an|à|para|a|aan|till|til|cc|bcc|kopie|reply-to|antwort an|importance|attachments|кому"
_FIELD = re.compile(
    rf"[*_]{{0,2}}({_SENDERS}|{_DATES}|{_SUBJECTS}|{_OTHERS})[*_]{{0,2}} ?:[*_]{{0,2}}(?:\s+(.*))?$", re.I
)
_SENDER, _DATE, _SUBJECT = (re.compile(names, re.I) for names in (_SENDERS, _DATES, _SUBJECTS))
_RULE = re.compile(r"[_=-]{10,}")
_ENCODED = re.compile(r"^begin [0-7]{3} [^\n]{1,120}\n(?:[!-`][ -`]{1,61}\n)*(?:`?\n)?end[ \t]*$", re.M)
MOST_FIELDS = 12
"""Lines that the head of a quoted message has at most."""
MOST_SIGNED = 15
"""Lines of a signature; more are text."""


@dataclass(slots=True)
class Group:
    """What one message says: its own text, or that of one it quotes, which begins with a head if it has one."""

    quoted: bool = False
    head: list[Part] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)


@dataclass(slots=True)
class _Stretch:
    """Lines of the source that belong to one message, quoted `depth` deep, in the place they have in it."""

    start: int
    depth: int = 0
    quoted: bool = False
    head: list[Part] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


def of_text(source: str, flowed: bool = False) -> list[Group]:
    """The groups of a plain text; `flowed` says that a space ends lines that go on (format=flowed)."""
    source = _ENCODED.sub(lambda m: "\n" * m[0].count("\n"), source)
    lines = source.split("\n")
    return [_group(stretch) for stretch in _stretches(_joined(lines) if flowed else lines)]


def _stretches(lines: list[str]) -> Iterator[_Stretch]:
    """The lines cut where a quoted message with a head of its own begins or ends; without what only leads to quotes.

    Lines that are left out stay as empty ones, so that the others keep their numbers.
    """
    split = [_unquoted(line) for line in lines]
    now = _Stretch(0)
    signed: int | None = None
    n = 0
    while n < len(lines):
        depth, said = split[n]
        if signed is not None and depth != signed:
            signed = None
        if depth < now.depth and said:
            yield now
            now = _Stretch(n)
        begins = 1 if _BEGINS.fullmatch(said) or _RULE.fullmatch(said) else 0
        first = n + begins
        while begins and first < len(lines) and split[first] == (depth, ""):
            first += 1
        fields, after = _head(split, first)
        if fields or (begins and not _RULE.fullmatch(said)):
            yield now
            now = _Stretch(after if fields else n + 1, split[first][0] if fields else depth, True, _headed(fields))
            signed = None
            n = now.start
            continue
        led = _attribution(split, n)
        if _ENDS.fullmatch(said):
            yield now
            now = _Stretch(n + 1)
        elif led:
            signed = None
            below = next((d for d, t in split[n + led : n + led + 3] if t), depth)
            if below <= depth:  # what is quoted has no marks
                yield now
                now = _Stretch(n + led, depth, True)
            else:
                now.lines += [""] * led
            n += led
            continue
        elif said == "--" and _is_short(split, n):
            signed = depth
            now.lines.append("")
        else:
            now.lines.append("" if signed is not None else _without(lines[n], now.depth))
        n += 1
    yield now


def _unquoted(line: str) -> tuple[int, str]:
    """How deep a line is quoted, and what it says."""
    marks = _MARKS.match(line)
    return (marks[0].count(">"), line[marks.end() :].strip()) if marks else (0, line.strip())


def _without(line: str, depth: int) -> str:
    """A line with so many marks of quoting fewer."""
    for _ in range(depth):
        line = line.lstrip().removeprefix(">").removeprefix(" ")
    return line


def _is_short(split: Sequence[tuple[int, str]], n: int) -> bool:
    """Whether what follows at the same depth is as short as a signature."""
    depth = split[n][0]
    said = 0
    for at, line in split[n + 1 : n + 1 + 4 * MOST_SIGNED]:
        if at != depth:
            break
        said += bool(line)
    return said <= MOST_SIGNED


def _head(split: Sequence[tuple[int, str]], n: int) -> tuple[list[tuple[int, str, str]], int]:
    """The fields of a quoted message whose head begins here (line, key, value), and the line after; none if it is no
    head: sender and one of date and subject stand in it, in lines that follow one another."""
    fields: list[tuple[int, str, str]] = []
    at = n
    while at < len(split) and at - n < MOST_FIELDS and split[at][1] and split[at][0] == split[n][0]:
        match = _FIELD.match(split[at][1])
        if match:
            fields.append((at + 1, match[1], one_line((match[2] or "").strip("*_ "))))
        elif fields and len(fields) < 6:  # a long list of addresses goes on
            number, key, value = fields[-1]
            fields[-1] = (number, key, one_line(f"{value} {split[at][1]}"))
        else:
            break
        at += 1
    keys = [key for _, key, _ in fields]
    dated = any(_DATE.fullmatch(k) for k in keys)
    named = any(_SUBJECT.fullmatch(k) for k in keys)
    sent = any(_SENDER.fullmatch(k) for k in keys)
    if len(fields) >= 3 and sent and (dated or named):
        return fields, at
    return [], n


def _headed(fields: Sequence[tuple[int, str, str]]) -> list[Part]:
    """The head of a quoted message as parts: its subject as a heading, or who sent it, and its fields."""
    subject = next((v for _, k, v in fields if _SUBJECT.fullmatch(k) and v), "")
    sender = next((v for _, k, v in fields if _SENDER.fullmatch(k) and v), "")
    if not fields:
        return []
    out = [Part("heading", (Line(fields[0][0], subject or sender or "Message"),), 2)]
    return out + [Part("pair", (Line(n, f"{key}: {value}"),), 0, key) for n, key, value in fields if value]


def _attribution(split: Sequence[tuple[int, str]], n: int) -> int:
    """How many lines from here say who wrote what follows ("On 2 March Ada wrote:"); 0 where they say another thing."""
    depth, said = split[n]
    if not said or (n and split[n - 1] == (depth, said)):
        return 0
    for count in (1, 2, 3):
        if n + count > len(split) or split[n + count - 1][0] != depth or not split[n + count - 1][1]:
            return 0
        if split[n + count - 1][1].endswith(":"):
            break
    else:
        return 0
    whole = " ".join(line for _, line in split[n : n + count])
    if len(whole) > 400:
        return 0
    below = next((d for d, t in split[n + count : n + count + 3] if t), -1)
    wrote, dated = _WROTE.fullmatch(whole), _DATED.search(whole)
    if below > depth:
        return count if wrote or (dated and "@" in whole) else 0
    return count if wrote and dated and "@" in whole and below == depth else 0


def _joined(lines: Sequence[str]) -> list[str]:
    """Lines of flowed text put together; empty ones fill the places of those that went into the line before."""
    out: list[str] = []
    held: list[str] = []
    depth = 0
    filled = 0

    def end() -> None:
        if held:
            out.append((">" * depth + " " if depth else "") + "".join(held))
            out.extend([""] * (filled - 1))

    for line in lines:
        marks = len(line) - len(line.lstrip(">"))
        said = line[marks:].removeprefix(" ")
        if held and (marks != depth or not held[-1].endswith(" ") or held == ["-- "] or said == "-- "):
            end()
            held, filled = [], 0
        depth = marks
        held.append(said)
        filled += 1
    end()
    return out


def _group(stretch: _Stretch) -> Group:
    parts = [_moved(part, stretch.start) for part in text.parse("\n".join(stretch.lines)).parts]
    return Group(stretch.quoted, stretch.head, _quotes(parts) if stretch.quoted else _lower(parts))


def _moved(part: Part, by: int) -> Part:
    lines = tuple(replace(line, number=line.number + by) for line in part.lines)
    return replace(part, lines=lines, rows=tuple(tuple(replace(c, line=c.line + by) for c in r) for r in part.rows))


def _quotes(parts: Sequence[Part]) -> list[Part]:
    """Parts of a quoted message: its running text is a quote, its lists, forms and tables are what they are."""
    return [replace(p, kind="quote") if p.kind == "paragraph" else p for p in recognised(_lower(parts, 2))]


def _lower(parts: Sequence[Part], by: int = 1) -> list[Part]:
    """Parts with their headings below that of the message."""
    return [replace(p, level=min(p.level + by, 9)) if p.kind == "heading" else p for p in parts]


def of_page(parts: Sequence[Part]) -> list[Group]:
    """The groups of a text that came as a page, from the parts of that page."""
    now = Group()
    out = [now]
    n = 0
    while n < len(parts):
        part = parts[n]
        said = one_line(" ".join(line.text for line in part.lines)) if len(part.lines) < MOST_FIELDS * 2 else ""
        lines, owners = _page_lines(parts, n)
        fields, after = _head(lines, 0)
        if fields:
            now = Group(True, _headed([(parts[n].lines[0].number, key, value) for _, key, value in fields]))
            out.append(now)
            last = owners[after - 1]
            if after < len(owners) and owners[after] == last:  # the text goes on in the part of the head
                rest = parts[last].lines[after - owners.index(last) :]
                now.parts.append(replace(parts[last], kind="paragraph", lines=rest, label=""))
            n = last + 1
            continue
        quotes = n + 1 < len(parts) and parts[n + 1].kind == "quote"
        if part.kind != "quote" and said.endswith(":") and len(said) <= 400 and _is_attribution(said, quotes):
            if not quotes:
                now = Group(True)
                out.append(now)
        elif _BEGINS.fullmatch(said):
            now = Group(True)
            out.append(now)
        elif said == "--" and part.kind != "quote" and len(parts) - n <= MOST_SIGNED and not now.quoted:
            n = next((i for i in range(n + 1, len(parts)) if parts[i].kind == "quote"), len(parts))
            continue
        elif not _RULE.fullmatch(said):
            now.parts.append(part)
        n += 1
    for group in out:
        group.parts = _quotes(group.parts) if group.quoted else _lower(group.parts)
    return out


def _page_lines(parts: Sequence[Part], n: int) -> tuple[list[tuple[int, str]], list[int]]:
    """The lines that a head which begins with a part may have, and the part that each stands in."""
    lines: list[tuple[int, str]] = []
    owners: list[int] = []
    if not parts[n].lines or not _FIELD.match(parts[n].lines[0].text.strip()):
        return lines, owners
    for index in range(n, min(n + MOST_FIELDS, len(parts))):
        for line in parts[index].lines[: MOST_FIELDS + 1]:
            lines.append((0, line.text.strip()))
            owners.append(index)
        if index + 1 < len(parts) and not (
            parts[index + 1].lines and _FIELD.match(parts[index + 1].lines[0].text.strip())
        ):
            break
    return lines[: MOST_FIELDS + 1], owners[: MOST_FIELDS + 1]


def _is_attribution(said: str, quotes: bool) -> bool:
    wrote, dated = _WROTE.fullmatch(said), _DATED.search(said)
    return bool((wrote or (dated and "@" in said)) if quotes else (wrote and dated and "@" in said))
