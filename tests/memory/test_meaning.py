"""Passages found by meaning: vectors made, kept, gone on with, searched, and forgotten with their documents."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from memllm_cli.documents.reader import read_text
from memllm_cli.errors import ModelMissing
from memllm_cli.memory.care.purge import purge
from memllm_cli.memory.disk.files import PASSAGES
from memllm_cli.memory.edit.memory import Memory
from memllm_cli.memory.search import meaning
from memllm_cli.memory.search.texts import Texts
from memllm_cli.types import Encoder

TOPICS = ("sea", "money", "food")
KNOWN = {"harbour": 0, "boats": 0, "mooring": 0, "rent": 1, "fee": 1, "price": 1, "soup": 2, "kitchen": 2}
TEXTS = {"quay.txt": "The harbour is full.", "lease.txt": "The rent is due.", "menu.txt": "The soup is hot."}


class Meanings:
    """An encoder to whom words are near that have one topic; it counts what it encodes."""

    dimensions = 4

    def __init__(self, identity: str = "meanings") -> None:
        self.identity = identity
        self.seen: list[str] = []

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors (len(texts), 4) of the topics of their words."""
        self.seen += texts
        rows = np.full((len(texts), 4), 0.01, dtype=np.float32)
        for i, text in enumerate(texts):
            for word in text.lower().replace(".", " ").replace("?", " ").split():
                if word in KNOWN:
                    rows[i, KNOWN[word]] += 1
        unit: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit

    def close(self) -> None:
        """Nothing to give back."""


@pytest.fixture
def encoder() -> Meanings:
    return Meanings()


@pytest.fixture
def read(memory: Memory) -> Memory:
    for name, text in TEXTS.items():
        memory.ingest(read_text(name, text), (), "m", "f")
    return memory


def first(texts: Texts, question: str, within: set[int] | None = None) -> str:
    found = texts.search(question, 1, within)
    return found[0].passage.text if found else ""


def ids(memory: Memory) -> dict[str, int]:
    return {d.uri.removeprefix("stdin:"): d.id for d in memory.snapshot.documents()}


@pytest.mark.parametrize("exact", [0, meaning.EXACT])
def test_what_shares_no_word_is_found_by_what_it_means(
    read: Memory, encoder: Meanings, monkeypatch: pytest.MonkeyPatch, exact: int
) -> None:
    monkeypatch.setattr("memllm_cli.memory.search.texts.EXACT", exact)
    texts = Texts(read, lambda: encoder)
    assert first(texts, "Where are boats?") == ""
    assert encoder.seen == [], "an encoder is not wanted where nothing is encoded"
    assert texts.complete() == 3
    assert first(texts, "Where are boats?") == "The harbour is full."
    assert first(texts, "What is the fee?") == "The rent is due."
    assert first(texts, "the soup") == "The soup is hot."
    here = ids(read)
    assert first(texts, "boats", {here["menu.txt"], here["lease.txt"]}) in ("The soup is hot.", "The rent is due.")
    assert (read.database.folder / PASSAGES).exists() == (exact == 0)
    assert first(Texts(read), "Where are boats?") == ""


def test_only_what_is_missing_is_encoded(read: Memory, encoder: Meanings) -> None:
    texts = Texts(read, lambda: encoder)
    told: list[tuple[int, int]] = []
    assert texts.complete(lambda done, total: told.append((done, total))) == 3
    assert told[-1] == (3, 3)
    assert Texts(read, lambda: encoder).complete() == 0
    read.ingest(read_text("bill.txt", "The price rose."), (), "m", "f")
    encoder.seen.clear()
    assert texts.complete() == 1
    assert encoder.seen == ["bill.txt\nThe price rose."]
    assert first(texts, "fee") in ("The price rose.", "The rent is due.")


def test_what_was_broken_off_is_gone_on_with(read: Memory, encoder: Meanings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meaning, "PIECE", 1)

    def stop(done: int, total: int) -> None:
        if done == 2 and total == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Texts(read, lambda: encoder).complete(stop)
    assert len(encoder.seen) == 2
    texts = Texts(read, lambda: encoder)
    assert first(texts, "boats") == "The harbour is full."
    assert texts.complete() == 1


def test_documents_that_do_not_count_are_not_found(read: Memory, encoder: Meanings) -> None:
    texts = Texts(read, lambda: encoder)
    texts.complete()
    read.undo()
    assert first(texts, "kitchen") != "The soup is hot."
    read.ingest(read_text("menu.txt", "The kitchen is shut."), (), "m", "f")
    assert texts.complete() == 1
    assert first(texts, "soup kitchen") == "The kitchen is shut."
    read.forget("stdin:quay.txt")
    assert "harbour" not in first(texts, "boats")


def test_nothing_is_left_of_what_is_purged(read: Memory, encoder: Meanings) -> None:
    texts = Texts(read, lambda: encoder)
    texts.complete()
    gone = ids(read)["quay.txt"]
    purge(read, "stdin:quay.txt")
    assert not (read.database.folder / PASSAGES).exists()
    with read.open() as connection:
        held = connection.execute("SELECT DISTINCT document FROM passage_vectors").fetchall()
    assert len(held) == 2
    assert (gone,) not in held
    assert first(texts, "rent") == "The rent is due."


@pytest.mark.parametrize("harm", ["cut", "gone", "foreign"])
def test_the_index_comes_back(read: Memory, encoder: Meanings, monkeypatch: pytest.MonkeyPatch, harm: str) -> None:
    monkeypatch.setattr("memllm_cli.memory.search.texts.EXACT", 0)
    texts = Texts(read, lambda: encoder)
    texts.complete()
    assert first(texts, "boats") == "The harbour is full."
    path = read.database.folder / PASSAGES
    if harm == "cut":
        path.write_bytes(path.read_bytes()[:100])
    elif harm == "gone":
        path.unlink()
    else:
        path.write_bytes(b"x" * 5000)
    assert first(Texts(read, lambda: encoder), "boats") == "The harbour is full."


def test_another_encoder_encodes_anew(read: Memory, encoder: Meanings) -> None:
    Texts(read, lambda: encoder).complete()
    other = Meanings("others")
    texts = Texts(read, lambda: other)
    assert first(texts, "boats") == "", "vectors of another encoder say nothing"
    assert texts.complete() == 3
    assert first(texts, "boats") == "The harbour is full."
    texts.forget_vectors()
    assert first(texts, "boats") == ""
    assert texts.complete() == 3


def test_without_an_encoder_words_are_searched(read: Memory) -> None:
    def missing() -> Encoder:
        raise ModelMissing("There is none.", "Fetch it.")

    texts = Texts(read, missing)
    assert texts.complete() == 0
    assert first(texts, "the soup") == "The soup is hot."
