from __future__ import annotations

import random
import time
from collections.abc import Sequence

import pytest

from memllm_cli.documents.base import Part
from memllm_cli.documents.readers.pdf.blocks import blocks
from memllm_cli.documents.readers.pdf.layout import Table, TextLine, page
from memllm_cli.documents.readers.pdf.words import Char, Rule

SIZE = 10.0
WIDTH = 5.0
LEFT = [
    "The harbour of Tromby was built in",
    "the year 1712 by a company of rope",
    "makers who had come over the water",
    "from Oslund. It burned twice, and in",
    "both cases the town paid for a new",
    "one within less than a single year.",
]
RIGHT = [
    "A second harbour lies to the north.",
    "It belongs to the Falk foundation,",
    "which lets it to fishers and to the",
    "rescue boats. Its lighthouse is the",
    "oldest on this coast, and is still",
    "lit by hand on the first of May.",
]
TABLE = [
    ("Country", "Capital", "People"),
    ("Freedonia", "Sylvania City", "1,200"),
    ("Grand Fenwick", "Fenwick", "6,000"),
    ("Ruritania", "Strelsau", "88,000"),
]


def text(x: float, y: float, words: str, size: float = SIZE) -> list[Char]:
    """Characters of one width on a line."""
    step = WIDTH * size / SIZE
    return [Char(c, x + n * step, x + (n + 1) * step, y, size) for n, c in enumerate(words)] + [
        Char("\n", x, x, y, size)
    ]


def lines(x: float, y: float, found: Sequence[str], step: float = 12) -> list[Char]:
    return [c for n, line in enumerate(found) for c in text(x, y + n * step, line)]


def row_by_row(columns: Sequence[tuple[float, Sequence[str]]], y: float = 100, step: float = 12) -> list[Char]:
    """Columns drawn line by line, as many programs do it."""
    out: list[Char] = []
    for n in range(max(len(cells) for _, cells in columns)):
        for x, cells in columns:
            if n < len(cells) and cells[n]:
                out += text(x, y + n * step, cells[n])
    return out


def read(chars: Sequence[Char], rules: Sequence[Rule] = ()) -> list[str]:
    """Each line of a page, and each table as rows with bars."""
    return [
        "\n".join(" | ".join(c.text for c in row) for row in item.rows) if isinstance(item, Table) else item.text
        for item in page(chars, rules)
    ]


def parts(*pages: Sequence[TextLine | Table]) -> list[tuple[str, str]]:
    """Kind and text of each part of a document."""
    raw = [[{"rows": i.rows} if isinstance(i, Table) else list(i) for i in found] for found in pages]
    return [(part.kind, content(part)) for part in blocks(raw)]


def content(part: Part) -> str:
    if part.kind == "table":
        return "\n".join(" | ".join(c.text for c in row) for row in part.rows)
    return " ".join(line.text for line in part.lines)


def line(words: str, fill: float = 1.0, gap: float = 1.0, size: float = SIZE) -> TextLine:
    return TextLine(words, fill, 0.0, gap, size)


def test_two_columns_are_read_one_after_the_other() -> None:
    assert read(row_by_row([(50, LEFT), (250, RIGHT)])) == [*LEFT, *RIGHT]


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("lower", [4, 6])
def test_columns_whose_lines_are_not_level(count: int, lower: int) -> None:
    chars: list[Char] = []
    for n, (left, right) in enumerate(zip(LEFT, RIGHT, strict=True)):
        drawn = [(50, 0, left), (250, lower, right), (450, 0, left)]
        chars += [c for x, y, words in drawn[:count] for c in text(x, 100 + 12 * n + y, words)]
    assert read(chars) == [*LEFT, *RIGHT, *LEFT][: 6 * count]


def test_three_columns() -> None:
    assert read(row_by_row([(50, LEFT), (250, RIGHT), (450, LEFT)])) == [*LEFT, *RIGHT, *LEFT]


def test_a_title_and_a_foot_across_two_columns() -> None:
    title, foot = (
        "The two harbours of the town of Tromby and their long history",
        "Printed by the Falk foundation, 2024",
    )
    chars = [*text(70, 60, title), *row_by_row([(50, LEFT), (250, RIGHT)]), *text(150, 220, foot)]
    assert read(chars) == [title, *LEFT, *RIGHT, foot]


def test_prose_in_two_columns_is_no_table() -> None:
    for left, right in ((LEFT, RIGHT), (LEFT[:3], RIGHT[:3]), (LEFT, RIGHT[:4])):
        assert not any(isinstance(item, Table) for item in page(row_by_row([(50, left), (250, right)])))


def test_wide_spaces_in_one_column_are_no_table() -> None:
    apart = [" ".join(w + " " * (n % 2) for n, w in enumerate(t.split())) for t in LEFT]
    assert not any(isinstance(item, Table) for item in page(lines(50, 100, apart)))


@pytest.mark.parametrize("marks", [["•"] * 4, ["1.", "2.", "3.", "4."], ["(a)", "(b)", "(c)", "(d)"]])
def test_a_list_is_no_table(marks: list[str]) -> None:
    found = ["Pay the rent", "Clean the stairs", "Feed the cat", "Lock the door"]
    assert read(row_by_row([(50, marks), (90, found)])) == [f"{m} {t}" for m, t in zip(marks, found, strict=True)]


def test_a_form_stays_text() -> None:
    labels, values = ["Name:", "Role:", "Born:"], ["Ann Poe", "Master", "4 May 1990"]
    assert read(row_by_row([(50, labels), (150, values)])) == ["Name: Ann Poe", "Role: Master", "Born: 4 May 1990"]


def test_a_head_with_a_page_number_is_no_table() -> None:
    left, right = ["Call for Services", "Falk House", "Tromby"], ["Section 43", "Instructions", "Page 1 of 8"]
    assert not any(isinstance(item, Table) for item in page(row_by_row([(50, left), (350, right)])))


@pytest.mark.parametrize("count", [2, 3])
def test_a_table_without_lines(count: int) -> None:
    columns = [(50.0 + 150 * n, [row[n] for row in TABLE]) for n in range(count)]
    expected = "\n".join(" | ".join(row[:count]) for row in TABLE)
    before, after = "The countries of the region and what is known of them today:", "All numbers are those of 1931."
    chars = [*text(50, 80, before), *row_by_row(columns), *text(50, 160, after)]
    assert read(chars) == [before, expected, after]


def test_empty_cells_stay_in_their_columns() -> None:
    rows = [("Code", "Place", "Count"), ("A1", "", "45"), ("B2", "North", ""), ("C3", "South", "7")]
    chars = row_by_row([(50.0 + 100 * n, [r[n] for r in rows]) for n in range(3)])
    assert read(chars) == ["Code | Place | Count\nA1 |  | 45\nB2 | North | \nC3 | South | 7"]


def test_a_cell_of_two_lines() -> None:
    chars = row_by_row([(50.0 + 150 * n, [r[n] for r in TABLE]) for n in range(3)], step=30)
    chars += text(200, 142, "Town")
    assert read(chars) == [
        "Country | Capital | People\nFreedonia | Sylvania City Town | 1,200\n"
        "Grand Fenwick | Fenwick | 6,000\nRuritania | Strelsau | 88,000"
    ]


def test_near_rows_of_numbers_stay_rows() -> None:
    rows = [("Model", "Size", "Score"), ("Small", "4", "31"), ("", "8", "35"), ("Large", "16", "52"), ("", "32", "70")]
    chars = [
        c
        for y, row in zip((100, 130, 141, 170, 181), rows, strict=True)
        for n, t in enumerate(row)
        for c in text(50 + 100 * n, y, t)
    ]
    assert read(chars) == ["Model | Size | Score\nSmall | 4 | 31\n | 8 | 35\nLarge | 16 | 52\n | 32 | 70"]


def test_a_table_with_lines() -> None:
    xs, ys = (40.0, 140.0, 300.0), (90.0, 106.0, 130.0)
    rules = [Rule(x, 90, x, 130) for x in xs] + [Rule(40, y, 300, y) for y in ys]
    chars = [*text(45, 102, "Tenant"), *text(145, 102, "Duty"), *text(45, 116, "Ann Poe")]
    chars += [
        *text(145, 116, "to clean the stairs of the"),
        *text(145, 127, "house"),
        *text(45, 150, "Signed in Tromby."),
    ]
    assert read(chars, rules) == ["Tenant | Duty\nAnn Poe | to clean the stairs of the house", "Signed in Tromby."]


def test_a_frame_with_a_line_through_words_is_no_table() -> None:
    rules = [Rule(x, 90, x, 180) for x in (40.0, 121.0, 300.0)] + [Rule(40, y, 300, y) for y in (90.0, 130.0, 180.0)]
    assert not any(isinstance(item, Table) for item in page(lines(50, 100, LEFT), rules))


def test_a_heading_over_several_columns() -> None:
    rows = [("Team", "Won", "Lost"), ("North", "4", "1"), ("South", "2", "3")]
    chars = row_by_row([(50.0 + 100 * n, [r[n] for r in rows]) for n in range(3)])
    (table,) = page([*text(50, 88, "Name"), *text(165, 88, "Games of this year"), *chars])
    assert isinstance(table, Table)
    assert [(c.text, c.width) for c in table.rows[0]] == [("Name", 1), ("Games of this year", 2)]


def test_raised_signs_stay_in_their_line() -> None:
    chars = text(50, 100, "The mill of Oslund")[:-1] + text(140.5, 96, "2", 6)[:-1] + text(148, 100, "is closed.")
    assert read(chars) == ["The mill of Oslund2 is closed."]


def test_words_from_right_to_left() -> None:
    drawn = [("\u05e9\u05dc\u05d5\u05dd", 200.0), ("abc", 170.0), ("def", 140.0), ("\u05e2\u05d5\u05dc\u05dd", 100.0)]
    chars: list[Char] = []
    for word, x in drawn:
        step = -WIDTH if word > "\u0590" else WIDTH
        start = x + WIDTH * (len(word) - 1) if step < 0 else x
        chars += [Char(c, start + n * step, start + n * step + WIDTH, 100, SIZE) for n, c in enumerate(word)]
        chars.append(Char(" ", x, x, 100, SIZE))
    assert read(chars) == ["\u05e9\u05dc\u05d5\u05dd def abc \u05e2\u05d5\u05dc\u05dd"]


def test_thousands_of_words_anywhere_are_read_in_time() -> None:
    chance = random.Random(1)
    chars = [c for _ in range(6000) for c in text(chance.random() * 600, chance.random() * 800, "word")]
    rules = [Rule(x, y, x + 50, y) for x, y in ((chance.random() * 600, chance.random() * 800) for _ in range(1500))]
    rules += [Rule(r.y0, r.x0, r.y0, r.x0 + 50) for r in rules]
    start = time.perf_counter()
    page(chars, rules)
    assert time.perf_counter() - start < 20


def test_hyphens_at_line_ends() -> None:
    found = [
        "The head-", "quarters are well-", "known, a rule-", "based team of the Austro-", "Hungarian navy of twenty-",
        "one pre-", "and post-war ships of the long-", "term. Its long-term goal is peace.",
    ]  # fmt: skip
    assert parts([line(t) for t in found]) == [
        (
            "paragraph",
            "The headquarters are well-known, a rule-based team of the Austro-Hungarian navy of twenty-one pre- and "
            "post-war ships of the long-term. Its long-term goal is peace.",
        )
    ]


def test_a_name_goes_over_the_end_of_a_page() -> None:
    first = [line("The town is old."), line("The chairperson of the archive is Jon")]
    assert parts(first, [line("Bek. He was born in Oslund.", 0.6, 0.0)]) == [
        ("paragraph", "The town is old. The chairperson of the archive is Jon Bek. He was born in Oslund.")
    ]
    short = [line("The town is old."), line("With kind regards", 0.3)]
    assert parts(short, [line("Bek was born in Oslund.", 0.6, 0.0)])[-1] == ("paragraph", "Bek was born in Oslund.")


def test_a_footnote_inside_a_sentence_that_goes_over_the_page() -> None:
    first = [line("The archive is owned by the"), line("1 Since 1931, with one break.", 0.9, 2.0, 8.0)]
    second = [line("foundation of the Falk family.", 0.9, 0.0), line("It has 48 rooms.", 0.5)]
    assert [t for _, t in parts(first, second)] == [
        "The archive is owned by the foundation of the Falk family. It has 48 rooms.",
        "1 Since 1931, with one break.",
    ]


def test_running_heads_and_page_numbers_are_left_out() -> None:
    said = ["The archive keeps maps and", "letters of the navy, and its", "rooms are open on all days of"]
    found = [[line("Archive, draft 4", 0.4), line(t), line(f"Page {n} of 3", 0.2)] for n, t in enumerate(said, 1)]
    assert parts(*found) == [("paragraph", " ".join(said))]


def test_ligatures_and_signs_of_fonts() -> None:
    assert parts([line("\ufb01rst o\ufb03ce", 0.2), line("\uf0b7 a \ufb02at", 0.2)]) == [
        ("paragraph", "first office"),
        ("item", "a flat"),
    ]


def test_headings_by_size_and_white_space() -> None:
    long = "The harbour was built in the year 1712 by a company of rope makers from the other side."
    found = [line("Harbours", 0.3, 0.0, 18.0), line(long), line("The lighthouse", 0.3, 1.8), line(long, 1.0, 1.5)]
    assert [kind for kind, _ in parts(found)] == ["heading", "paragraph", "heading", "paragraph"]
