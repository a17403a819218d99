"""Text in the room there is."""

from __future__ import annotations

import pytest
from prompt_toolkit.utils import get_cwidth

from memllm_cli.reviewing.fitting import cut, cut_front, one_line, padded, passage, shrunk


@pytest.mark.parametrize("text", ["Sylvania City", "東京都千代田区丸の内", "a", ""])
@pytest.mark.parametrize("room", [0, 1, 2, 5, 40])
def test_a_text_takes_no_more_columns_than_there_are(text: str, room: int) -> None:
    assert get_cwidth(cut(text, room)) <= room
    assert get_cwidth(cut_front(text, room)) <= room
    assert get_cwidth(padded(text, room)) == room


@pytest.mark.parametrize("room", [3, 9, 20, 21, 57])
@pytest.mark.parametrize("lengths", [(5, 5, 50), (30, 30, 30), (1, 2, 3), (40, 3, 41), (0, 80, 0)])
def test_parts_share_the_room_and_the_longest_gives_way(room: int, lengths: tuple[int, int, int]) -> None:
    parts = [c * n for c, n in zip("abc", lengths, strict=True)]
    out = shrunk(parts, room)
    assert sum(map(len, out)) <= room
    assert sum(map(len, out)) == min(room, sum(lengths))
    cut_ones = [len(o) for o, p in zip(out, parts, strict=True) if o != p]
    assert max(map(len, out)) - min(cut_ones, default=max(map(len, out))) <= 1


def test_controls_and_lines_of_a_document_do_not_reach_the_screen() -> None:
    assert one_line("a\x1b[2Jb\n\n\x07c\u202ed\x9b31m") == "ab cd"


def kinds(parts: list[tuple[str, str]], kind: str) -> str:
    return "".join(t for k, t in parts if k == kind)


def test_a_sentence_stands_between_its_neighbours_with_its_names_marked() -> None:
    out = passage("Before it.", "Ada met Ben.", "After it.", [(0, 3), (8, 11)], 80)
    assert "".join(t for _, t in out) == "Before it. Ada met Ben. After it."
    assert [t for k, t in out if k == "name"] == ["Ada", "Ben"]
    assert [t for k, t in out if k == "near"] == ["Before it. ", " After it."]


@pytest.mark.parametrize("room", range(4, 60))
def test_the_sentence_is_whole_before_its_neighbours_get_room(room: int) -> None:
    sentence = "Ada met Ben there."
    out = passage("x" * 50, sentence, "y" * 50, [(0, 3), (8, 11)], room)
    assert sum(len(t) for _, t in out) <= room
    said = "".join(t for k, t in out if k != "near")
    assert said == (sentence if room >= len(sentence) else cut(sentence, room))


def test_of_a_sentence_that_is_too_long_the_names_are_shown() -> None:
    sentence = "word " * 60 + "Ada met Ben " + "word " * 60
    at = sentence.index("Ada")
    out = passage("Before.", sentence, "After.", [(at, at + 3), (at + 8, at + 11)], 60)
    assert [t for k, t in out if k == "name"] == ["Ada", "Ben"]
    assert sum(len(t) for _, t in out) <= 60
