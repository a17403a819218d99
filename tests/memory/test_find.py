from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from memllm_cli.errors import EncoderMismatch
from memllm_cli.memory.disk.files import NAMES
from memllm_cli.memory.edit.memory import Memory
from memllm_cli.memory.search.find import Finder
from memllm_cli.memory.search.index import VectorIndex
from memllm_cli.memory.values.literals import ENTITY
from memllm_cli.types import Query, Triple


class Letters:
    """An encoder that counts letter pairs: similar spellings are near."""

    dimensions = 64

    def __init__(self, identity: str = "letters") -> None:
        self.identity = identity
        self.calls = 0

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.calls += 1
        out = np.full((len(texts), 64), 1e-3, dtype=np.float32)
        for row, text in zip(out, texts, strict=True):
            padded = f" {text.casefold()} "
            for a, b in pairwise(padded):
                row[(ord(a) * 31 + ord(b)) % 64] += 1
        return out / np.linalg.norm(out, axis=1, keepdims=True)  # type: ignore[no-any-return]

    def close(self) -> None:
        pass


@pytest.fixture
def filled(memory: Memory) -> Memory:
    for subject, relation, object in [
        ("Freedonia", "capital", "Sylvania City"),
        ("Marovia", "capital", "Tarn"),
        ("Jonathan Ibbotson", "employer", "Orrery Data Ltd"),
        ("World War II", "start time", "1939"),
    ]:
        memory.set(Triple(subject, relation, object))
    return memory


def values(finder: Finder, subject: str | None, relation: str, object: str | None) -> list[str]:
    return [h.value for h in finder.find(Query(subject, relation, object)).hits]


def test_exact_names_from_both_sides_need_no_encoder(filled: Memory) -> None:
    encoder = Letters()
    finder = Finder(filled, lambda: encoder)
    assert values(finder, "freedonia", "capital", None) == ["Sylvania City"]
    assert values(finder, None, "capital", "Sylvania City") == ["Freedonia"]
    assert values(finder, "Sylvania City", "capital of", None) == ["Freedonia"]
    assert values(finder, None, "capital of", "Freedonia") == ["Sylvania City"]
    assert encoder.calls == 0


def test_near_spellings_are_found_by_vector(filled: Memory) -> None:
    finder = Finder(filled, Letters)
    assert values(finder, "Jonathon Ibbotson", "employer", None) == ["Orrery Data Ltd"]
    assert values(finder, "World War I", "start time", None) == []
    assert values(finder, "Zanzibar", "capital", None) == []


def test_new_names_are_found_and_survive_reopening(filled: Memory) -> None:
    assert values(Finder(filled, Letters), "Fredonia", "capital", None) == ["Sylvania City"]
    filled.set(Triple("Borduria", "capital", "Szohod"))
    finder = Finder(Memory(filled.database.folder), Letters)
    assert values(finder, "Bordurias", "capital", None) == ["Szohod"]


def test_a_damaged_or_foreign_sidecar_is_rebuilt(filled: Memory) -> None:
    Finder(filled, Letters).index()
    payload = filled.database.folder / "entities.hnsw"
    data = bytearray(payload.read_bytes())
    for position in (0, len(data) // 2, len(data) - 1):
        broken = bytearray(data)
        broken[position] ^= 0xFF
        payload.write_bytes(broken)
        fresh = VectorIndex(payload.parent, NAMES, filled.snapshot.id, "letters", 64)
        assert not fresh.restore(lambda head: True)
        assert values(Finder(filled, Letters), "Fredonia", "capital", None) == ["Sylvania City"]
    payload.write_bytes(data[: len(data) // 2])
    assert values(Finder(filled, Letters), "Fredonia", "capital", None) == ["Sylvania City"]
    assert not VectorIndex(payload.parent, NAMES, "another", "letters", 64).restore(lambda head: True)


def test_a_sidecar_of_what_was_since_restored_is_not_used(filled: Memory) -> None:
    old = filled.database.path.read_bytes()
    filled.set(Triple("Borduria", "capital", "Szohod"))
    Finder(filled, Letters).index()
    filled.database.path.write_bytes(old)
    restored = Memory(filled.database.folder)
    finder = Finder(restored, Letters)
    assert values(finder, "Bordurias", "capital", None) == []
    for name in ("Syldavia", "Ruritania"):  # as many operations again, other ones
        restored.set(Triple(name, "capital", f"{name} City"))
    assert values(Finder(Memory(filled.database.folder), Letters), "Rurritania", "capital", None) == ["Ruritania City"]
    assert values(Finder(Memory(filled.database.folder), Letters), "Bordurias", "capital", None) == []


def test_another_encoder_is_refused_until_encoded_again(filled: Memory) -> None:
    Finder(filled, Letters).index()
    other = Finder(filled, lambda: Letters("other"))
    with pytest.raises(EncoderMismatch, match="was encoded with letters"):
        other.find(Query("Fredonia", "capital", None))
    assert other.reindex(encode=True) == sum(e.kind == ENTITY for e in filled.snapshot.entities())
    assert values(other, "Fredonia", "capital", None) == ["Sylvania City"]


def test_the_encoder_recorded_at_first_use_is_seen_at_once(filled: Memory) -> None:
    assert filled.snapshot.encoder is None
    finder = Finder(filled, Letters)
    assert values(finder, "Fredonia", "capital", None) == ["Sylvania City"]
    assert filled.snapshot.encoder == "letters"
    Finder(filled, lambda: Letters("other")).reindex(encode=True)
    assert filled.snapshot.encoder == "other"


def test_a_threshold_search_returns_everything_within(tmp_path: object, memory: Memory) -> None:
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(500, 16)).astype(np.float32)
    vectors[:200] = vectors[0] + 0.05 * rng.normal(size=(200, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index = VectorIndex(memory.database.folder, NAMES, "x", "y", 16)
    index.add(list(range(1, 501)), vectors)
    expected = {i + 1 for i in range(500) if 1 - float(vectors[i] @ vectors[0]) <= 0.2}
    found = index.within(vectors[0], 0.2)
    assert {i for i, _ in found} == expected
    assert [d for _, d in found] == sorted(d for _, d in found)


def test_too_broad_a_question_returns_nothing(memory: Memory) -> None:
    for i in range(5):
        memory.set(Triple("Ann", "child", f"Kid {i}"))
    found = Finder(memory, most=4).find(Query("Ann", "child", None))
    assert found.too_many
    assert not found.hits
