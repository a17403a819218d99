"""The one renderer of what a trained writer reads and writes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from memllm_cli.protocol import WriteCall, as_field, is_field, parse, written
from memllm_cli.types import Triple

FIELDS = st.text(max_size=12).map(lambda t: as_field(written.tidy(as_field(t)))).filter(bool)


@given(st.lists(st.builds(Triple, FIELDS, FIELDS, FIELDS), max_size=4))
def test_what_is_rendered_parses_back(triples: list[Triple]) -> None:
    call = parse("".join(written.call(triples)))
    assert isinstance(call, WriteCall)
    again = [Triple(*(as_field(written.tidy(f)) for f in (t.subject, t.relation, t.object))) for t in triples]
    assert list(call.triples) == again


def test_corpora_with_spaces_between_words_look_like_text() -> None:
    assert (
        written.tidy("Paris , the capital ( of France ) , is 's old .") == "Paris, the capital (of France), is's old."
    )
    assert written.tidy("plain text, as it should be.") == "plain text, as it should be."


@given(st.text())
def test_tidy_is_idempotent_and_loses_only_spaces(text: str) -> None:
    once = written.tidy(text)
    assert written.tidy(once) == once
    assert "".join(once.split()) == "".join(text.split())


@given(st.text(max_size=40), st.text(max_size=20), st.text(max_size=40))
def test_a_name_is_found_where_it_stands(before: str, name: str, after: str) -> None:
    text = f"{before} {name} {after}"
    plain = "".join(written.tidy(name).split())
    place = written.located(text, written.tidy(name))
    if not plain:
        assert place is None
        return
    assert place is not None
    assert "".join(text[slice(*place)].split()) == plain


def test_titles_cannot_break_the_format() -> None:
    assert written.header("A; B >> {C}") == "A, B C:"
    assert written.header("  ") == ""
    assert is_field(written.header("x").rstrip(":"))
