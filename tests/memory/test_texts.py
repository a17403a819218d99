"""The passages of a knowledge base: found while their document counts, and kept in two files that come back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from memllm_cli.documents.reader import read_text
from memllm_cli.memory.disk.arrays import read_arrays
from memllm_cli.memory.disk.files import FRESH_TEXTS, TEXTS, manifest
from memllm_cli.memory.edit.memory import Memory
from memllm_cli.memory.search import texts as module
from memllm_cli.memory.search.texts import Part, Texts, confined, fused
from memllm_cli.memory.values.passages import passages
from memllm_cli.types import Document

QUAY = "# Quay\n\nThe crane lifts nine tonnes. It is painted red.\n\n## Staff\n\nAnn Poe keeps the keys.\n"
TIDE = "# Tide\n\nThe water rises at noon. Nobody keeps the keys there.\n"


def made(text: str, uri: str = "/docs/quay.md") -> Document:
    read = read_text(uri.removeprefix("stdin:"), text)
    return Document(uri, read.title, read.media_type, read.sha256, read.text, read.sentences, blocks=read.blocks)


def ingest(memory: Memory, text: str, uri: str = "/docs/quay.md") -> int:
    memory.ingest(made(text, uri), (), "m", "f")
    return next(d.id for d in memory.snapshot.documents() if d.uri == uri)


def said(texts: Texts, question: str, **rest: object) -> list[str]:
    return [f.passage.text for f in texts.search(question, **rest)]  # type: ignore[arg-type]


def file(memory: Memory, name: str) -> Path:
    return memory.database.folder / name


def test_a_passage_is_found_as_it_was_cut(memory: Memory) -> None:
    texts = Texts(memory)
    assert texts.search("crane") == []
    assert len(texts) == 0
    quay, tide = ingest(memory, QUAY), ingest(memory, TIDE, "/docs/tide.md")
    found = texts.search("Which cranes lift tonnes?")
    assert [(f.document, f.number) for f in found] == [(quay, 0)]
    assert [p for f in texts.search("keys", 1) for p in [f.passage]] == [list(passages(made(QUAY)))[1]]
    assert 0 < found[0].score <= 1
    assert {f.document for f in texts.search("keys")} == {quay, tide}
    assert len(texts.search("keys", most=1)) == 1
    assert said(texts, "staff of the quay")[0] == "Ann Poe keeps the keys."  # by its lead
    assert texts.search("elephants") == []
    assert texts.search("") == []
    assert len(texts) == 3


def test_a_document_read_again_replaces_its_text(memory: Memory) -> None:
    texts = Texts(memory)
    ingest(memory, QUAY)
    assert said(texts, "nine tonnes")
    new = ingest(memory, QUAY.replace("nine tonnes", "twelve tonnes"))
    assert said(texts, "nine") == []
    assert [f.document for f in texts.search("twelve tonnes")] == [new]
    assert said(Texts(memory), "nine") == []


def test_what_is_forgotten_or_undone_is_not_found_until_it_counts_again(memory: Memory) -> None:
    texts = Texts(memory)
    ingest(memory, QUAY)
    ingest(memory, QUAY.replace("nine", "twelve"))
    memory.undo()
    assert [len(said(texts, q)) for q in ("nine", "twelve")] == [1, 0]
    change = memory.forget("/docs/quay.md")
    assert said(texts, "crane") == []
    memory.undo(change.operation)
    assert [len(said(texts, q)) for q in ("nine", "twelve")] == [1, 0]


def test_a_search_within_documents_finds_nothing_of_others(memory: Memory) -> None:
    quay, tide = ingest(memory, QUAY), ingest(memory, TIDE, "/docs/tide.md")
    texts = Texts(memory)
    assert [f.document for f in texts.search("keys", within={tide})] == [tide]
    assert [f.document for f in texts.search("keys", within=[quay])] == [quay]
    assert texts.search("keys", within=set()) == []
    memory.forget("/docs/tide.md")
    assert texts.search("keys", within={tide}) == []


def test_rankings_are_fused_by_place() -> None:
    assert fused([1, 2, 3], [3, 1, 4]) == [1, 3, 2, 4]
    assert fused([], [5]) == [5]
    assert fused() == []


@pytest.mark.parametrize(
    ("names", "uris"),
    [
        (["quay.md"], ["/docs/a/quay.md"]), (["QUAY"], ["/docs/a/quay.md"]), (["a"], ["/docs/a/quay.md"]),
        (["docs"], ["/docs/a/quay.md", "/docs/b/tide.v2.md"]), (["docs/b/"], ["/docs/b/tide.v2.md"]),
        (["./a/quay.md"], ["/docs/a/quay.md"]), (["/docs/a/quay.md"], ["/docs/a/quay.md"]),
        (["tide.v2"], ["/docs/b/tide.v2.md"]), (["the old  quay"], []), ([" The old quay "], ["/docs/a/quay.md"]),
        (["note.txt"], ["stdin:note.txt"]), (["Tide"], ["/docs/b/tide.v2.md"]), (["tid"], []),
        (["quay.md", "note"], ["/docs/a/quay.md", "stdin:note.txt"]), ([""], []), (["/"], []), ([], []),
        (["docs/tide.v2.md"], []),
    ],
)  # fmt: skip
def test_documents_are_called_by_path_name_folder_or_title(memory: Memory, names: list[str], uris: list[str]) -> None:
    ids = {
        uri: ingest(memory, text, uri)
        for uri, text in (
            ("/docs/a/quay.md", "# The old quay\n\nOne.\n"), ("/docs/b/tide.v2.md", TIDE), ("stdin:note.txt", "Two."),
        )
    }  # fmt: skip
    assert confined(memory.snapshot, names) == {ids[uri] for uri in uris}


# -- the files --------------------------------------------------------------------------------------------------------


def test_what_came_since_goes_into_the_small_file(memory: Memory) -> None:
    ingest(memory, QUAY)
    assert said(Texts(memory), "crane")
    large = file(memory, TEXTS).read_bytes()
    assert not file(memory, FRESH_TEXTS).exists()
    for n in range(3):
        ingest(memory, TIDE.replace("noon", f"noon{n}x"), f"/docs/{n}.md")
        assert len(said(Texts(memory), "water")) == n + 1
        assert len(Part(read_arrays(file(memory, FRESH_TEXTS)))) == n + 1
    assert file(memory, TEXTS).read_bytes() == large
    assert [len(p) for p in Texts(memory).parts] == [2, 3]


def test_many_of_them_are_taken_into_the_large_file(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SMALL", 0)
    texts = Texts(memory)
    ingest(memory, "".join(f"# Boat{n}\n\nIt is here.\n\n" for n in range(9)), "/docs/boats.md")
    assert len(texts) == 9
    for n, sizes in enumerate([[9, 1], [9, 2], [12], [12, 1]]):  # a quarter of the large one's may wait
        ingest(memory, TIDE, f"/docs/{n}.md")
        assert [len(p) for p in texts.parts] == sizes
        assert file(memory, FRESH_TEXTS).exists() == (len(sizes) == 2)
        assert [len(p) for p in Texts(memory).parts] == sizes
    assert len(said(texts, "water")) == 4


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _changed(path: Path) -> None:
    path.write_bytes(bytes(b ^ 1 for b in path.read_bytes()))


@pytest.mark.parametrize("harm", [Path.unlink, _cut, _changed])
@pytest.mark.parametrize("name", [TEXTS, FRESH_TEXTS, manifest(TEXTS), manifest(FRESH_TEXTS)])
def test_files_that_are_gone_or_damaged_come_back(
    memory: Memory, name: str, harm: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(memory, QUAY)
    assert len(Texts(memory)) == 2
    ingest(memory, TIDE, "/docs/tide.md")
    assert len(Texts(memory)) == 3
    harm(file(memory, name))
    texts = Texts(memory)
    assert [len(said(texts, q)) for q in ("crane", "water", "keys")] == [1, 1, 2]
    assert len(texts) == 3
    monkeypatch.setattr(Part, "build", None)  # nothing is made again
    assert [len(said(Texts(memory), q)) for q in ("crane", "water", "keys")] == [1, 1, 2]


def test_a_small_file_of_another_large_one_is_not_used(memory: Memory) -> None:
    ingest(memory, QUAY)
    assert len(Texts(memory)) == 2
    ingest(memory, TIDE, "/docs/tide.md")
    assert len(Texts(memory)) == 3
    old = {name: file(memory, name).read_bytes() for name in (FRESH_TEXTS, manifest(FRESH_TEXTS))}
    file(memory, TEXTS).unlink()
    assert len(Texts(memory)) == 3
    for name, data in old.items():
        file(memory, name).write_bytes(data)
    assert [len(p) for p in Texts(memory).parts] == [3]


def test_what_else_a_document_says_counts(memory: Memory) -> None:
    """The passage of the patient's note does not name her; that of another note fits the words alone as well."""
    filler = " ".join(f"Line {i} is about nothing that matters here." for i in range(30))
    for name in ("Ada Poe", "Ines Torres"):
        text = f"# Note\n\nPatient: {name}\n\n{filler}\n\nShe stopped the tablets."
        memory.ingest(read_text(f"{name}.md", text), (), "m", "f")
    owner = {d.id for d in memory.snapshot.documents() if "Torres" in d.uri}
    found = Texts(memory).search("Which tablets did Torres stop?", 10)
    assert {f.document for f in found[:2]} == owner
    assert next(f for f in found if "tablets" in f.passage.text).document in owner
