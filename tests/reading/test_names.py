"""Names in questions: with marks at their end, with characters that no call holds, in text without spaces."""

from __future__ import annotations

import pytest

from memllm_cli.memory.edit.memory import Memory
from memllm_cli.memory.search.find import Finder
from memllm_cli.reading.link import Linker, mentions, words
from memllm_cli.reading.question import asked, foreign
from memllm_cli.types import Query, Triple


def named(memory: Memory, question: str) -> list[str]:
    snapshot = memory.snapshot
    found = mentions(snapshot, question, Linker(Finder(memory)).names(snapshot))
    return [snapshot.name(m.entities[0]) for m in found]


ENDED = [
    ("Yeehaw!", "Who founded Yeehaw!?"), ("Yeehaw!", "Who founded Yeehaw!"), ("Yeehaw!", "Who founded Yeehaw?"),
    ("Yeehaw!", "Who founded Yeehaw, and when?"), ("Where To?", "Who wrote Where To?"),
    ("Where To?", "Who wrote Where To??"), ("Where To？", "Who wrote Where To?"), ("Where To?", "Who wrote Where To？"),
    ("Where To", "Who wrote Where To!?"), ("Splash! (film)", "Who made Splash! (film)?"),
    ("Oh! Pond!", "Who wrote Oh! Pond!?"), ("Oh! Pond!", "Who wrote Oh! Pond?"), ("M.A.P.", "Who made M.A.P.?"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "question"), ENDED)
def test_a_name_is_found_with_its_mark_and_without(memory: Memory, name: str, question: str) -> None:
    memory.set(Triple(name, "author", "Rufus Firefly"))
    assert named(memory, question) == [name]


def test_the_mark_tells_two_names_apart(memory: Memory) -> None:
    memory.set(Triple("Pond", "author", "Rufus"))
    memory.set(Triple("Pond!", "author", "Harpo"))
    assert named(memory, "Who wrote Pond!?") == ["Pond!"]
    assert named(memory, "Who wrote Pond?") == ["Pond"]


def test_a_word_is_no_name_that_ends_in_a_mark(memory: Memory) -> None:
    memory.set(Triple("Splash!", "author", "Rufus"))
    assert named(memory, "Who makes a splash in the lake?") == []


def test_a_read_finds_what_is_called_so_but_for_its_mark(memory: Memory) -> None:
    memory.set(Triple("Splash!", "author", "Rufus"))
    for name in ("Splash!", "Splash", "splash?"):
        hits = Finder(memory).find(Query(name, "author", None)).hits
        assert [h.value for h in hits] == (["Rufus"] if name != "splash?" else [])


@pytest.mark.parametrize(
    "name", ["Pond; Sons", "{Curly} Pond", "A > B", 'The "Pond" Ltd', "-pond-", "x (", "Pond; {1}"]
)
def test_what_can_be_stated_can_be_asked(memory: Memory, name: str) -> None:
    memory.set(Triple(name, "author", "Rufus"))
    queries = [c.query for c in Linker(Finder(memory)).candidates(f"Who is the author of {name}?")]
    assert [h.value for q in queries[:1] for h in Finder(memory).find(q).hits] == ["Rufus"]


@pytest.mark.parametrize(
    ("name", "question"),
    [("東京塔", "東京塔は誰のもの？"), ("北京大学", "请问北京大学在哪里？"), ("วัดโพธิ์", "ใครสร้างวัดโพธิ์")],
)
def test_names_in_text_without_spaces(memory: Memory, name: str, question: str) -> None:
    memory.set(Triple(name, "author", "Rufus"))
    linker = Linker(Finder(memory))
    assert named(memory, question) == [name]
    assert name not in linker.masked(question, linker.mentioned(question))


def test_a_letter_of_a_word_is_no_name(memory: Memory) -> None:
    memory.set(Triple("京", "author", "Rufus"))
    assert named(memory, "東京塔は？") == []
    assert named(memory, "Who wrote 京 last?") == named(memory, "京？") == ["京"]


def test_words_of_latin_text_are_parted_by_spaces() -> None:
    text = "Who  owns Pond! (film)?"
    assert [text[a:b] for a, b in words(text)] == text.split()


@pytest.mark.parametrize(
    ("text", "is_foreign"),
    [
        ("Wo liegt Hamm?", True), ("Où est la gare ?", True), ("¿Dónde está Ana?", True), ("東京塔は誰のもの", True),
        ("Was kostet das?", True), ("Who wrote Pond?", False), ("Is it late?", False), ("Guten Tag", False),
        ("Can ponds freeze?", False),
    ],
)  # fmt: skip
def test_questions_in_other_languages(text: str, is_foreign: bool) -> None:
    assert foreign(text) is is_foreign


@pytest.mark.parametrize("question", ["who used to be mayor?", "who is no longer mayor?"])
def test_what_is_no_more_is_asked_in_two_words_too(question: str) -> None:
    assert asked(question).qualifiers & {"formerly", "former"}
