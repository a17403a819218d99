import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from memllm_cli.protocol import CallError, ReadCall, WriteCall, is_field, parse, render, render_open_read
from memllm_cli.protocol.calls import Call
from memllm_cli.types import Query, Triple

fields = st.one_of(st.text(), st.text(alphabet="a-() ,.-:")).filter(is_field)
triples = st.builds(Triple, fields, fields, fields)
queries = st.one_of(
    st.builds(Query, fields, fields, st.none()),
    st.builds(Query, st.none(), fields, fields),
)
calls: st.SearchStrategy[Call] = st.one_of(
    st.builds(WriteCall, st.lists(triples, max_size=4).map(tuple)),
    st.builds(
        ReadCall,
        st.lists(queries, min_size=1, max_size=3).map(tuple),
        st.none() | st.lists(fields, max_size=3).map(tuple),
    ),
)
pieces = st.sampled_from(
    ["({", "})", "-->", ";", ">>", "MEM_WRITE", "MEM_READ", "MEM_READ(", ")", " ", "a", "b c", "-", ">", "\n"]
)


@given(calls)
@example(WriteCall((Triple("a--", "-->".strip(">"), "-b)"),)))
@example(ReadCall((Query("a)--", "r--", None), Query(None, ")", "x)")), ("y--", ")")))
def test_what_is_rendered_is_parsed(call: Call) -> None:
    assert parse(render(call)) == call


@given(st.one_of(st.text(), st.lists(pieces).map("".join), st.lists(pieces).map(lambda p: "({" + "".join(p) + "})")))
def test_arbitrary_text_is_a_call_or_an_error(text: str) -> None:
    try:
        call = parse(text)
    except CallError:
        return
    assert parse(render(call)) == call


@pytest.mark.parametrize(
    ("text", "call"),
    [
        ("({MEM_WRITE-->})", WriteCall(())),
        ("({MEM_WRITE-->a>>b>>c;d>>e>>f})", WriteCall((Triple("a", "b", "c"), Triple("d", "e", "f")))),
        ("({MEM_WRITE--> a >> b >> c ; d >> e >> f })", WriteCall((Triple("a", "b", "c"), Triple("d", "e", "f")))),
        ("({MEM_READ(a>>b>>)-->", ReadCall((Query("a", "b", None),))),
        ("({MEM_READ(a>>b>>)-->})", ReadCall((Query("a", "b", None),), ())),
        (
            "({MEM_READ(a>>b>>;>>c>>d (e))-->x;y})",
            ReadCall((Query("a", "b", None), Query(None, "c", "d (e)")), ("x", "y")),
        ),
        ("({MEM_READ( a >> b >> ) --> x ; y })", ReadCall((Query("a", "b", None),), ("x", "y"))),
    ],
)
def test_forms(text: str, call: Call) -> None:
    assert parse(text) == call
    if " " not in text:
        assert render(call) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "({",
        "({})",
        "({MEM_WRITE})",
        "({MEM_WRITE-->",
        "({MEM_WRITE-->a>>b>>c",
        "({MEM_WRITE-->a>>b})",
        "({MEM_WRITE-->a>>b>>c;})",
        "({MEM_WRITE-->a>>>>c})",
        "({MEM_WRITE-->a>>b>>c}) ",
        " ({MEM_WRITE-->})",
        "({MEM_WRITE-->  a>>b>>c})",
        "({MEM_READ()-->})",
        "({MEM_READ(a>>b>>c)-->})",
        "({MEM_READ(>>b>>)-->})",
        "({MEM_READ(a>>b>>)-->x",
        "({MEM_READ(a>>b>>)-->x;})",
        "({MEM_READ(a>>b>>)-->>x})",
        "({MEM_ERASE-->})",
        "({MEM_WRITE-->a>>b>>({MEM_WRITE-->})})",
    ],
)
def test_no_calls(text: str) -> None:
    with pytest.raises(CallError):
        parse(text)


@pytest.mark.parametrize(
    "call",
    [
        WriteCall((Triple("a;b", "r", "c"),)),
        WriteCall((Triple("a", "", "c"),)),
        WriteCall((Triple("a", "r", "c})"),)),
        ReadCall(()),
        ReadCall((Query(None, "r", None),)),
        ReadCall((Query("a", "r", "b"),)),
        ReadCall((Query("a", "r", None),), ("",)),
        ReadCall((Query("a", "r", None),), ("x>>y",)),
    ],
)
def test_what_cannot_be_rendered_is_refused(call: Call) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        render(call)


def test_an_open_read_is_the_beginning_of_an_answered_one() -> None:
    asked = (Query("a", "b", None), Query(None, "c", "d"))
    assert render_open_read(asked) == "({MEM_READ(a>>b>>;>>c>>d)-->"
    assert render(ReadCall(asked, ("x",))) == render_open_read(asked) + "x})"
