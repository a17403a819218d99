"""Which names are taken for each other: pairs that must not be, and other names of one thing that should be.

    python -m benchmarks.identity --aliases redocred:dev.json

The first are made: names that differ in a year, an ordinal, a numeral, a direction or a negation, people of one family
name, relations read the wrong way round. The second are the names under which annotated documents speak of one thing.
A pair matches when the store would find one by the other: the same in normal form, or near by vector (within the
threshold of finding) and allowed to match by its characters.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence

import numpy as np

from benchmarks.common import ROOT
from memllm_cli.app import App
from memllm_cli.calibration.finding import Thresholds
from memllm_cli.corpora.load import load
from memllm_cli.memory.edit.identity import folded
from memllm_cli.memory.values.names import may_match, normal
from memllm_cli.memory.values.relations import Relations, read_table

Pairs = list[tuple[str, str]]


def adversarial() -> dict[str, Pairs]:
    """Pairs of different things with names alike, by what tells them apart."""
    years = [f"{e} {{}}" for e in ("Olympic Games of", "Treaty of Freedonia", "World Cup", "Budget Act", "Class of")]
    ordinals = ("First", "Second", "Third", "Fourth", "Fifth", "Sixth", "Ninth", "Tenth")
    things = ("Symphony", "Battle of Rufus Town", "Crusade", "Republic", "Amendment", "Army", "Congress", "Avenue")
    numerals = ("I", "II", "III", "IV", "V", "VI", "VIII", "IX")
    heads = ("World War", "Elizabeth", "Henry", "Rocky", "Apollo", "Part", "Phase", "Ramesses", "Pope Pius", "Type")
    people = ("John", "Jane", "James", "Joan", "Mary", "Mark", "Maria", "Peter", "Petra", "Paul", "Paula", "Anne")
    families = ("Adams", "Smith", "Garcia", "Mueller", "Tanaka", "Okafor")
    sides = ("North", "South", "East", "West", "Upper", "Lower")
    places = ("Korea", "Dakota", "Carolina", "Frisia", "Sudan", "Silesia", "Austria", "Lusatia")

    def neighbours(form: str, parts: Sequence[str]) -> Pairs:
        made = [form.format(p) for p in parts]
        return [(a, b) for i, a in enumerate(made) for b in made[i + 1 :]]

    return {
        "years": [p for y in years for p in neighbours(y, ("1912", "1913", "1921", "1992", "2012"))],
        "ordinals": [p for t in things for p in neighbours(f"{{}} {t}", ordinals)],
        "numerals": [p for h in heads for p in neighbours(f"{h} {{}}", numerals)],
        "people of one family": [p for f in families for p in neighbours(f"{{}} {f}", people)],
        "directions": [p for x in places for p in neighbours(f"{{}} {x}", sides)],
        "negations": [(a, b) for w in ("aligned states", "members", "violent protest", "smokers", "fiction", "profit")
                      for a, b in ((w, f"non {w}"), (w, f"not {w}"), (f"with {w}", f"without {w}"))],
        "numbers": [p for t in ("Route", "Flight", "Psalm", "Boeing", "Channel") for p in
                    neighbours(f"{t} {{}}", ("1", "2", "12", "21", "66", "747"))],
    }  # fmt: skip


def aliases(sources: Sequence[str], most: int, seed: int = 1) -> Pairs:
    """Pairs of names of one thing that are not the same in normal form."""
    out: dict[tuple[str, str], None] = {}
    for source in sources:
        for text in load(source):
            for i in range(len(text.names)):
                names = sorted(text.surfaces(i), key=len, reverse=True)
                for other in names[1:]:
                    if normal(other) != normal(names[0]):
                        out[names[0], other] = None
    pairs = list(out)
    random.Random(seed).shuffle(pairs)
    return pairs[:most]


class Matcher:
    """Says whether the store would take one name for the other."""

    def __init__(self) -> None:

        self.encoder = App(home_option=ROOT).open_encoder()
        self.threshold = Thresholds().entity

    def matches(self, pairs: Pairs) -> list[bool]:
        """For each pair."""
        names = list(dict.fromkeys(n for p in pairs for n in p))
        vectors = dict(zip(names, self.encoder.embed(names), strict=True))
        return [
            normal(a) == normal(b) or (may_match(a, b) and 1 - float(np.dot(vectors[a], vectors[b])) <= self.threshold)
            for a, b in pairs
        ]


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.identity", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--aliases", nargs="*", default=[], help="annotated corpora: redocred:PATH …")
    parser.add_argument("--most", type=int, default=3000, help="pairs of other names")
    arguments = parser.parse_args()
    matcher = Matcher()
    wrong = total = 0
    for kind, pairs in adversarial().items():
        found = matcher.matches(pairs)
        wrong, total = wrong + sum(found), total + len(found)
        example = next((" / ".join(p) for p, f in zip(pairs, found, strict=True) if f), "")
        print(f"{kind:24} {sum(found):4} of {len(found):4} taken for each other  {example}")
    relations = Relations(read_table(ROOT / "kb" / "relations.csv"))
    swapped = 0
    for relation in relations.by_id.values():
        name, inverse = relations.find(relation.name), relations.find(relation.inverse)
        swapped += name is None or inverse is None or name[1] == inverse[1]
    print(f"{'relation and its inverse':24} {swapped:4} of {len(relations):4} read the same way")
    print(f"{'in all':24} {wrong:4} of {total:4} ({wrong / total:.1%})")
    if pairs := aliases(arguments.aliases, arguments.most):
        found = matcher.matches(pairs)
        print(f"{'other names of one thing':24} {sum(found):4} of {len(found):4} found ({sum(found) / len(found):.1%})")
        same = [folded(a) == folded(b) for a, b in pairs]
        print(f"{'':24} {sum(same):4} of them differ in accents, punctuation, article or legal form only")


if __name__ == "__main__":
    main()
