"""Names of real things (of annotated corpora, then variations as they come in real data) and facts about them."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from benchmarks.common import ROOT
from memllm_cli.corpora.load import load
from memllm_cli.memory.edit.statements import is_name
from memllm_cli.memory.values.names import is_role, normal
from memllm_cli.memory.values.relations import read_table

RELATIONS = ROOT / "kb" / "relations.csv"

_WAYS = (
    "{} II", "{} III", "New {}", "North {}", "Old {}", "{} County", "{} ({})", "{}, {}", "{} Street", "{} Group",
    "{} Foundation", "University of {}", "{} Institute", "The {}", "{} Jr.", "{} Park", "Battle of {}", "{} {}",
    "{} Award", "{} Ltd", "{} and Sons", "House of {}", "{} Railway", "SS {}", "{} Prize",
)  # fmt: skip


def names(sources: Sequence[str], count: int, seed: int = 1) -> list[str]:
    """So many names that differ in their compared form: from corpora (`redocred:PATH` …), or invented ones."""
    chance = random.Random(seed)
    found: dict[str, None] = {}
    for source in sources:
        for text in load(source):
            for i in range(len(text.names)):
                found.update(dict.fromkeys(s for s in text.surfaces(i) if 2 < len(s) < 60))
    real = (
        list({normal(n): " ".join(n.split()) for n in found if is_name(n) and not is_role(normal(n))}.values())
        or _invented()
    )
    chance.shuffle(real)
    out = {normal(n): n for n in real[:count]}
    while len(out) < count:
        base, other = chance.choice(real), chance.choice(real)
        way = chance.choice(_WAYS)
        name = way.format(base, other) if way.count("{}") == 2 else way.format(base)
        out.setdefault(normal(name), name)
    return list(out.values())


def _invented() -> list[str]:
    first = "Ada Bram Cleo Dara Egon Fay Gus Hana Ivo Jun Kai Lia Milo Nora Otto Pia Quin Rosa Sven Tess".split()
    last = "Abbot Birch Crane Drake Ember Frost Glen Hale Iver Jarvis Keen Lowe Marsh North Oakes Pryce".split()
    place = "Freedonia Sylvania Borduria Syldavia Ruritania Zubrowka Latveria Genovia Elbonia Krakozhia".split()
    return [f"{a} {b}" for a in first for b in last] + place


def facts(names: list[str], size: int, seed: int = 2) -> tuple[list[str], list[str], list[str]]:
    """Columns of so many different facts; some names have far more than others, as in real data."""
    chance = np.random.default_rng(seed)
    relations = [line.split(",")[0] for line in RELATIONS.read_text(encoding="utf-8").splitlines()[1:]]
    relations = [r for r in relations if not r.startswith('"') and r in _entity_relations()]
    weights = 1.0 / np.arange(1, len(names) + 1) ** 0.6
    seen: set[tuple[int, int, int]] = set()
    while len(seen) < size:
        many = size - len(seen) + 1000
        s = chance.choice(len(names), many, p=weights / weights.sum())
        r = chance.integers(0, len(relations), many)
        o = chance.choice(len(names), many, p=weights / weights.sum())
        seen.update(zip(s.tolist(), r.tolist(), o.tolist(), strict=True))
    rows = sorted(seen)[:size] if len(seen) > size else sorted(seen)
    random.Random(seed).shuffle(rows)
    return [names[s] for s, _, _ in rows], [relations[r] for _, r, _ in rows], [names[o] for _, _, o in rows]


def _entity_relations() -> set[str]:
    return {r.name for r in read_table(RELATIONS) if r.object_type == "entity"}
