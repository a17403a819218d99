from __future__ import annotations

import pytest

from memllm_cli.corpora import docred
from memllm_cli.corpora.score import score

ROW = {
    "title": "Kiel",
    "sents": [["Anna", "Berg", "lives", "in", "Kiel", "."], ["Berg", "was", "born", "in", "Ulm", "."]],
    "vertexSet": [
        [
            {"name": "Anna Berg", "sent_id": 0, "pos": [0, 2], "type": "PER"},
            {"name": "Berg", "sent_id": 1, "pos": [0, 1], "type": "PER"},
        ],
        [{"name": "Kiel", "sent_id": 0, "pos": [4, 5], "type": "LOC"}],
        [{"name": "Ulm", "sent_id": 1, "pos": [4, 5], "type": "LOC"}],
    ],
    "labels": [{"h": 0, "r": "P551", "t": 1, "evidence": [0]}, {"h": 0, "r": "P19", "t": 2, "evidence": [1]}],
}


def test_a_document_is_read_with_its_places() -> None:
    text = docred.document(ROW)
    assert text.text == "Anna Berg lives in Kiel . Berg was born in Ulm ."
    assert text.surfaces(0) == ("Anna Berg", "Berg")
    assert [text.text[a:b] for a, b in text.sentences] == ["Anna Berg lives in Kiel .", "Berg was born in Ulm ."]
    assert text.labels[1].evidence == (1,)


def test_any_name_of_a_thing_counts_and_counts_once() -> None:
    text = docred.document(ROW)
    found = {("anna  berg", "P551", "kiel"), ("Berg", "P551", "Kiel"), ("Berg", "P19", "Kiel")}
    result = score([text], [found])
    assert (result.micro.right, result.micro.wrong, result.micro.missed) == (1, 1, 1)
    assert result.micro.f1 == pytest.approx(0.5)
    assert result.macro_f1 == pytest.approx(0.5)
    assert result.errors == {"relation": 1}


def test_errors_have_kinds() -> None:
    text = docred.document(ROW)
    found = {("Anna", "P19", "Ulm"), ("Kiel", "P551", "Anna Berg"), ("Kiel", "P19", "Ulm")}
    assert score([text], [found]).errors == {"name": 1, "direction": 1, "unsupported": 1}


def test_relations_can_be_left_out() -> None:
    text = docred.document(ROW)
    result = score([text], [{("Berg", "P551", "Kiel")}], without={"P19"})
    assert result.micro.f1 == 1.0
    assert result.interval() == (1.0, 1.0)


def test_a_file_of_another_form_is_refused(tmp_path: object) -> None:
    from pathlib import Path

    from memllm_cli.errors import DamagedError, NotFound

    path = Path(str(tmp_path)) / "x.json"
    path.write_text('[{"title": "x"}]')
    with pytest.raises(DamagedError, match="DocRED"):
        docred.read(path)
    with pytest.raises(NotFound):
        docred.read(path.with_name("y.json"))
