import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from memllm_cli.protocol import (
    CallDecoder,
    CallSegment,
    MalformedSegment,
    Segment,
    TextSegment,
    WriteCall,
    merge,
    parse,
)

pieces = st.sampled_from(
    ["({", "})", "(", "{", "}", ")", "a", " ", ";", ">>", "-->", "({MEM_WRITE-->})", "({MEM_WRITE-->a>>b>>c})"]
)
outputs = st.lists(pieces, max_size=25).map("".join) | st.text(alphabet="({})a", max_size=40)


def decode(parts: list[str], limit: int = 8192) -> list[Segment]:
    decoder = CallDecoder(limit)
    segments = [segment for part in parts for segment in decoder.feed(part)]
    return merge(segments + decoder.flush())


def raw(segment: Segment) -> str:
    return segment.text if isinstance(segment, TextSegment) else segment.raw


@given(outputs, st.sampled_from([4, 5, 6, 7, 20, 21, 22, 23, 8192]), st.data())
@example("({a}) b", 4, None)
def test_the_same_however_it_is_cut(text: str, limit: int, data: st.DataObject | None) -> None:
    whole = decode([text], limit)
    assert decode(list(text), limit) == whole
    for at in range(len(text) + 1):
        assert decode([text[:at], text[at:]], limit) == whole
    if data is not None:
        cuts = sorted(data.draw(st.lists(st.integers(0, len(text)))))
        parts = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        assert decode(parts, limit) == whole


@given(outputs, st.sampled_from([4, 20, 8192]))
def test_nothing_is_lost_and_every_call_is_one(text: str, limit: int) -> None:
    segments = decode(list(text), limit)
    assert "".join(map(raw, segments)) == text
    for segment in segments:
        if isinstance(segment, CallSegment):
            assert parse(segment.raw) == segment.call
        assert len(raw(segment)) > 0
        assert isinstance(segment, TextSegment) or len(raw(segment)) <= limit
        assert not isinstance(segment, TextSegment) or "({" not in segment.text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("a (b) c (", [TextSegment("a (b) c (")]),
        ("a((b", [TextSegment("a((b")]),
        ("a({b", [TextSegment("a"), MalformedSegment("({b")]),
        ("({})", [MalformedSegment("({})")]),
        ("a})b", [TextSegment("a})b")]),
        (
            "x({MEM_WRITE-->a({MEM_WRITE-->})y",
            [
                TextSegment("x"),
                MalformedSegment("({MEM_WRITE-->a"),
                CallSegment(WriteCall(()), "({MEM_WRITE-->})"),
                TextSegment("y"),
            ],
        ),
    ],
)
def test_forms(text: str, expected: list[Segment]) -> None:
    assert decode([text]) == expected
    assert decode(list(text)) == expected


def test_text_comes_out_at_once_except_what_may_begin_a_call() -> None:
    decoder = CallDecoder()
    assert decoder.feed("see (") == [TextSegment("see ")]
    assert not decoder.inside
    assert decoder.feed("a)") == [TextSegment("(a)")]
    assert decoder.feed("({MEM") == []
    assert decoder.inside
    assert decoder.held == "({MEM"


def test_a_call_too_long_is_text_after_the_limit() -> None:
    call = "({MEM_WRITE-->aaaa>>b>>c})"
    assert decode([call], len(call)) == [CallSegment(parse(call), call)]
    assert decode([call], len(call) - 1) == [MalformedSegment(call[:-1]), TextSegment(")")]


def test_the_decoder_can_be_used_again_after_flush() -> None:
    decoder = CallDecoder()
    decoder.feed("({MEM")
    assert decoder.flush() == [MalformedSegment("({MEM")]
    assert decoder.feed("a") == [TextSegment("a")]
    assert decoder.flush() == []
