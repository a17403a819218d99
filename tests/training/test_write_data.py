"""What the writer is taught: only what a sentence states, and nothing about what is left out."""

from __future__ import annotations

import json
from pathlib import Path

from memllm_cli.corpora import docred
from memllm_cli.corpora.annotated import Annotated, Label, Mention, Name
from memllm_cli.memory.values.relations import read_table
from memllm_cli.protocol import written
from memllm_cli.training.streams import batches
from memllm_cli.training.write_data import names, prepare, shown, streams, told
from memllm_cli.types import Triple
from tests.training.mini import corpus

TEXT = "Ada met Boris . He was born in Calder . Boris lives in Dunmore ."
SENTENCES = ((0, 15), (16, 39), (40, 64))
BY_ID = {"P19": "place of birth", "P551": "residence", "P1": "relative of"}


def text(*labels: Label, exhaustive: bool = True) -> Annotated:

    people = []
    for places in ((("Ada", 0),), (("Boris", 0), ("Boris", 2)), (("Calder", 1),), (("Dunmore", 2),)):
        mentions = [Mention(at := TEXT.index(n, SENTENCES[s][0]), at + len(n), s) for n, s in places]
        people.append(Name("PER", tuple(mentions)))
    return Annotated(
        "T",
        TEXT,
        SENTENCES,
        tuple(people),
        labels,
        frozenset(BY_ID) | docred.RELATIONS if exhaustive else frozenset(BY_ID),
    )


def letters(text: str) -> list[int]:
    return [ord(c) for c in text]


def test_a_triple_stands_at_its_evidence_once_both_are_named() -> None:
    found = told(text(Label(1, "P19", 2, (0, 1))), BY_ID)
    assert [s.triples for s in found] == [(), (Triple("Boris", "place of birth", "Calder"),), ()]
    assert not any(s.open for s in found)


def test_without_evidence_only_a_sentence_with_both_teaches_it() -> None:
    found = told(text(Label(1, "P551", 3), Label(0, "P551", 3)), BY_ID)
    assert [s.triples for s in found] == [(), (), (Triple("Boris", "residence", "Dunmore"),)]
    assert not any(s.open for s in found)  # or closing would hardly ever be taught


def test_incomplete_labels_never_teach_that_there_is_nothing_more() -> None:
    assert all(s.open for s in told(text(Label(1, "P551", 3), exhaustive=False), BY_ID))


def test_loss_is_taken_of_calls_alone_and_not_of_open_ends() -> None:
    plain = told(text(Label(1, "P551", 3)), BY_ID)
    (stream,) = streams("T", plain, letters, [])
    taught = "".join(chr(i) for i, w in zip(stream.ids, stream.weights, strict=True) if w)
    assert taught == " }) }) Boris >> residence >> Dunmore })"
    assert "".join(map(chr, stream.ids)) == shown("T", plain)
    (open_stream,) = streams("T", told(text(Label(1, "P551", 3), exhaustive=False), BY_ID), letters, [])
    taught = "".join(chr(i) for i, w in zip(open_stream.ids, open_stream.weights, strict=True) if w)
    assert taught == " Boris >> residence >> Dunmore"


def test_long_texts_become_windows_that_repeat_sentences_without_calls() -> None:
    plain = told(text(Label(1, "P551", 3)), BY_ID)
    first, second = streams("T", plain * 2, letters, [7], longest=180)
    for stream in (first, second):
        assert len(stream.ids) <= 180
        assert stream.ids[0] == 7
    again = "".join(map(chr, second.ids[1:]))
    repeated = "".join(written.sentence(TEXT[slice(*place)]) for place in (SENTENCES[2], SENTENCES[0], SENTENCES[1]))
    assert again.startswith(written.header("T") + repeated)
    assert first.items + second.items == 2


def test_both_directions_of_a_relation_have_names(relations_table: Path) -> None:
    found = names(read_table(relations_table))
    assert (found["P36"], found["P1376"]) == ("capital", "capital of")
    assert "" not in found


def test_batches_are_all_streams_within_the_limit_and_the_same_by_seed(tmp_path: Path, relations_table: Path) -> None:
    path = tmp_path / "mini.json"
    path.write_text(json.dumps(corpus(80)))
    pool = prepare(docred.read(path), read_table(relations_table), letters, [])
    assert len(pool) == 80
    first = batches(pool, 2000, seed=1, epoch=0)
    assert sorted(id(s) for b in first for s in b) == sorted(map(id, pool))
    assert all(len(b) * max(len(s.ids) for s in b) <= 2000 for b in first if len(b) > 1)
    assert first == batches(pool, 2000, seed=1, epoch=0)
    assert first != batches(pool, 2000, seed=1, epoch=1)
