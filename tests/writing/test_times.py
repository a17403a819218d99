"""When something holds, from a document's own words."""

from __future__ import annotations

from datetime import date

import pytest

from memllm_cli.writing.times import day_of, resolved

DAY = date(2026, 3, 18)


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("2019", "2019"), ("March 2020", "2020-03"), ("5 May 2021", "2021-05-05"), ("the year 1905", "1905"),
        ("yesterday", "2026-03-17"), ("next month", "2026-04"), ("last year", "2025"), ("next week", None),
        ("his death", None), ("1990 and 1995", None), ("", None),
    ],
)  # fmt: skip
def test_words_mean_a_time_or_none(words: str, meant: str | None) -> None:
    assert resolved(words, DAY) == meant


def test_without_a_day_of_the_document_yesterday_means_nothing() -> None:
    assert resolved("yesterday", None) is None


def test_the_documents_day_is_the_first_that_is_one() -> None:
    assert day_of(["Minutes", "March 2020", "18 March 2026", "2020-01-01"]) == DAY
    assert day_of(["Minutes"]) is None
