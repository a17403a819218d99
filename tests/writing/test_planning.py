"""What an ingest says about the files it is given."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from memllm_cli import documents
from memllm_cli.errors import DocumentError
from memllm_cli.memory.edit.memory import Memory
from memllm_cli.types import Document, Triple
from memllm_cli.writing.drafts import Found
from memllm_cli.writing.ingest import Planned, Read, ingest, plan
from memllm_cli.writing.sentences import Meter

SAID = [("empty.txt", b"", "empty; "), ("binary.txt", b"a\0b" * 100, "a binary file"), ("blank.md", b"\n\n", "has no")]


def planned(paths: list[Path], memory: Memory | None = None) -> Planned:
    *_, last = plan(paths, memory)
    assert isinstance(last, Planned)
    return last


@pytest.mark.parametrize(("name", "data", "said"), SAID)
def test_a_reason_does_not_repeat_the_path(tmp_path: Path, name: str, data: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    ((shown, reason),) = planned([path]).failed
    assert shown == str(path)
    assert name not in reason
    assert reason.startswith(said)


def test_a_reason_of_a_format_does_not_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: Path, _limits: object) -> None:
        raise DocumentError(f"{path}: the HTML is too broken to be read", "save it as text")

    monkeypatch.setattr(documents, "read", broken)
    (tmp_path / "x.html").write_text("x")
    ((_, reason),) = planned([tmp_path / "x.html"]).failed
    assert reason == "the HTML is too broken to be read; save it as text"


def test_a_file_that_was_moved_is_noted(tmp_path: Path, memory: Memory) -> None:
    old, new = tmp_path / "old.txt", tmp_path / "new.txt"
    old.write_text("The harbour is deep.")
    memory.ingest(documents.read(old), [], "model", "1")
    new.write_bytes(old.read_bytes())
    assert planned([new], memory).moved == ()  # a copy: both are there
    old.unlink()
    plans = planned([new], memory)
    assert plans.moved == ((str(new), str(old)),)
    assert [d.uri for d in plans.documents] == [str(new)]
    memory.forget(str(old))
    assert planned([new], memory).moved == ()


def test_copies_are_noted_wherever_the_other_one_is(tmp_path: Path, memory: Memory) -> None:
    kept, first, second, other = (tmp_path / n for n in ("kept.txt", "a.txt", "b.md", "other.txt"))
    kept.write_text("The harbour is deep.")
    memory.ingest(documents.read(kept), [], "model", "1")
    first.write_bytes(b"The harbour  is deep.\r\n")
    second.write_text("The harbour is deep.\n")
    other.write_text("The harbour is not deep.")
    assert planned([first, other], memory).copies == ((str(first), str(kept), True),)
    assert planned([first, second]).copies == ((str(second), str(first), True),)
    assert planned([kept, other], memory).copies == ()


class Careless:
    """Finds what cannot be kept beside what can."""

    model, format, least = "0", "draft-1", 0.0

    def __init__(self) -> None:
        self.meter = Meter()

    def read(self, document: Document) -> Generator[int, None, tuple[Found, ...]]:
        yield 1
        names = ("Freedonia", "...", "\u200b", "x" * 5000)
        return tuple(Found(Triple(name, "capital", "Sylvania City"), (0,), 0.9, True) for name in names)


def test_names_that_cannot_be_kept_stop_nothing(tmp_path: Path, memory: Memory) -> None:
    path = tmp_path / "a.txt"
    path.write_text("The capital of Freedonia is Sylvania City.\n")
    *_, last = ingest(planned([path]), memory, Careless())  # type: ignore[arg-type]
    assert isinstance(last, Read)
    assert last.facts == 1
    (fact,) = memory.snapshot.facts()
    assert memory.snapshot.texts(fact)[0] == "Freedonia"
