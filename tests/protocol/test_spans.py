import pytest
from hypothesis import given
from hypothesis import strategies as st

from memllm_cli.protocol import Span, collapse, is_field, words_of
from memllm_cli.protocol.spans import runs


def names(text: str, max_words: int = 8) -> set[str]:
    return {step.surface for steps in runs(text, 0, max_words) for step in steps if step.surface is not None}


def test_words_stand_without_the_punctuation_around_them() -> None:
    text = "\"Hello,\" said (Jean-Luc); a>b {c} O'Hara's... 3.5%"
    assert [text[w.start : w.end] for w in words_of(text)] == ["Hello", "said", "Jean-Luc", "O'Hara", "3.5%"]
    assert words_of("a b", 10) == [Span(10, 11), Span(12, 13)]


def test_names_keep_the_punctuation_inside_them() -> None:
    found = names("He left Springfield,  Illinois for St. Louis (Missouri) in the U.S.")
    assert {"Springfield, Illinois", "St. Louis", "St. Louis (Missouri)", "Missouri", "the U.S", "U.S."} <= found
    assert "St. Louis (Missouri" not in found
    assert "Louis (Missouri) in" in found


def test_a_possessive_may_be_part_of_a_name_or_not() -> None:
    found = names("France's capital is near McDonald’s")
    assert {"France", "France's", "France's capital", "McDonald", "McDonald’s"} <= found
    assert not any(name.startswith("s ") for name in found)


def test_no_name_crosses_a_reserved_character() -> None:
    assert names("Paris; Lyon a>>b Nice") == {"Paris", "Lyon", "Nice"}
    assert names("({MEM_WRITE-->a>>b>>c}) x") == {"x"}
    assert names("a\x00b c") == {"c"}


@pytest.mark.parametrize("words", [1, 2, 3])
def test_no_name_is_longer_than_asked(words: int) -> None:
    assert max(len(name.split()) for name in names("a b c d e f", words)) == words


@given(st.one_of(st.text(), st.text(alphabet="ab .,()'s;>{}\n-\x00\xa0’")), st.integers(0, 100), st.integers(1, 9))
def test_every_name_is_the_text_of_its_span_and_its_chunks(text: str, offset: int, max_words: int) -> None:
    for steps in runs(text, offset, max_words):
        spelled = ""
        for step in steps:
            spelled += step.chunk
            if step.surface is not None:
                there = text[step.span.start - offset : step.span.end - offset]
                assert step.surface == spelled == collapse(there)
                assert is_field(step.surface)
