"""Writing in one stream: what a trained model says is kept, bounded, scored, and mapped back to the text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from memllm_cli.calibration.choice import Combination
from memllm_cli.engine.scripted import ScriptedEngine
from memllm_cli.evaluation.write import finished
from memllm_cli.memory.values.relations import Relations, read_table
from memllm_cli.protocol import written
from memllm_cli.types import Document, Sentence, Triple
from memllm_cli.writing import stream
from memllm_cli.writing.chosen import Chosen, Free, spoken
from memllm_cli.writing.drafts import Found
from memllm_cli.writing.sentences import Meter
from memllm_cli.writing.stream import StreamWriter
from memllm_cli.writing.together import Lane, together

SAID = {
    "The capital of Freedonia is Sylvania City.": " Freedonia >> capital >> Sylvania City })",
    "It was raining.": " })",
    "Sylvania City lies on the Ker .": " Sylvania City >> located in or next to body of water >> Ker })",
}


def play(text: str) -> str:
    """The call for the sentence asked about last."""
    before, mark, said = text.rpartition(written.STYLE.opening)
    for sentence, call in SAID.items():
        if mark and before.endswith(written.tidy(sentence)):
            return call[len(said) :] if call.startswith(said) else " })"
    return ""


def document(*sentences: str, title: str = "Freedonia") -> Document:
    places, at = [], 0
    for sentence in sentences:
        places.append(Sentence(at, at + len(sentence), 1))
        at += len(sentence) + 1
    return Document("x", title, "text/plain", "", " ".join(sentences), tuple(places))


class Proposing:
    """A drafter that proposes what it was told to."""

    def __init__(self, *found: Found) -> None:
        self.found, self.meter = found, Meter()

    def read(self, document: Document):  # type: ignore[no-untyped-def]
        yield len(document.sentences)
        return self.found

    def close(self) -> None: ...


def drafted(triple: Triple, sentence: int, probability: float = 0.5) -> Found:
    return Found(triple, (sentence,), probability, False, ((triple, probability),))


@pytest.fixture
def relations(relations_table: Path) -> Relations:
    return Relations(read_table(relations_table))


def writer(relations: Relations, script: Callable[[str], str] = play, bound: bool = True) -> StreamWriter:
    return StreamWriter(ScriptedEngine(script, sequences=3), spoken(relations), bound=bound)


def test_the_model_writes_freely_and_names_keep_their_spelling(relations: Relations) -> None:
    free = Free(writer(relations), relations, 0.5)
    found = finished(free.read(document(*SAID)))
    assert [f.triple for f in found] == [
        Triple("Freedonia", "capital", "Sylvania City"),
        Triple("Sylvania City", "located in or next to body of water", "Ker"),
    ]
    assert [f.sentences for f in found] == [(0,), (2,)]
    assert all(f.sure and 0.9 < f.probability <= 1 for f in found)


def test_a_stream_is_text_with_its_calls(relations: Relations) -> None:
    one = writer(relations)
    list(together(one.engine, [lambda lane: one.window(lane, "Freedonia", (), list(enumerate(SAID)))]))
    texts = [one.engine.text(seq) for seq in range(3)]  # type: ignore[attr-defined]
    text = max(texts, key=len)
    assert text.startswith("Freedonia: The capital of Freedonia is Sylvania City.({MEM_WRITE--> Freedonia >> capital")
    assert "It was raining.({MEM_WRITE--> }) Sylvania City lies on the Ker.({" in text


def test_drafts_bound_what_is_written_and_what_is_refused_is_scored(relations: Relations) -> None:
    right = drafted(Triple("Freedonia", "capital", "Sylvania City"), 0)
    wrong = drafted(Triple("Sylvania City", "capital", "Freedonia"), 0)
    chosen = Chosen(writer(relations), Proposing(right, wrong), Combination((0.0, 0.0, 0.0, 0.0, 0.0, 4.0)))  # type: ignore[arg-type]
    found = finished(chosen.read(document(*SAID)))
    assert [(f.triple, f.sure) for f in found] == [(right.triple, True), (wrong.triple, False)]
    assert found[0].probability > 0.95
    assert found[1].probability == 0.5


def test_sentences_without_drafts_cost_no_call(relations: Relations) -> None:
    asked: list[str] = []

    def script(text: str) -> str:
        asked.append(text)
        return play(text)

    chosen = Chosen(
        writer(relations, script),
        Proposing(drafted(Triple("Freedonia", "capital", "Sylvania City"), 0)),  # type: ignore[arg-type]
        Combination(),
    )
    finished(chosen.read(document(*SAID)))
    assert asked
    assert not any("raining" in text for text in asked)


def test_without_weights_the_draft_decides(relations: Relations) -> None:
    fact = drafted(Triple("Freedonia", "capital", "Sylvania City"), 0, 0.9)
    (found,) = finished(Chosen(writer(relations), Proposing(fact), Combination()).read(document(*SAID)))  # type: ignore[arg-type]
    assert (found.probability, found.sure) == (0.9, True)


def test_what_nothing_bounds_may_be_no_call(relations: Relations) -> None:
    babbling = writer(relations, lambda text: " Freedonia >> capital })" if "({" in text else "", bound=False)
    assert finished(Free(babbling, relations, 0.0).read(document("The capital of Freedonia is Sylvania City."))) == ()
    assert babbling.malformed == 1


def test_what_nothing_bounds_is_read_when_it_is_a_call(relations: Relations) -> None:
    free = Free(writer(relations, bound=False), relations, 0.0)
    assert [f.triple.object for f in finished(free.read(document(*SAID)))] == ["Sylvania City", "Ker"]


def test_long_documents_are_read_in_windows(relations: Relations, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "LONGEST", 200)
    monkeypatch.setattr("memllm_cli.writing.chosen.TEXT", 60)
    free = Free(writer(relations), relations, 0.0)
    sentences = ["It was raining."] * 40 + ["The capital of Freedonia is Sylvania City."] + ["It was raining."] * 40
    (found,) = finished(free.read(document(*sentences)))
    assert found.triple == Triple("Freedonia", "capital", "Sylvania City")
    assert found.sentences == (40,)


def test_a_monstrous_sentence_is_passed_over(relations: Relations) -> None:
    free = Free(writer(relations), relations, 0.0)
    monstrous = "word " * 2000 + "."
    found = finished(free.read(document(monstrous, "The capital of Freedonia is Sylvania City.")))
    assert [f.sentences for f in found] == [(1,)]


def test_jobs_share_an_engine_and_each_gets_its_own_text() -> None:
    engine = ScriptedEngine(lambda text: "", sequences=2)

    def job(name: str):  # type: ignore[no-untyped-def]
        def run(lane: Lane):  # type: ignore[no-untyped-def]
            for i in range(3):
                yield engine.tokenize(f" {name}{i}")
            return engine.text(lane._seq)

        return run

    evaluated: list[int] = []
    results = sorted(together(engine, [job(n) for n in "abcde"], evaluated.append))
    assert results == [f" {n}0 {n}1 {n}2" for n in "abcde"]
    assert sum(evaluated) == 15
