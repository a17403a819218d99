"""What is computed of facts, and what is left alone because a word of the question is not accounted for."""

from __future__ import annotations

import pytest

from memllm_cli.answering.amounts import amounts, written
from memllm_cli.answering.computing import Computed, compute
from memllm_cli.documents.reader import read_text
from memllm_cli.memory.edit.memory import Memory, Written
from memllm_cli.memory.search.find import Finder
from memllm_cli.reading.link import Linker
from memllm_cli.types import Document, Triple
from memllm_cli.writing import structure

ROWS = (
    ("A Ltd", "Ireland", "1,200", "1 March 2024", "$4m"),
    ("B Ltd", "Ireland", "800", "5 May 2023", "$2m"),
    ("C Ltd", "Austria", "500", "2 June 2025", "$1m"),
)
COLUMNS = ("Supplier", "Country", "Yearly cost (EUR)", "Signed", "Turnover")


def table(title: str, rows: tuple[tuple[str, ...], ...] = ROWS, columns: tuple[str, ...] = COLUMNS) -> Document:
    lines = ["| " + " | ".join(r) + " |" for r in (columns, ("---",) * len(columns), *rows)]
    return read_text(f"{title.lower()}.md", f"# {title}\n\n" + "\n".join(lines) + "\n")


def stated(document: Document, key: str = "Supplier") -> list[Written]:
    """What the rows of a table say: every cell but the first, of the row it stands in."""
    out = []
    for number, block in enumerate(document.blocks):
        if block.kind == "cell" and block.label and block.label != key and block.parent is not None:
            value = document.block(number) + (f" {block.note}" if block.note else "")
            triple = Triple(document.blocks[block.parent].label, block.label, value)
            out.append(Written(triple, (), 0.9, block=number, own=True))
    return out


@pytest.fixture
def suppliers(memory: Memory) -> Memory:
    document = table("Suppliers")
    memory.ingest(document, stated(document), "m", "f")
    return memory


def computed(memory: Memory, question: str, within: set[int] | None = None) -> Computed | None:
    finder = Finder(memory)
    return compute(question, finder, Linker(finder), within)


@pytest.mark.parametrize(
    ("question", "value", "rows"),
    [
        ("How many suppliers are in Ireland?", "2", 2),
        ("Which suppliers are in Ireland?", "A Ltd, B Ltd", 2),
        ("List the suppliers in Austria", "C Ltd", 1),
        ("What is the total yearly cost of the suppliers?", "2,500", 3),
        ("What is the average yearly cost of the suppliers in Ireland?", "1,000", 2),
        ("Which supplier has the highest yearly cost?", "A Ltd", 3),
        ("What is the highest yearly cost of the suppliers?", "1,200", 3),
        ("How much is the lowest yearly cost?", "500", 3),
        ("What is the supplier with the lowest yearly cost?", "C Ltd", 3),
        ("Which supplier has the latest signed date?", None, 0),
        ("Which supplier signed latest?", "C Ltd", 3),
        ("What is the difference in yearly cost between A Ltd and C Ltd?", "700", 2),
        ("What is the total turnover of the suppliers?", "7,000,000 USD", 3),
    ],
)
def test_what_is_computed(suppliers: Memory, question: str, value: str | None, rows: int) -> None:
    found = computed(suppliers, question)
    assert (found and found.value.removesuffix(" EUR"), len(found.facts) if found else 0) == (value, rows)


@pytest.mark.parametrize(
    "question",
    [
        "What does A Ltd cost?",
        "Which supplier has the highest yearly cost of electricity?",
        "How many suppliers are not in Ireland?",
        "How many suppliers are in Ireland without insurance?",
        "How many suppliers with a yearly cost of at least 600 are in Ireland?",
        "How many suppliers cost more than 600 in Ireland?",
        "How many suppliers in Ireland are in Austria?",
        "How many lorries are in Ireland?",
        "Which turnover is highest?",
        "What does the yearly cost mean?",
        "Which is the newest yearly cost?",
        "What is the yearly cost of the largest supplier?",
        "What is the average yearly cost of the smallest supplier?",
        "Which supplier has the highest total yearly cost?",
    ],
)
def test_what_is_left_to_a_reader(suppliers: Memory, question: str) -> None:
    found = computed(suppliers, question)
    assert found is None or "turnover" in question, found
    if found is not None:
        assert found.operation == "largest"


def test_rows_of_another_list_are_not_computed_with(suppliers: Memory) -> None:
    others = table("Landlords", (("D Ltd", "Ireland", "9,000"),), ("Landlord", "Country", "Yearly cost (EUR)"))
    suppliers.ingest(others, stated(others, "Landlord"), "m", "f")
    counted = computed(suppliers, "How many suppliers are in Ireland?")
    assert counted is not None
    assert counted.value == "2"
    total = computed(suppliers, "What is the total yearly cost of the suppliers?")
    assert total is not None
    assert total.value.removesuffix(" EUR") == "2,500"
    ids = {d.title: d.id for d in suppliers.snapshot.documents()}
    assert computed(suppliers, "How many suppliers are in Ireland?", {ids["Landlords"]}) is None


def test_sentences_are_no_complete_list(memory: Memory) -> None:
    text = "A Ltd works for Tallowick. B Ltd works for Tallowick."
    facts = [Written(Triple(f"{x} Ltd", "works for", "Tallowick"), (n,), 0.9) for n, x in enumerate("AB")]
    memory.ingest(read_text("page.md", text), facts, "m", "f")
    assert computed(memory, "How many work for Tallowick?") is None
    memory.set(Triple("C Ltd", "employer", "Norbury"))
    memory.set(Triple("D Ltd", "employer", "Norbury"), mode="add")
    found = computed(memory, "How many have the employer Norbury?")
    assert found is not None
    assert found.value == "2"


def test_a_stated_total_goes_before_a_sum(suppliers: Memory) -> None:
    suppliers.set(Triple("suppliers", "total yearly cost", "3,000 EUR"), own=True)
    assert computed(suppliers, "What is the total yearly cost of the suppliers?") is None
    suppliers.undo()
    assert computed(suppliers, "What is the total yearly cost of the suppliers?") is not None


@pytest.mark.parametrize(
    ("texts", "numbers", "unit"),
    [
        (["4,200 EUR", "€800"], [4200, 800], "EUR"),
        (["3 months", "1 year"], None, None),
        (["2 weeks", "10 days"], [14, 10], "duration"),
        (["4,200 EUR", "800 USD"], None, None),
        (["4,200 EUR a month", "800 EUR"], None, None),
        (["$4m", "$2m"], [4_000_000, 2_000_000], "USD"),
        (["EUR 1.5 million", "500,000 EUR"], [1_500_000, 500_000], "EUR"),
        (["EUR 5-10 million", "EUR 5"], None, None),
        (["10 business days", "2 days"], None, None),
        (["4m", "2m"], None, None),
        (["-500 EUR", "-300 EUR"], [-500, -300], "EUR"),
        (["1" * 60, "2"], None, None),
        (["several", "2"], None, None),
    ],
)
def test_amounts(texts: list[str], numbers: list[int] | None, unit: str | None) -> None:
    read = amounts(texts)
    if texts == ["3 months", "1 year"]:
        assert read is not None
        assert read.unit == "duration"
        return
    assert (read and [int(n) for n in read.numbers], read and read.unit) == (numbers, unit)


def test_what_is_added_is_written_exactly() -> None:
    read = amounts(["0.1", "0.2", "1,000,000,000,000,000,000"])
    assert read is not None
    assert written("sum", read) == "1,000,000,000,000,000,000.3"
    read = amounts(["1", "2", "2"])
    assert read is not None
    assert written("average", read) == "1.67"


OFFICES = (("Lisbon", "100"), ("Porto", "200"), ("Madrid", "350"))


def offices(memory: Memory, *rows: tuple[str, str], title: str = "Offices") -> None:
    document = table(title, rows, ("Office", "Yearly rent (EUR)"))
    memory.ingest(document, [Written(s.triple, (), 0.9, proposed=not s.sure, block=s.block, own=True)
                             for s in structure.stated(document)], "m", "f")  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "total", "highest"),
    [
        (OFFICES, "650 EUR", "Madrid"),
        ((*OFFICES, ("Total", "650")), "650 EUR", "Madrid"),
        ((*OFFICES, ("Grand total", "650")), "650 EUR", "Madrid"),
        ((*OFFICES[:2], ("Madrid", "300")), None, None),
        ((*OFFICES, ("Porto", "200")), None, None),
    ],
)
def test_rows_that_add_up_others_or_stand_twice(
    memory: Memory, rows: tuple[tuple[str, str], ...], total: str | None, highest: str | None
) -> None:
    offices(memory, *rows)
    found = [
        computed(memory, "What is the total yearly rent?"),
        computed(memory, "Which office has the highest yearly rent?"),
    ]
    assert [f and f.value for f in found] == [total, highest]


def test_two_versions_of_a_table_are_not_added(memory: Memory) -> None:
    offices(memory, *OFFICES, title="Offices 2023")
    offices(memory, ("Lisbon", "110"), ("Porto", "220"), title="Offices 2024")
    assert computed(memory, "What is the total yearly rent of the offices?") is None


def test_a_thousand_and_thousandths_are_not_told_apart() -> None:
    assert amounts(["12.345 kg", "1.250 kg"]) is None
    assert amounts(["12.34 kg", "1.2 kg"]) is not None
    assert amounts(["1.234.567 EUR", "2.000.000 EUR"]) is not None
