"""A small annotated corpus of our own, in DocRED's form: people, towns and firms that do not exist."""

from __future__ import annotations

import random
from typing import Any

FIRST = "Ada Boris Clara Dmitri Elena Farid Greta Hugo Ines Jonas Kira Leo Mara Nils Olga Pavel".split()
LAST = "Aldous Brandt Corvin Dahl Ekman Farrow Gruber Holm Ivers Jansen Kessler Lund".split()
TOWNS = "Arnheim Brockton Calder Dunmore Eastvale Farnley Grenholm Hartwell Ilford Jasper".split()
FIRMS = ["Acorn Works", "Beacon Mills", "Cobalt Press", "Delta Looms", "Ember Foundry", "Fjord Lines"]
SENTENCES = (
    ("{0} was born in {1} .", "P19", "PER", "LOC"),
    ("{0} works for {1} .", "P108", "PER", "ORG"),
    ("{0} has its headquarters in {1} .", "P159", "ORG", "LOC"),
)


def corpus(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Documents of three sentences."""
    rng = random.Random(seed)
    return [_document(rng, f"Paragraph {i}") for i in range(count)]


def _document(rng: random.Random, title: str) -> dict[str, Any]:
    things = [(f"{rng.choice(FIRST)} {rng.choice(LAST)}", "PER"), (rng.choice(FIRMS), "ORG")]
    things += [(town, "LOC") for town in rng.sample(TOWNS, 2)]
    facts = [(0, 0, 2), (1, 0, 1), (2, 1, 3)]
    rng.shuffle(facts)
    sents: list[list[str]] = []
    vertices: list[list[dict[str, Any]]] = [[] for _ in things]
    labels = []
    for number, (which, head, tail) in enumerate(facts):
        pattern, relation, _, _ = SENTENCES[which]
        tokens: list[str] = []
        for word in pattern.split():
            if not word.startswith("{"):
                tokens.append(word)
                continue
            thing = head if word == "{0}" else tail
            name, kind = things[thing]
            place = [len(tokens), len(tokens) + len(name.split())]
            vertices[thing].append({"name": name, "sent_id": number, "pos": place, "type": kind})
            tokens += name.split()
        sents.append(tokens)
        labels.append({"h": head, "r": relation, "t": tail, "evidence": [number]})
    return {"title": title, "sents": sents, "vertexSet": vertices, "labels": labels}
