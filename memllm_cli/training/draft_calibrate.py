"""What a drafted triple's probability is, fitted on documents that were not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from memllm_cli.calibration.drafter import FEATURES, Calibration, kind_table
from memllm_cli.calibration.logistic import fit
from memllm_cli.corpora.annotated import Annotated
from memllm_cli.corpora.score import known, mapped, named, thresholds
from memllm_cli.drafting.draft import Drafter

FLOOR = 0.1
"""Probability below which a triple is not kept, not even as a proposal."""


def calibrate(
    drafts: Drafter, texts: Sequence[Annotated], tuning: Sequence[Annotated], relations: Sequence[str]
) -> dict[str, Any]:
    """Weights of the features, types of names for each relation, and thresholds, ready for the configuration.

    `relations` are external ids in the drafter's order; types come from `texts`, the rest from `tuning`.
    """
    index = {r: i for i, r in enumerate(relations)}
    pairs = [
        (index[x.relation], t.names[x.head].kind, t.names[x.tail].kind)
        for t in texts
        for x in t.labels
        if x.relation in index
    ]
    kinds = kind_table(pairs, len(relations))
    plain = Calibration((0.0,) * len(FEATURES), kinds)
    found = [drafts.draft(t.text, t.sentences) for t in tuning]
    features, right = [], []
    for text, drafted in zip(tuning, found, strict=True):
        things = named(text)
        gold = {(x.head, x.relation, x.tail) for x in text.labels}
        for d in drafted:
            if not known(text, relations[d.relation]):
                continue
            features.append(plain.features(d))
            right.append(mapped((d.subject, relations[d.relation], d.object), things) in gold)
    if not features:
        found_ = {"threshold": 1.0, "fullest": 1.0, "floor": 1.0}
        return {"features": FEATURES, "weights": plain.weights, **found_, "kinds": kinds}
    fitted = Calibration(fit(features, right), kinds)
    with_p = [[((d.subject, relations[d.relation], d.object), fitted.probability(d)) for d in f] for f in found]
    found_ = thresholds(tuning, with_p)
    return {"features": FEATURES, "weights": fitted.weights, **found_, "floor": FLOOR, "kinds": kinds}
