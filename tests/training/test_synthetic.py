from __future__ import annotations

import re
from pathlib import Path

import pytest

from memllm_cli.memory.values.relations import read_table
from memllm_cli.training.synthetic import KEPT_OUT, Documents, load

PHRASINGS = load()


@pytest.fixture
def documents(relations_table: Path) -> Documents:
    return Documents(read_table(relations_table), PHRASINGS, seed=3)


def test_every_relation_of_the_table_can_be_told(documents: Documents, relations_table: Path) -> None:
    table = {r.name for r in read_table(relations_table)}
    assert set(PHRASINGS.statements) == table == set(PHRASINGS.slots)
    assert all(len(s) >= 5 for s in PHRASINGS.statements.values())
    assert len(documents.relations) == len(table)


def test_every_kind_has_fillers_and_every_phrasing_both_sides() -> None:
    kinds = {k for sides in PHRASINGS.slots.values() for side in sides for k in side} - {"TEXT"}
    assert kinds <= set(PHRASINGS.fillers)
    texts = [s for statements in PHRASINGS.statements.values() for s in statements]
    assert all(t.count("{s}") == 1 == t.count("{o}") for t in texts)
    loose = {r for r, (_, o) in PHRASINGS.slots.items() if "TEXT" in o} - {r for r, side in PHRASINGS.values}
    assert not loose
    values = [*(t for f in PHRASINGS.fillers.values() for t in f), *(t for f in PHRASINGS.values.values() for t in f)]
    assert not any(mark in v for v in values for mark in (">>", ";", "({", "})"))


def test_statements_kept_out_are_not_trained_on() -> None:
    kept = load(kept_out=True)
    for relation, statements in PHRASINGS.statements.items():
        assert len(kept.statements[relation]) == KEPT_OUT
        assert not set(kept.statements[relation]) & set(statements)
    for kind, names in PHRASINGS.fillers.items():
        assert kept.fillers[kind]
        assert not set(kept.fillers[kind]) & set(names)


def test_documents_say_what_their_labels_say(documents: Documents) -> None:
    for text in documents.make(300):
        assert text.labels
        assert [text.text[a:b].strip() for a, b in text.sentences] == [text.text[a:b] for a, b in text.sentences]
        for name in text.names:
            assert len({text.text[m.start : m.end].casefold() for m in name.mentions}) == 1
            for m in name.mentions:
                start, end = text.sentences[m.sentence]
                assert start <= m.start < m.end <= end
        for label in text.labels:
            for thing in (label.head, label.tail):
                assert any(m.sentence in label.evidence for m in text.names[thing].mentions)


def test_a_seed_makes_the_same_documents(documents: Documents, relations_table: Path) -> None:
    again = Documents(read_table(relations_table), PHRASINGS, seed=3)
    assert list(documents.make(20)) == list(again.make(20))
    other = Documents(read_table(relations_table), PHRASINGS, seed=4)
    assert list(documents.make(20)) != list(other.make(20))


def test_articles_are_not_part_of_names(documents: Documents) -> None:
    names = [t.text[m.start : m.end] for t in documents.make(200) for n in t.names for m in n.mentions]
    assert not any(name.startswith("the ") for name in names)


def test_asides_name_things_of_which_nothing_is_told() -> None:
    kinds = {kind for text in PHRASINGS.asides for kind in re.findall(r"\{(\w+)\}", text)}
    assert kinds <= set(PHRASINGS.fillers)
    assert len(PHRASINGS.asides) >= 30


def test_what_was_named_is_then_spoken_of_by_a_pronoun(documents: Documents) -> None:
    pairs = [(t, x) for t in documents.make(200) for x in t.labels if len(x.evidence) == 2]
    assert len(pairs) > 50
    for text, label in pairs:
        first, second = (text.text[slice(*text.sentences[i])] for i in label.evidence)
        assert label.evidence[0] < label.evidence[1]
        assert re.search(r"\b(It|Its|He|His|She|Her)\b", second)
        either = (*text.surfaces(label.head), *text.surfaces(label.tail))  # labels have both directions
        assert any(s.casefold() in first.casefold() for s in either)


def test_a_question_with_its_answer_tells_a_relation(documents: Documents) -> None:
    texts = list(documents.answered(200))
    assert len(texts) > 190
    for text in texts:
        for label in text.labels:
            (sentence,) = label.evidence
            said = text.text[slice(*text.sentences[sentence])].casefold()
            for thing in (label.head, label.tail):
                assert any(s.casefold() in said for s in text.surfaces(thing))
    assert all(PHRASINGS.questions[r.name] for r in documents.relations)
