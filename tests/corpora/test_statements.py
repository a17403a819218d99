"""Annotated texts: where the parts of a fact stand, and what is left out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from memllm_cli.corpora.matching import Statement, alike, fits, paired, share
from memllm_cli.corpora.statements import LEAD, located, read
from memllm_cli.errors import DamagedError, NotFound

ROW = {
    "id": "x-0", "genre": "made", "part": "tune", "title": "The Mill", "path": ["Owners"],
    "before": ["Pavel Novak came in 1990."],
    "text": "Pavel Novak owns the mill.\nHe did not buy the house until 1995.",
    "facts": [
        {"s": "Pavel Novak", "r": "owns", "o": "mill", "t": "stated", "e": "Pavel Novak owns the mill."},
        {"s": "Pavel Novak", "w": "He", "r": "buy", "o": "house", "t": "denied", "until": "1995", "ended": True,
         "e": "He did not buy the house until 1995."},
        {"s": "The Mill", "w": "", "r": "has", "o": "house", "t": "stated",
         "e": "He did not buy the house until 1995."},
        {"s": "x", "r": "owns", "o": "boat", "t": "stated", "e": "A sentence that is not there."},
    ],
}  # fmt: skip


def test_every_part_is_found_where_it_stands() -> None:
    text = located(ROW)
    assert text.lead == "The Mill > Owners"
    assert len(text.said) == 3
    first, second, third = text.said

    def words(places: object) -> list[str]:
        return [text.lead[a:b] if n == LEAD else text.sentences[n][a:b] for n, a, b in places or ()]  # type: ignore[attr-defined]

    assert words([first.object]) == ["mill"]
    assert words(second.subject) == ["He"]
    assert words(second.names) == ["Pavel Novak"]
    assert words(second.until) == ["1995"]
    assert (second.truth, second.marks) == ("denied", (True, False))
    assert third.subject == ()
    assert (third.fixed, third.relation) == ("has", ())
    assert words(third.names)[-1] == "The Mill"


def test_parts_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(json.dumps(ROW) + "\n" + json.dumps({**ROW, "part": "train"}) + "\n", encoding="utf-8")
    assert len(read(f"annotated:{path}")) == 2
    assert len(read(f"annotated:{path}#tune")) == 1
    with pytest.raises(NotFound):
        read(f"nothing:{path}")
    with pytest.raises(NotFound):
        read(f"annotated:{tmp_path / 'none'}")
    path.write_text("{", encoding="utf-8")
    with pytest.raises(DamagedError):
        read(f"annotated:{path}")


def test_contracts_are_found_by_what_lawyers_answered(tmp_path: Path) -> None:
    text = (
        "LAMP AGREEMENT\nThis agreement of May 8, 2014 renews for two (2) years.\nIt is governed by the laws of Nevada."
    )
    row = {
        "name": "c", "text": text,
        "clauses": {
            "Agreement Date": "['May 8, 2014']", "Renewal Term": "['renews for two (2) years']",
            "Governing Law": "['It is governed by the laws of Nevada.']", "Parties": None,
        },
        "answers": {"Agreement Date": "5/8/14", "Renewal Term": "2 years", "Governing Law": "Nevada"},
    }  # fmt: skip
    path = tmp_path / "c.jsonl"
    path.write_text(json.dumps(row), encoding="utf-8")
    found = {
        s.known: t.sentences[s.object.sentence][s.object.start : s.object.end]
        for t in read(f"cuad:{path}")
        for s in t.said
    }
    assert found == {"agreement date": "May 8, 2014", "renewal term": "two (2) years", "governing law": "Nevada"}


def test_facts_fit_by_half_their_words_and_all_their_numbers() -> None:
    assert share("the old mill", "old mill") == 1.0
    assert alike("EUR 1,200", "1200 EUR")
    assert not alike("5 May 2020", "6 May 2020")
    wanted = [Statement("Acme", "owns", "the mill"), Statement("Acme", "owns", "boat")]
    found = [Statement("mill", "owned by", "Acme"), Statement("Acme", "sold", "house")]
    assert fits(wanted[0], found[0])
    assert paired(wanted, found) == [(0, 0)]
