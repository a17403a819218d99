import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from memllm_cli.errors import UsageError
from memllm_cli.protocol import (
    RESERVED,
    as_field,
    is_field,
    parse_pattern,
    parse_question,
    parse_statement,
)
from memllm_cli.types import Query, Triple

hostile = st.one_of(st.text(), st.text(alphabet=" ;>-{}()\n\t\x00a\xa0\u2028\ud800"))


@given(hostile)
@example("( (")
@example("a;b>>c (")
def test_as_field_gives_a_field_or_nothing_and_is_idempotent(text: str) -> None:
    field = as_field(text)
    assert field == "" or is_field(field)
    assert as_field(field) == field


@given(hostile)
def test_as_field_changes_only_the_whitespace_of_a_field(text: str) -> None:
    if is_field(text):
        assert as_field(text) == " ".join(text.split())


@pytest.mark.parametrize("character", sorted(RESERVED))
def test_no_reserved_character_stands_in_a_field(character: str) -> None:
    assert not is_field(f"a{character}b")


@pytest.mark.parametrize("text", ["", " a", "a ", "a(", "(", "\xa0a", "a\ud800"])
def test_no_field(text: str) -> None:
    assert not is_field(text)


def test_as_field_examples() -> None:
    assert as_field("  a;  b>>c{d}\n(") == "a, b c d"
    assert is_field("Springfield, Illinois (city) --")


def test_a_statement_is_split_at_its_marks_alone() -> None:
    assert parse_statement("X >> capital of>>Y; {Z} > --> W") == Triple("X", "capital of", "Y; {Z} > --> W")
    assert parse_statement("  a  b >>r>>\tc\n") == Triple("a b", "r", "c")


def test_questions() -> None:
    assert parse_question("X >> capital of >>") == Query("X", "capital of", None)
    assert parse_question(">> capital of >> France") == Query(None, "capital of", "France")
    assert parse_pattern(">>>>x".replace(">>>>", ">> >>")) == ("", "", "x")


@pytest.mark.parametrize("text", ["", "a", "a >> b", "a >> b >> c >> d", "a >>> b >> c", ">> b >> c", "a>>b>>\x00"])
def test_malformed_statements(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_statement(text)
    assert "subject >> relation >> object" in caught.value.hint or "control" in caught.value.message


@pytest.mark.parametrize("text", ["a >> r >> b", ">> r >>", "a >> >>", "a"])
def test_malformed_questions(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_question(text)
    assert ">>" in caught.value.hint


@given(hostile)
def test_what_is_typed_is_understood_or_refused(text: str) -> None:
    for parser in (parse_pattern, parse_statement, parse_question):
        with contextlib.suppress(UsageError):
            fields = parser(text)
            assert fields is not None
