"""The default extractor on our own documents: facts, what is no fact, and what follows from them.

They show that everything is joined up, and nothing about quality.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import DEMO, Home, _made
from tests.e2e.test_demo_facts import FOUND, triples
from tests.e2e.test_texts import Reading

pytestmark = [pytest.mark.e2e, pytest.mark.default]

PAGE = """# Tern Ferries

Tern Ferries is not owned by Moss Holding. Its managing director is Ada Quist. If the vote succeeds, Rolf Berg will
become managing director of Tern Ferries. Lena Voss was managing director of Tern Ferries until 2019.
"""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, _models: None) -> Reading:
    reading = Reading(_made(tmp_path_factory.mktemp("prose") / "home").root)
    assert reading.run("--json", "ingest", str(DEMO)).data["failed"] == []
    return reading


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, _models: None) -> Reading:
    root: Path = tmp_path_factory.mktemp("page")
    (root / "tern.md").write_text(PAGE, encoding="utf-8")
    reading = Reading(_made(root / "home").root)
    assert reading.run("--json", "ingest", str(root / "tern.md")).data["failed"] == []
    return reading


def test_nearly_all_that_the_drafter_finds_alone_is_found(demo: Home) -> None:
    rows = demo.run("--json", "fact", "list", "--limit", "0").data
    kept = {(r["subject"].casefold(), r["relation"], r["object"].casefold()) for r in rows}
    assert len(triples(FOUND) - kept) <= len(triples(FOUND)) // 8
    assert len(kept) > 2 * len(triples(FOUND))
    assert all(r["truth"] == "stated" and r["evidence"] for r in rows)
    assert all(r["subject"].casefold() not in ("he", "she", "it", "they", "this") for r in rows)


def test_proposals_are_few(demo: Home) -> None:
    words = sum(len(p.read_text(encoding="utf-8", errors="ignore").split()) for p in DEMO.glob("*.md"))
    assert len(demo.run("--json", "fact", "list", "--proposed", "--limit", "0").data) <= 10 + words // 100


def test_what_is_denied_planned_or_over_is_no_fact(page: Home) -> None:
    now = {(r["subject"], r["object"]) for r in page.run("--json", "fact", "list").data}
    assert ("Tern Ferries", "Ada Quist") in now
    assert not {o for _, o in now} & {"Moss Holding", "Rolf Berg", "Lena Voss"}
    every = page.run("--json", "fact", "list", "--all").data
    meant = {r["object"]: r["truth"] for r in every} | {r["subject"]: r["truth"] for r in every}
    assert meant["Moss Holding"] == "denied"
    assert meant["Rolf Berg"] == "planned"
    assert {r["truth"] for r in page.run("--json", "fact", "list", "--truth", "denied").data} == {"denied"}
    assert "Moss Holding" not in {r["object"] for r in page.run("--json", "fact", "list", "--proposed").data}


def test_a_denial_is_not_read_out_as_an_answer(page: Home) -> None:
    assert page.run("--json", "ask", "Who owns Tern Ferries?").data["answer"] != "Moss Holding"


def test_the_words_that_stand_for_a_subject_are_kept(page: Home) -> None:
    rows = page.run("--json", "fact", "why", ">> >> Ada Quist").data
    assert all(s["probability"] for r in rows for s in r["supports"])
    assert all(e["sentence"] == "Its managing director is Ada Quist." for r in rows for e in r["evidence"][:1])
