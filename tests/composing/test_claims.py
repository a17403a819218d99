from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memllm_cli.composing.claims import Held, ends_sentence, is_name, is_number, parts


@given(st.text(max_size=30).filter(lambda t: not any(c.isspace() for c in t)))
def test_a_chunk_is_its_parts(chunk: str) -> None:
    assert "".join(parts(chunk)) == chunk


@pytest.mark.parametrize(
    ("chunk", "expected"),
    [
        ("(Acorn),", ("(", "Acorn", "),")),
        ("Olsen's", ("", "Olsen", "'s")),
        ("$1,200.50.", ("", "$1,200.50", ".")),
        ("“May”", ("“", "May", "”")),
        ("…", ("", "", "…")),
    ],
)
def test_parts(chunk: str, expected: tuple[str, str, str]) -> None:
    assert parts(chunk) == expected


@pytest.mark.parametrize("word", ["7", "1,200", "€50", "04/10", "B12", "twelve", "seventy-five", "2nd", "½"])
def test_numbers(word: str) -> None:
    assert is_number(word)


@pytest.mark.parametrize("word", ["one", "a", "rent", "tent", "I", "", "-"])
def test_no_numbers(word: str) -> None:
    assert not is_number(word)


@pytest.mark.parametrize(
    ("word", "name"), [("Acorn", True), ("iPhone", True), ("I", False), ("I've", False), ("rent", False)]
)
def test_names(word: str, name: bool) -> None:
    assert is_name(word) == name


def test_ends_of_sentences() -> None:
    assert all(map(ends_sentence, ("rent.", "rent?)", "a:", "Lyon.", "…")))
    assert not any(map(ends_sentence, ("Dr.", "Mrs.", "J.", "e.g.", "rent", "a,")))


def test_what_is_held() -> None:
    held = Held(["The rent of Acorn-Mill is 1,200 EUR (net)."])
    assert all(held.has(w) for w in ("acorn", "Mill", "Acorn-Mill", "1200", "1,200", "EUR", "net", "Rent"))
    assert not any(held.has(w) for w in ("12", "200", "Oak", "Acorn-Oak"))
    held.add("Oak")
    assert held.has("Acorn-Oak")
