"""A page as one HTML file that needs nothing else: no script, no font, no picture, and its policy forbids them.

Everything in it that comes from documents or memory is untrusted: it is cleaned of control characters and escaped.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from hashlib import sha256
from html import escape

from memllm_cli.reporting.page import Line, Note, Page, Paragraph
from memllm_cli.reporting.words import COLUMNS, counts, left_out, meant
from memllm_cli.terminal import clean

STYLE = """
:root { color-scheme: light dark; --ink: #1a1a1a; --paper: #fff; --dim: #555; --line: #bbb; --mark: #fff3b0;
  --bad: #9c1c1c; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e6e1; --paper: #16181a; --dim: #a8a8a8; --line: #4a4d50; --mark: #4a4216; --bad: #ff9c8f; }
}
body { max-width: 52rem; margin: 2rem auto; padding: 0 1rem; color: var(--ink); background: var(--paper);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: break-word; }
h1 { line-height: 1.2; } h2 { margin-top: 2rem; border-bottom: 1px solid var(--line); }
.dim, footer { color: var(--dim); font-size: 0.9rem; } a { color: inherit; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: 0.3rem 0.6rem 0.3rem 0; border-bottom: 1px solid var(--line); }
td { overflow-wrap: anywhere; } th, td:first-child, .clash { white-space: nowrap; overflow-wrap: normal; }
.clash { color: var(--bad); font-weight: bold; } sup { line-height: 0; } sup a { padding: 0 0.1em; }
mark { background: var(--mark); color: inherit; text-decoration: underline; text-underline-offset: 0.2em; }
.text { border-left: 3px solid var(--line); padding-left: 1rem; } .text p { white-space: pre-wrap; }
li { margin-bottom: 0.4rem; } :target { outline: 2px solid var(--line); outline-offset: 2px; }
@media print {
  :root { --ink: #000; --paper: #fff; --dim: #333; --line: #999; --mark: #fff; --bad: #000; }
  body { max-width: none; margin: 0; font-size: 10.5pt; } tr, li, h2, h3 { break-inside: avoid; }
  h2, h3 { break-after: avoid; } thead { display: table-header-group; } a { text-decoration: none; }
}
"""
_POLICY = "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'"


def html(page: Page) -> str:
    """The whole file."""
    policy = _POLICY.format(b64encode(sha256(STYLE.encode()).digest()).decode())
    parts = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer">\n<meta name="color-scheme" content="light dark">',
        f"<title>{_text(page.title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>",
        f"<h1>{_text(page.title)}</h1>",
        f'<p class="dim">{_text(meant(page))}<br>{_text(counts(page))}</p>',
    ]
    if page.clashes:
        parts.append("<h2>Conflicts</h2>")
        for clash in page.clashes:
            said = f'<span class="clash">≠ conflict {clash.number}</span>: {_text(clash.reason)}'
            facts = "".join(f"<li>{_fact(line)}{_numbers(line.notes)}</li>" for line in clash.lines)
            parts.append(f'<div id="c{clash.number}"><p>{said}</p>\n<ul>{facts}</ul></div>')
    parts.append("<h2>Facts</h2>")
    if page.lines:
        parts.append(_table(page))
    else:
        parts.append("<p>Memory holds no fact here.</p>")
    if page.text:
        parts.append(
            '<h2>Text</h2>\n<p class="dim">Sentences that facts rest on are underlined.</p>\n<div class="text">'
        )
        parts += [_paragraph(p) for p in page.text]
        parts.append("</div>")
    if page.notes:
        in_text = {n for p in page.text for piece in p.pieces for n in piece.begins}
        rest: dict[int, list[int]] = {}
        for number, line in enumerate(page.lines, 1):
            for n in line.notes:
                rest.setdefault(n, []).append(number)
        parts.append("<h2>Sources</h2>\n<ol>")
        parts += [_note(note, rest.get(note.number, []), note.number in in_text) for note in page.notes]
        parts.append("</ol>")
    parts.append(f"</main>\n<footer><p>{_text(left_out(page))}</p></footer>\n</body>\n</html>\n")
    return "\n".join(parts)


def _text(text: str) -> str:
    return escape(clean(text))


def _fact(line: Line) -> str:
    holds = f" ({_text(line.holds)})" if line.holds else ""
    return f"{' · '.join(map(_text, line.texts))}{holds} "


def _table(page: Page) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in COLUMNS)
    rows = []
    for number, line in enumerate(page.lines, 1):
        cells = [
            str(number),
            *map(_text, line.texts),
            _text(line.holds),
            _numbers(line.notes, small=False) + _clashes(line.clashes),
        ]
        rows.append(f'<tr id="f{number}">' + "".join(f"<td>{c}</td>" for c in cells) + "</tr>")
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n" + "\n".join(rows) + "\n</tbody>\n</table>"


def _numbers(numbers: Iterable[int], small: bool = True) -> str:
    links = " ".join(f'<a href="#n{n}">[{n}]</a>' for n in numbers)
    return f"<sup>{links}</sup>" if small and links else links


def _clashes(numbers: Iterable[int]) -> str:
    return "".join(f' <a class="clash" href="#c{n}">≠ conflict {n}</a>' for n in numbers)


def _note(note: Note, facts: Sequence[int], in_text: bool) -> str:
    place = ", ".join(x for x in (note.source, note.place) if x)
    where = f'<a href="#s{note.number}">{_text(place)}</a>' if in_text else _text(place)
    said = f": <q>{_text(note.said)}</q>" if note.said else ""
    links = ", ".join(f'<a href="#f{i}">{i}</a>' for i in facts)
    back = f' <span class="dim">({"fact" if len(facts) == 1 else "facts"} {links})</span>' if facts else ""
    return f'<li id="n{note.number}">{where}{said}{back}</li>'


def _paragraph(paragraph: Paragraph) -> str:
    tag = f"h{min(6, paragraph.level + 2)}" if paragraph.level else "p"
    out = []
    for piece in paragraph.pieces:
        text = escape(clean(piece.text, lines=True))
        if piece.inside:
            text = f"<mark>{text}</mark>"
        anchors = "".join(f'<span id="s{n}"></span>' for n in piece.begins)
        out.append(anchors + text + _numbers(piece.ends) + _clashes(piece.clashes))
    return f"<{tag}>{''.join(out)}</{tag}>"
