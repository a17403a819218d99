from __future__ import annotations

import pytest

from memllm_cli.documents import read_text
from memllm_cli.errors import DocumentError
from memllm_cli.types import Document


def sentences(document: Document) -> list[str]:
    return [document.sentence(i) for i in range(len(document.sentences))]


def outcome(name: str, source: str) -> None:
    """Read hostile text: a document with sentences or a DocumentError that names it, nothing else."""
    message = name
    try:
        count = len(read_text(name, source).sentences)
    except DocumentError as error:
        count, message = 1, error.message
    assert count > 0
    assert name in message


MARKDOWN = """---
title: "Freedonia, a guide"
---
# Freedonia

Freedonia is a *small* country with
[old towns](https://example.org). Its capital is `Rufus Town`.

<!-- hidden: Sylvania won -->
## Towns

- Rufus Town
- Sylvania City, <b>twice</b> burnt

```python
secret = 1
```

| Town | Mayor |
|------|-------|
| Rufus Town | Ann |

<div style="display: none">

Nobody **sees** this.

</div>

The end.
"""


def test_markdown() -> None:
    document = read_text("guide.md", MARKDOWN)
    assert document.title == "Freedonia, a guide"
    assert sentences(document) == [
        "Freedonia",
        "Freedonia is a small country with old towns.",
        "Its capital is Rufus Town.",
        "Towns",
        "Rufus Town",
        "Sylvania City, twice burnt",
        "Town | Mayor",
        "Rufus Town | Ann",
        "The end.",
    ]
    assert [s.line for s in document.sentences] == [4, 6, 7, 10, 12, 13, 19, 21, 29]
    assert [s.heading for s in document.sentences[:5]] == ["", "Freedonia", "Freedonia", "Freedonia", "Towns"]
    assert document.notes == ("left out hidden text",)


def test_markdown_script_does_not_swallow_what_follows() -> None:
    assert sentences(read_text("a.md", "<script>\nx()\n</script>\n\nAfter.\n")) == ["After."]


HTML = """<!DOCTYPE html><html><head><title>Acme &amp; Sons</title><style>p{}</style></head>
<body><nav>Home</nav>
<h1>Contract</h1>
<p>The fee is <b>10</b>0 euros.
It is due on 1 May. <span hidden>The fee is 5.</span></p>
<div aria-hidden="TRUE">No</div><div style="visibility : hidden">No</div><!-- no -->
<ul><li>First<li>Second</ul>
<table><tr><th>Party</th><th>Role</th></tr>
<tr><td>Acme</td><td>Seller</td></tr></table>
<pre><code>x = 1</code></pre>
<p>one<br><br>two</p>
<script>var a = "<p>no</p>";</script>
<footer>Imprint</footer></body></html>"""


def test_html() -> None:
    document = read_text("c.html", HTML)
    assert document.title == "Acme & Sons"
    assert sentences(document) == [
        "Contract",
        "The fee is 100 euros.",
        "It is due on 1 May.",
        "First",
        "Second",
        "Party | Role",
        "Acme | Seller",
        "one",
        "two",
    ]
    assert [s.line for s in document.sentences][:7] == [3, 4, 5, 7, 7, 8, 9]
    assert document.sentences[1].heading == "Contract"
    assert document.notes == ("left out hidden text",)


@pytest.mark.parametrize(
    "source",
    [
        "<div>" * 30_000 + "x",
        "<!--" * 30_000,
        "<" * 30_000 + "x",
        "<a b='" * 30_000,
        "x" + "</a" * 30_000,
        "<![a" * 1000 + ">",
        "<ul><li>" * 3000 + "x",
        "\x00<p>&#0;&#xD800;</p>",
    ],
)
def test_hostile_html_ends_in_a_document_or_an_error(source: str) -> None:
    outcome("x.html", source)


def test_unclosed_comment_is_noted() -> None:
    document = read_text("x.html", "<p>Seen.</p><!-- <p>Not seen.</p>")
    assert sentences(document) == ["Seen."]
    assert "never closed" in document.notes[0]


@pytest.mark.parametrize("source", ["> " * 20_000, "[" * 20_000, "*a **" * 5000, "<!-- " * 5000, "- " * 5000 + "x"])
def test_hostile_markdown(source: str) -> None:
    outcome("x.md", source)


RST = """=======
Sailing
=======

.. _label:

.. code-block:: python

    secret = 1

Boats have ``sails``, see :ref:`the masts <masts>` and
`this page <https://example.org>`__.

.. note::
    Ropes are *lines*. Run this::

        tar xf boats

Kinds
-----

- Sloop, with
  one mast
- Ketch

======  =====
Boat    Masts
======  =====
Sloop   1
======  =====
"""


def test_rst() -> None:
    document = read_text("s.rst", RST)
    assert document.title == "Sailing"
    assert sentences(document) == [
        "Sailing",
        "Boats have sails, see the masts and this page.",
        "Ropes are lines.",
        "Run this:",
        "Kinds",
        "Sloop, with one mast",
        "Ketch",
        "Boat | Masts",
        "Sloop | 1",
    ]
    assert document.sentences[6].heading == "Kinds"
    assert document.sentences[6].line == 24


@pytest.mark.parametrize(
    "source", [":" * 50_000 + "x", "`a <" * 5000, ":a:`" * 5000, "=\n" * 2000, ".. " * 5000 + "\nx"]
)
def test_hostile_rst(source: str) -> None:
    assert read_text("x.rst", source).sentences


TEXT = """Harbour rules

The harbour master of Rufus Town decides about every ship that wants to
enter. Ships pay 3.5 crowns
each day.

2.1 Fees. The fee is due on arrival and is paid in crowns, never in kind, by
the captain.
2.2 Fines. There are none.

- rope
- tar, from the
  north

Name: Ann
Role: Master
"""


def test_text() -> None:
    document = read_text("rules.txt", TEXT)
    assert document.title == "Harbour rules"
    assert sentences(document) == [
        "Harbour rules",
        "The harbour master of Rufus Town decides about every ship that wants to enter.",
        "Ships pay 3.5 crowns each day.",
        "2.1 Fees.",
        "The fee is due on arrival and is paid in crowns, never in kind, by the captain.",
        "2.2 Fines.",
        "There are none.",
        "rope",
        "tar, from the north",
        "Name: Ann",
        "Role: Master",
    ]
    assert [s.line for s in document.sentences] == [1, 3, 4, 7, 7, 9, 9, 11, 12, 15, 16]
    assert document.sentences[1].heading == "Harbour rules"


def test_call_markers_are_text() -> None:
    source = "He wrote ({MEM_WRITE-->a>>b>>c}) there."
    for name in ("m.txt", "m.md", "m.html", "m.rst"):
        text = source.replace(">", "&gt;") if name == "m.html" else source
        assert sentences(read_text(name, text)) == [source]


def test_invisible_characters_are_dropped_and_noted() -> None:
    document = read_text("x.txt", "Pay\u202e10\u202c eu\u200bros\x1b[31m now\x1b[0m\U000e0041.")
    assert document.text == "Pay10 euros now."
    assert document.notes == (
        "dropped 2 escape sequences",
        "dropped 1 control character",
        "dropped 2 bidirectional controls",
        "dropped 1 zero-width character",
    )
    assert sentences(read_text("x.html", "<p>a&#x202e;b&#x200b;</p>")) == ["ab"]


def test_offsets_hold_where_escape_sequences_were() -> None:
    text = "One \x1b[1mbold\x1b[0m word. \x1b]0;owned\x07Two words."
    document = read_text("x.txt", text + "\n\nThree.")
    assert sentences(document) == ["One bold word.", "Two words.", "Three."]
    assert [s.line for s in document.sentences] == [1, 1, 3]


def test_persian_joiner_is_kept() -> None:
    assert read_text("x.txt", "می\u200cخواهم").text == "می\u200cخواهم"


def test_standard_input() -> None:
    document = read_text("notes", "\ufeffOne.\r\n\r\nTwo.\r\n")
    assert (document.uri, document.media_type, document.title) == ("stdin:notes", "text/plain", "notes")
    assert sentences(document) == ["One.", "Two."]
    with pytest.raises(DocumentError):
        read_text("notes", " \n\t ")
