"""Captions, notebooks and org files."""

from __future__ import annotations

import json
from pathlib import Path
from time import monotonic

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


SPOKEN = """WEBVTT

00:01.000 --> 00:03.000
<v Ada Quist>Is it due?</v>
<v Bo Berg>In May.</v>

00:03.000 --> 00:05.000
- Where?
- Here.

00:05.000 --> 00:06.000
Bo Berg (Guest): The <c.x>rent</c> is
700 euros.

00:06.000 --> 00:07.000
Then he said: no.
"""


def test_each_line_of_a_caption_has_its_speaker() -> None:
    document = read_text("a.vtt", SPOKEN)
    assert [(b.kind, b.label, document.text[b.start : b.end], b.line) for b in document.blocks] == [
        ("turn", "Ada Quist", "Is it due?", 4),
        ("turn", "Bo Berg", "In May.", 5),
        ("paragraph", "", "Where?", 8),
        ("paragraph", "", "Here.", 9),
        ("turn", "Bo Berg (Guest)", "The rent is 700 euros.", 12),
        ("paragraph", "", "Then he said: no.", 16),
    ]


def captions(*cues: tuple[int, int, str]) -> str:
    """Captions from one second to another."""
    return "".join(f"{n}\n00:00:{a:02},000 --> 00:00:{b:02},000\n{t}\n\n" for n, (a, b, t) in enumerate(cues, 1))


@pytest.mark.parametrize(
    ("cues", "text"),
    [
        ([(1, 2, "The fee"), (2, 3, "The fee\nis five"), (3, 4, "is five\neuros.")], "The fee is five euros."),
        ([(1, 2, "The fee"), (2, 3, "The fee is five"), (3, 4, "The fee is five euros.")], "The fee is five euros."),
        ([(1, 2, "It is due."), (1, 2, "It is due."), (2, 3, "Now.")], "It is due. Now."),
        ([(1, 2, "No."), (5, 6, "No.")], "No. No."),
        ([(1, 2, "\n\nAfter a gap."), (2, 3, "2026"), (3, 4, "came.")], "After a gap. 2026 came."),
    ],
)
def test_captions_that_roll_are_said_once(cues: list[tuple[int, int, str]], text: str) -> None:
    assert read_text("a.srt", captions(*cues)).text == text


def test_long_talks_are_cut_where_sentences_end() -> None:
    cues = [(n // 2, n // 2 + 1, f"This is what is said as number {n}.") for n in range(100)]
    blocks = read_text("a.srt", captions(*cues)).blocks
    assert len(blocks) > 2
    assert all(b.end - b.start < 1000 for b in blocks)


@pytest.mark.parametrize("text", ["WEBVTT\n", "no times here\n", "WEBVTT\n\nNOTE\n00:01 -> 00:02\n"])
def test_what_has_no_captions_ends_in_a_line(text: str) -> None:
    with pytest.raises(DocumentError, match=r"a\.vtt.*no captions"):
        read_text("a.vtt", text)


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


def test_of_outputs_what_is_text_is_read(tmp_path: Path) -> None:
    outputs = [
        {"output_type": "stream", "text": ["10 %\r", "100 %\n"]},
        {"output_type": "display_data", "data": {"text/plain": "<Figure size 640x480 with 1 Axes>"}},
        {"output_type": "display_data", "data": {"text/plain": "<x.HTML object>", "text/html": "<b>Due</b> in May"}},
        {"output_type": "display_data", "data": {"text/html": "<table>" + "<div>" * 3_000, "text/plain": "Paid."}},
    ]
    cells = [
        {"cell_type": "raw", "source": "---\ntitle: The Fees\n---\n"},
        {"cell_type": "heading", "level": 10**12, "source": "Two\nlines"},
        {"cell_type": "code", "source": "", "outputs": outputs},
    ]
    document = read(notebook(tmp_path / "a.ipynb", {"cells": cells}))
    assert document.title == "The Fees"
    assert document.text.endswith("Two lines\n\n100 %\n\nDue in May\n\nPaid.")


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


MORE_ORG = """#+TODO: OPEN | SHUT
* OPEN Lease [2/3] :law:
SCHEDULED: <2026-03-01 Sun> DEADLINE: <2026-04-01 Wed +1m>
:LOGBOOK:
CLOCK: [2026-03-01 Sun 10:00]--[2026-03-01 Sun 11:00] =>  1:00
:END:
It is */very/
important*[fn:1][fn::said once] from [[file:a.org][the *lease*]].
1. [@3] Third
   goes on

   and more
   - Term :: three years
#+begin_src sh
ls
,* no heading
#+end_src
: shown
#+CAPTION: Fees
| Name | <l> |
|------+-----|
| <l>  |     |
| Ada  | 5   |
-----
[fn:1] A note
goes on.
** COMMENT Left out
text
*** This, too
* Last
#+begin_quote
- in it
Said.
#+end_quote
"""


def test_an_org_file_with_all_that_such_have() -> None:
    document = read_text("a.org", MORE_ORG)
    left_out = ("cell", "list", "table")
    assert [b.label for b in document.blocks if b.kind == "table"] == ["Fees"]
    assert [(b.kind, document.text[b.start : b.end]) for b in document.blocks if b.kind not in left_out] == [
        ("heading", "Lease"),
        ("pair", "status: OPEN"),
        ("pair", "scheduled: 2026-03-01"),
        ("pair", "deadline: 2026-04-01"),
        ("paragraph", "It is very important from the lease."),
        ("footnote", "said once"),
        ("item", "3. Third goes on"),
        ("paragraph", "and more"),
        ("item", "Term: three years"),
        ("code", "ls * no heading"),
        ("code", "shown"),
        ("header", "Name | <l>"),
        ("row", "Ada | 5"),
        ("footnote", "A note goes on."),
        ("heading", "Last"),
        ("item", "in it"),
        ("quote", "Said."),
    ]


@pytest.mark.parametrize(
    "text",
    ["*a " * 30_000, "/a" * 30_000, ":A:\n" * 20_000, "#+begin_quote\n" * 20_000, "#+begin_src\n" * 20_000,
     "* x " + ":a" * 30_000, "a" + " " * 100_000 + "b", "[fn:a:" * 20_000, "#+end_*\n** COMMENT x\ny\n" * 50,
     ":\t\n" * 50, "#+begin_src\n* a\n" * 5_000],
)  # fmt: skip
def test_hostile_org_files_are_read_soon(text: str) -> None:
    begun = monotonic()
    assert read_text("a.org", f"Due in May.\n\n{text}\n").text.startswith("Due in May.")
    assert monotonic() - begun < 5
