from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memllm_cli.memory.values.literals import fits, normalise
from memllm_cli.memory.values.names import may_match, normal


@pytest.mark.parametrize(
    ("first", "second"),
    [("Café Central", "Cafe\u0301  central"), ("O’Neil", "O'Neil"), ("A – B", "a-b"), ("Acme Ltd.", "ACME Ltd")],
)
def test_forms_of_one_name(first: str, second: str) -> None:
    assert normal(first) == normal(second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("World War I", "World War II"), ("Euro 2020", "Euro 2024"), ("First Symphony", "Second Symphony"),
        ("North Korea", "South Korea"), ("Henry V", "Henry VI"), ("profit", "non profit"), ("Paris", "Lyon"),
        ("3rd Army", "4th Army"),
    ],
)  # fmt: skip
def test_names_that_never_match_by_similarity(first: str, second: str) -> None:
    assert not may_match(first, second)


def test_names_that_may_match() -> None:
    assert may_match("Jonathan Ibbotson", "Jonathon Ibbotson")
    assert may_match("Second Symphony", "2nd Symphony")


@given(st.text(max_size=40))
def test_normal_form_is_stable(text: str) -> None:
    assert normal(normal(text)) == normal(text)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("date", "4 May 1961", "1961-05-04"), ("date", "May 4th, 1961", "1961-05-04"), ("date", "1961", "1961"),
        ("date", "2026-03-01", "2026-03-01"), ("date", "March 2026", "2026-03"), ("date", "1.3.2026", "2026-03-01"),
        ("money", "EUR 4,200", "4200 EUR"), ("money", "$1.5 million", "1500000 USD"),
        ("money", "€4.200,50", "4200.5 EUR"),
        ("duration", "three months", "3M"), ("duration", "90 days", "90D"), ("number", "2,340,000", "2340000"),
        ("number", "310 square metres", "310 m²"),
    ],
)  # fmt: skip
def test_values(kind: str, text: str, value: str) -> None:
    assert normalise(text, kind) == value


@pytest.mark.parametrize(("kind", "text"), [("date", "31 February 2026"), ("money", "a lot"), ("duration", "forever")])
def test_what_is_no_value_of_its_kind(kind: str, text: str) -> None:
    assert not fits(text, kind)
    assert normalise(text, kind) == normal(text)


@given(st.sampled_from(["date", "money", "number", "duration", "text", "entity"]), st.text(max_size=30))
def test_any_text_is_normalised_without_an_error(kind: str, text: str) -> None:
    assert isinstance(normalise(text, kind), str)


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("thirty (30) days", "duration", "30D"),
        ("three-month", "duration", "3M"),
        ("twenty-one days", "duration", "21D"),
        ("a week", "duration", "7D"),
        ("Friday, 26 August 1983", "date", "1983-08-26"),
        ("the 15th of April, 1973", "date", "1973-04-15"),
        ("04-Dec-1975", "date", "1975-12-04"),
    ],
)
def test_values_as_contracts_write_them(text: str, kind: str, value: str) -> None:
    assert normalise(text, kind) == value
