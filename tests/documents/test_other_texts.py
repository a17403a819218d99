"""Captions, notebooks and org files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from memllm_cli.documents import read, read_text
from memllm_cli.errors import DocumentError
from memllm_cli.memory.values.passages import passages

VTT = """WEBVTT - a talk

NOTE made by hand
over two lines

STYLE
::cue { color: red }

1
00:01.000 --> 00:03.000 align:left
<v Ada Quist>The fee is
5 euros.</v>

00:03.000 --> 00:04.000
<v Ada Quist>5 euros.

00:00:04.000 --> 00:05.000
<v Bo Berg><i>And</i> the rent &amp; the deposit?
"""
SRT = """1
00:00:01,000 --> 00:00:02,000
ADA: The fee is {\\i1}5{\\i0} euros.

2
00:00:02,500 --> 00:00:03,000
It is due.
"""


def test_captions_are_turns_without_what_places_them() -> None:
    document = read_text("a.vtt", VTT)
    assert document.text == "The fee is 5 euros.\nAnd the rent & the deposit?"
    assert [(b.label, b.note, b.line) for b in document.blocks] == [
        ("Ada Quist", "00:01", 11),
        ("Bo Berg", "00:00:04", 18),
    ]
    assert [p.text for p in passages(document)] == [
        "Ada Quist: The fee is 5 euros.\nBo Berg: And the rent & the deposit?"
    ]


def test_captions_of_the_other_kind() -> None:
    assert read_text("a.srt", SRT).text == "The fee is 5 euros.\n\nIt is due."


def notebook(path: Path, book: object) -> Path:
    path.write_text(json.dumps(book), encoding="utf-8")
    return path


def test_a_notebook_is_text_code_and_what_it_gave(tmp_path: Path) -> None:
    table = "<table><tr><th>Name</th><th>Fee</th></tr><tr><td>Ada</td><td>5</td></tr></table>"
    cells = [
        {"cell_type": "markdown", "source": ["# Fees\n", "\n", "All fees."]},
        {
            "cell_type": "code",
            "source": "print(5)",
            "outputs": [
                {"output_type": "stream", "text": ["The fee is 5.\n"]},
                {"output_type": "error", "traceback": ["no", "no"]},
                {"output_type": "execute_result", "data": {"text/html": table, "text/plain": "x", "image/png": "AAAA"}},
            ],
        },
    ]
    document = read(notebook(tmp_path / "a.ipynb", {"cells": cells, "nbformat": 4}))
    assert document.title == "Fees"
    assert document.text == "Fees\n\nAll fees.\n\nprint(5)\n\nThe fee is 5.\n\nName | Fee\nAda | 5"
    assert [b.line for b in document.blocks if b.kind == "code"] == [2]


def test_a_notebook_of_format_three(tmp_path: Path) -> None:
    cells = [{"cell_type": "heading", "level": 2, "source": "Old"}, {"cell_type": "code", "input": "1", "outputs": []}]
    assert read(notebook(tmp_path / "a.ipynb", {"worksheets": [{"cells": cells}]})).text == "Old\n\n1"


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"cells": 5}', "[" * 100_000])
def test_what_is_no_notebook_ends_in_a_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DocumentError, match=r"a\.ipynb"):
        read(path)


ORG = """#+TITLE: The Plan
#+AUTHOR: Ada Quist
* TODO [#A] First step :work:
:PROPERTIES:
:Owner: Bo Berg
:END:
Text with *bold*, =code= and [[https://a.example][a link]] on <2026-03-01 Sun>.
- one
  - two
- [X] Fee :: five
# left out
#+begin_comment
left out, too
#+end_comment
| Name | Fee |
|------+-----|
| Ada  | 5   |
#+begin_quote
Said so.
#+end_quote
"""


def test_an_org_file_by_its_parts() -> None:
    document = read_text("a.org", ORG)
    assert document.title == "The Plan"
    said = [
        (b.kind, document.text[b.start : b.end]) for b in document.blocks if b.kind not in ("cell", "list", "table")
    ]
    assert said == [
        ("pair", "author: Ada Quist"),
        ("heading", "First step"),
        ("pair", "status: TODO"),
        ("pair", "owner: Bo Berg"),
        ("paragraph", "Text with bold, code and a link on 2026-03-01."),
        ("item", "one"),
        ("item", "two"),
        ("item", "Fee: five"),
        ("header", "Name | Fee"),
        ("row", "Ada | 5"),
        ("quote", "Said so."),
    ]
