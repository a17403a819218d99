"""What a written triple's probability is, from its draft and from what the model made of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from memllm_cli.calibration.choice import FEATURES, Combination
from memllm_cli.calibration.logistic import fit
from memllm_cli.corpora.annotated import Annotated
from memllm_cli.corpora.score import Found as Triple
from memllm_cli.corpora.score import known, mapped, named, thresholds
from memllm_cli.errors import StorageError
from memllm_cli.evaluation.write import as_external, document
from memllm_cli.files import whole
from memllm_cli.memory.values.relations import Relations
from memllm_cli.writing.chosen import Chosen, scores_of


def combine(
    chosen: Chosen, relations: Relations, texts: Sequence[Annotated], progress: Callable[[int], None]
) -> dict[str, Any]:
    """Weights of `FEATURES` and thresholds, fitted on texts that were trained on by neither."""
    features: list[tuple[float, ...]] = []
    right: list[bool] = []
    rows: list[list[tuple[Triple, tuple[float, ...]]]] = []
    for i, text in enumerate(texts):
        things = named(text)
        gold = {(x.head, x.relation, x.tail) for x in text.labels}
        row = []
        for said, values in scores_of(chosen, document(text)):
            triple = as_external(said, relations)
            if known(text, triple[1]):
                features.append(values)
                right.append(mapped(triple, things) in gold)
                row.append((triple, values))
        rows.append(row)
        progress(i + 1)
    if not features:
        return {}
    fitted = Combination(fit(features, right))
    with_p = [[(triple, fitted.of(values)) for triple, values in row] for row in rows]
    return {"features": FEATURES, "weights": fitted.weights, **thresholds(texts, with_p)}


def stored(path: Path, format: str) -> dict[str, Any]:
    """What was fitted before for a format; nothing when nothing was."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")).get("combination", {}).get(format, {})
    return found


def store(path: Path, format: str, values: dict[str, Any]) -> None:
    """Put what was fitted into a configuration."""
    about = json.loads(path.read_text(encoding="utf-8"))
    about.setdefault("combination", {})[format] = values
    try:
        with whole(path) as part:
            part.write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            part.chmod(path.stat().st_mode & 0o777)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}", "Train into a folder of your own.") from error
