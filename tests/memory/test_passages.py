"""Documents in passages, and every character of them back in its document."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memllm_cli.documents.reader import read_text
from memllm_cli.memory.values.passages import LONGEST, Passage, passages
from memllm_cli.types import Document

PAGE = """# Quay office

It stands by the water. It was built in 1904.

## Staff

The staff are:

- Ann Poe
- Bo Lind, who came late. He stays.
  - deputy: Cy Ray

| Town | Boats |
|---|---|
| Rufus | 4 |
| Ost | 5 |

**Opened:** 1904

**Area:** 12 ha

```
code here
```

> Said by all. Or by some.

End of it.
"""


def cut(text: str, name: str = "a.md") -> tuple[Document, list[Passage]]:
    document = read_text(name, text)
    return document, list(passages(document))


def test_a_lead_is_title_headings_and_the_line_above_a_list_once_each() -> None:
    _, found = cut(PAGE)
    assert [(p.lead, p.text) for p in found] == [
        ("Quay office", "It stands by the water. It was built in 1904."),
        ("Quay office > Staff", "The staff are:"),
        (
            "Quay office > Staff > The staff are",
            "Ann Poe\nBo Lind, who came late. He stays.\ndeputy: Cy Ray",
        ),
        (
            "Quay office > Staff",
            "Town: Rufus | Boats: 4\nTown: Ost | Boats: 5\nOpened: 1904\nArea: 12 ha\n"
            "Said by all. Or by some.\nEnd of it.",
        ),
    ]
    _, deep = cut("Alpha.\n\n# One\n\n## Two\n\n### Three\n\nBeta.\n\n## Four\n\nGamma.\n", "plan.md")
    assert [p.lead for p in deep] == ["One", "One > Two > Three", "One > Four"]
    _, bare = cut("Alpha is here.\n", "plan.txt")
    assert [p.lead for p in bare] == ["plan.txt"]


def test_a_row_is_one_sentence_with_the_names_of_its_columns() -> None:
    _, found = cut("# Boats\n\n| Town | Boats | |\n|---|---|---|\n| Rufus | 4 | old |\n| Ost | | new |\n")
    (only,) = found
    assert only.text.split("\n") == ["Town: Rufus | Boats: 4 | old", "Town: Ost | new"]
    assert [only.text[a:b] for a, b in only.sentences] == only.text.split("\n")
    assert [only.text[s.start : s.end] for s in only.stretches] == ["Rufus", "4", "old", "Ost", "new"]


def test_code_headings_and_names_of_columns_are_no_text_of_a_passage() -> None:
    _, found = cut("# Head\n\n```\nrun it\n```\n\n| Town | Boats |\n|---|---|\n")
    assert found == []
    _, found = cut(PAGE)
    assert not any("code here" in p.text for p in found)


def test_a_passage_ends_before_it_grows_too_long() -> None:
    sentence = "The boat number {} left the old quay at noon."
    text = " ".join(sentence.format(n) for n in range(40))
    document, found = cut(text)
    sizes = [len(p.text.split()) for p in found]
    assert len(found) == 4
    assert all(LONGEST - 9 < size <= LONGEST for size in sizes[:-1])
    assert " ".join(p.text for p in found) == document.text
    assert [len(p.sentences) for p in passages(document, longest=1)] == [1] * 40
    row = "| a | b |\n|---|---|\n| " + " | ".join(["word " * 80] * 2) + " |\n"
    (long,) = cut(f"# T\n\n{row}")[1]
    assert (len(long.sentences), len(long.text.split()) > LONGEST) == (1, True)


def test_fields_above_a_text_are_said_as_a_whole() -> None:
    _, found = cut("---\naliases: [The Office]\nopened: 1904. Or so.\n---\nIt stands.\n")
    assert [p.text for p in found] == ["aliases: The Office\nopened: 1904. Or so.\nIt stands."]
    assert len(found[0].sentences) == 3


def test_the_sentence_at_a_character() -> None:
    (only,) = cut("One is here. Two is there.")[1]
    assert [only.sentence_at(i) for i in (0, 11, 12, 13, 25, 99)] == [(0, 12)] * 3 + [(13, 26)] * 3


def test_source_and_place_are_inverse_in_prose_and_cells() -> None:
    document, found = cut(PAGE)
    prose, rows = found[0], found[3]
    at = prose.text.index("built")
    begin, end, block = prose.source(at, at + 5)
    assert document.text[begin:end] == "built"
    assert document.blocks[block].kind == "paragraph"
    assert prose.place(begin, end) == (at, at + 5)
    whole = prose.source(0, len(prose.text))
    assert document.text[whole[0] : whole[1]] == prose.text
    at = rows.text.index("Ost")
    begin, end, block = rows.source(at, at + 3)
    assert (document.text[begin:end], document.blocks[block].label) == ("Ost", "Town")
    assert rows.place(begin, end) == (at, at + 3)
    assert prose.place(begin, end) is None
    assert rows.place(begin, begin + len("Ost | ")) is None


@pytest.mark.parametrize(
    ("said", "source"),
    [("Town: Rufus", "Rufus"), ("Rufus | Boats: 4", "Rufus | 4"), ("Boats: 4", "4"), (" | Boats", "s")],
)
def test_what_stands_only_in_the_passage_leads_to_the_nearest_cell(said: str, source: str) -> None:
    document, found = cut(PAGE)
    at = found[3].text.index(said)
    begin, end, _ = found[3].source(at, at + len(said))
    assert document.text[begin:end] == source


_WORDS = st.lists(st.sampled_from(["quay", "Rufus", "1904", "café", "日本", "a", "U.S.", "4,5", "*so*", "Zürich"]),
                  min_size=1, max_size=9).map(" ".join)  # fmt: skip
_SENTENCE = st.tuples(_WORDS, st.sampled_from(".?!。")).map(lambda x: x[0].capitalize() + x[1])
_TEXT = st.lists(_SENTENCE, min_size=1, max_size=6).map(" ".join)
_ROW = st.lists(st.one_of(_WORDS, st.just("")), min_size=3, max_size=3).map(lambda row: f"| {' | '.join(row)} |")
_BLOCK = st.one_of(
    _TEXT,
    st.tuples(st.integers(1, 3), _WORDS).map(lambda x: f"{'#' * x[0]} {x[1]}"),
    st.tuples(_WORDS, st.lists(_TEXT, min_size=1, max_size=4)).map(
        lambda x: f"{x[0]}:\n\n" + "\n".join(f"{'  ' * (i % 2)}- {t}" for i, t in enumerate(x[1]))
    ),
    st.lists(_ROW, min_size=1, max_size=4).map(lambda rows: "\n".join([rows[0], "|---|---|---|", *rows[1:]])),
    st.lists(_WORDS, min_size=2, max_size=4).map(
        lambda x: "\n\n".join(f"**{k}:** {v}" for k, v in zip("Key Name Place Day".split(), x, strict=False))
    ),
    _TEXT.map(lambda text: f"> {text}"),
    _WORDS.map(lambda text: f"```\n{text}\n```"),
)
_DOCUMENT = st.lists(_BLOCK, min_size=1, max_size=7).map(lambda blocks: "\n\n".join(["Alpha.", *blocks]))


@settings(max_examples=60, deadline=None)
@given(_DOCUMENT, st.integers(1, 40), st.data())
def test_every_stretch_of_a_passage_is_one_of_its_document(text: str, longest: int, data: st.DataObject) -> None:
    document = read_text("a.md", text)
    for passage in passages(document, longest):
        assert len(passage.text.split()) <= longest or len(passage.sentences) == 1
        assert all(a[1] < b[0] for a, b in pairwise(passage.sentences))
        for stretch in passage.stretches:
            a = data.draw(st.integers(stretch.start, stretch.end - 1))
            b = data.draw(st.integers(a + 1, stretch.end))
            begin, end, block = passage.source(a, b)
            assert document.text[begin:end] == passage.text[a:b]
            assert block == stretch.block == document.block_at(begin)
            assert passage.place(begin, end) == (a, b)


@settings(max_examples=60, deadline=None)
@given(_DOCUMENT, st.integers(1, 40))
def test_every_sentence_stands_in_one_passage(text: str, longest: int) -> None:
    document = read_text("a.md", text)
    found = list(passages(document, longest))
    heads = {n for n, b in enumerate(document.blocks) if b.kind == "header"}
    spans = [(b.start, b.end) for b in document.blocks if b.kind == "cell" and b.parent not in heads]
    for sentence in document.sentences:
        at = document.block_at(sentence.start)
        assert at is not None
        if document.blocks[at].kind not in ("cell", "heading", "code"):
            spans.append((sentence.start, sentence.end))
    for begin, end in spans:
        (said,) = [p.text[slice(*place)] for p in found if (place := p.place(begin, end)) is not None]
        assert said == document.text[begin:end]
