"""Values in the notations that people write, and what they contradict."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memllm_cli.documents.reader import read_text
from memllm_cli.errors import UsageError
from memllm_cli.memory.disk.database import values_compared_anew
from memllm_cli.memory.edit.memory import Memory, Written
from memllm_cli.memory.values.dates import contains, day_first, off_calendar
from memllm_cli.memory.values.literals import LITERALS, coarser, fits, normalise
from memllm_cli.memory.values.numerals import readings
from memllm_cli.memory.views.conflicts import conflicts
from memllm_cli.types import Triple

TABLE = Path(__file__).with_name("values.csv")
with TABLE.open(encoding="utf-8", newline="") as _file:
    ROWS = list(csv.DictReader(_file))
READ = sorted({(row[side], row["kind"]) for row in ROWS for side in "ab" if fits(row[side], row["kind"])})


@pytest.mark.parametrize("row", ROWS, ids=lambda r: f"{r['a']} / {r['b']}")
def test_the_table_of_notations(row: dict[str, str]) -> None:
    kind = row["kind"]
    first, second = normalise(row["a"], kind), normalise(row["b"], kind)
    one = "same" if first == second else "coarser" if coarser(first, second, kind) else "different"
    assert one == row["one"]
    assert not coarser(second, first, kind)
    if one != "different":
        assert fits(row["a"], kind)
        assert fits(row["b"], kind)


@given(st.sampled_from(READ), st.sampled_from(["plus VAT", "if asked", "net of tax", "unless renewed", "(estimate)"]))
def test_no_word_beside_a_value_is_dropped(value: tuple[str, str], beside: str) -> None:
    text, kind = value
    said = f"{text} {beside}"
    assert normalise(said, kind) != normalise(text, kind)
    assert kind == "number" or not fits(said, kind)  # a number may be of anything: it is kept with it


@given(st.integers(10_000, 10**14), st.integers(0, 99))
def test_one_number_in_the_notations_of_several_countries(whole: int, cents: int) -> None:
    english = f"{whole:,}.{cents:02d}"
    ways = [english, *(english.translate(str.maketrans(",.", marks)) for marks in (".,", "'.", " ,", "\u202f,"))]
    assert {normalise(f"EUR {w}", "money") for w in ways} == {normalise(f"{whole}.{cents:02d} €", "money")}


@given(st.text(alphabet="0123456789.,' -+()%€$kmMD/:ymadjn", max_size=14), st.sampled_from(LITERALS))
def test_odd_texts_have_a_form_that_spaces_around_do_not_change(text: str, kind: str) -> None:
    assert normalise(text, kind) == normalise(f" {text} ", kind)


@pytest.mark.parametrize(
    ("digits", "numbers"),
    [("4.200", ["4200", "4.200"]), ("0.200", ["0.200"]), ("1.234.56", []), ("12,34,567", ["1234567"]), ("1,2,3", [])],
)
def test_what_digits_can_mean(digits: str, numbers: list[str]) -> None:
    assert readings(digits) == tuple(map(Decimal, numbers))


@pytest.mark.parametrize(
    ("texts", "first"),
    [
        (["signed 13/04/2025", "03/04/2025"], True), (["04/13/2025 and 03/04/2025"], False), (["03/04/2025"], None),
        (["13/04/2025", "04/13/2025"], None), (["45/13/2025", "no date"], None), ([], None),
    ],
)  # fmt: skip
def test_how_a_document_writes_its_dates(texts: list[str], first: bool | None) -> None:
    assert day_first(texts) is first


def test_a_date_that_can_be_read_in_two_ways_follows_its_document() -> None:
    assert normalise("03/04/2025", "date", True) == "2025-04-03"
    assert normalise("03/04/2025", "date", False) == "2025-03-04"
    assert normalise("04/13/2025", "date", True) == "2025-04-13"


@pytest.mark.parametrize("text", ["31 February 2025", "31/02/2025", "2025-02-30", "February 29, 2025", "31.06.2024"])
def test_days_that_are_in_no_calendar(text: str) -> None:
    assert off_calendar(text)
    assert not fits(text, "date")


@pytest.mark.parametrize("text", ["29 February 2024", "3 May 2025", "to be agreed", "31 or 28 May 2025", "03/04/2025"])
def test_what_is_not_off_the_calendar(text: str) -> None:
    assert not off_calendar(text)


def test_a_time_lies_in_the_day_that_it_is_anywhere() -> None:
    assert contains("2025-05-03", normalise("2025-05-04T00:30+02:00", "date"))
    assert contains("2025-05-04", normalise("2025-05-04T00:30+02:00", "date"))
    assert not contains("2025-05-06", normalise("2025-05-04T00:30+02:00", "date"))
    assert not contains("2025", "to be agreed in 2025")
    assert not contains("2024/25", "2024/25-03")


def test_what_is_left_unread_keeps_the_case_of_its_unit() -> None:
    assert normalise("about 3 to 4 MW or so", "number") != normalise("about 3 to 4 mW or so", "number")
    assert normalise("Thirty Days After Receipt", "duration") == normalise("thirty days after receipt", "duration")


def test_values_contradict_each_other_by_what_they_mean(memory: Memory) -> None:
    def stated(relation: str, *values: str) -> list[set[str]]:
        for value in values:
            memory.set(Triple("Pier Contract", relation, value), mode="add")
        found = [{memory.snapshot.texts(f)[2] for f in c.facts} for c in conflicts(memory.snapshot)]
        for _ in values:
            memory.undo()
        return found

    assert stated("payment term", "10 days", "ten (10) days") == []
    assert stated("payment term", "10 days", "10 business days") == [{"10 days", "10 business days"}]
    assert stated("contract value", "1,5 Mio. EUR", "EUR 1,500,000") == []
    assert stated("contract value", "1,5 Mio. EUR", "EUR 1.50") == [{"1,5 Mio. EUR", "EUR 1.50"}]
    assert stated("signing date", "May 2025", "3 May 2025", "2025") == []
    assert stated("signing date", "2025", "3 May 2025", "4 May 2025") == [{"3 May 2025", "4 May 2025"}]
    assert stated("signing date", "3 April 2025", "03/04/2025") == [{"3 April 2025", "03/04/2025"}]


def test_a_day_that_is_in_no_calendar_is_not_stated(memory: Memory) -> None:
    with pytest.raises(UsageError, match="not in the calendar"):
        memory.set(Triple("Jetty Contract", "signing date", "31 February 2025"))
    memory.set(Triple("Jetty Contract", "signing date", "to be agreed"))


@pytest.mark.parametrize(("other", "clash"), [("13/04/2025", 0), ("04/13/2025", 1)])
def test_the_other_dates_of_a_document_say_how_its_dates_count(memory: Memory, other: str, clash: int) -> None:
    document = read_text("pier.txt", f"Printed on {other}. The Pier Contract was signed on 03/04/2025.")
    memory.ingest(document, [Written(Triple("Pier Contract", "signing date", "03/04/2025"), (0,), 0.9)], "m", "f")
    memory.set(Triple("Pier Contract", "signing date", "3 April 2025"), mode="add")
    assert len(list(conflicts(memory.snapshot))) == clash


def test_forms_that_an_older_version_stored_are_made_anew() -> None:
    connection = duckdb.connect()
    connection.execute("CREATE TABLE entities (id BIGINT, name TEXT, kind TEXT, normal TEXT)")
    connection.executemany(
        "INSERT INTO entities VALUES (?, ?, ?, ?)",
        [
            [1, "one year", "duration", "1Y"], [2, "1,5 Mio. EUR", "money", "1.5 EUR"],
            [3, "One Year", "entity", "one year"],
            [4, "03/04/2025", "date", "2025-04-03"], [5, "3M", "text", "3m"],
        ],
    )  # fmt: skip
    values_compared_anew(connection)
    forms = connection.execute("SELECT normal FROM entities ORDER BY id").fetchall()
    assert [f for (f,) in forms] == ["12M", "1500000 EUR", "one year", "2025-04-03", "3m"]
