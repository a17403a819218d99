"""The drafter, loaded: tuned encoder, heads, relations and calibration, for the relations of one memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from memllm_cli.calibration.drafter import Calibration
from memllm_cli.drafting.draft import Drafter
from memllm_cli.drafting.heads import Heads
from memllm_cli.embed.tokens import LlamaTokens
from memllm_cli.errors import DamagedError, NotFound
from memllm_cli.memory.values.relations import Relations
from memllm_cli.models.catalog import Catalog, Report
from memllm_cli.models.entry import Entry
from memllm_cli.pieces import Vocabulary
from memllm_cli.tensors import read_safetensors
from memllm_cli.types import Encoder
from memllm_cli.writing.drafts import Drafts

CONFIGURATION = "drafter.json"
MANY = 100
"""Relations one must have been trained on to say something about others: with few, everything looks like them."""


@dataclass(frozen=True, slots=True)
class _Configuration:
    names: tuple[str, ...]
    calibration: Calibration
    threshold: float
    floor: float
    fullest: float


def open_drafter(
    catalog: Catalog,
    entry: Entry,
    relations: Relations,
    report: Report = lambda _: None,
    encoder: Callable[[], Encoder] | None = None,
) -> Drafts:
    """Load a drafter for the relations of a memory.

    Relations it was trained on have their rows; a person's own get one from their description when `encoder` gives the
    encoder of descriptions, and so do others if it was trained on many. Raises ModelMissing, DamagedError.
    """
    built = catalog.built(entry) or catalog.build(entry, report)
    source = catalog.source(entry)
    known = _configuration(source.with_name(CONFIGURATION))
    weights = {k.removeprefix("heads."): v for k, v in read_safetensors(source).items() if k.startswith("heads.")}
    heads = Heads(weights)
    vectors = LlamaTokens(built.path)
    names, kept = [], []
    for i, name in enumerate(known.names):
        try:
            relations.get(name)
        except NotFound:
            continue  # this memory has no such relation
        names.append(name)
        kept.append(i)
    rows, bias = np.asarray(weights["rows"], np.float32)[kept], np.asarray(weights["bias"], np.float32)[kept]
    trained = set(known.names)
    many = len(trained) >= MANY
    added = [r for r in relations.by_id.values() if r.name not in trained and (many or not r.external)]
    if added and encoder is not None:
        described = encoder().embed([f"{r.name}: {r.description}" for r in added])
        more, offset = heads.rows(described)
        rows, bias = np.concatenate([rows, more]), np.concatenate([bias, offset])
        names += [r.name for r in added]
        kept += [-1] * len(added)
    kinds = [known.calibration.kinds[i] if i >= 0 else {} for i in kept]
    drafter = Drafter(vectors, Vocabulary(vectors.vocabulary), heads, rows, bias)
    calibration = Calibration(known.calibration.weights, kinds)
    return Drafts(drafter, names, calibration, relations, built.sha256, known.threshold, known.floor, known.fullest)


def external_ids(drafts: Drafts) -> list[str]:
    """The external id of each of a drafter's relations, in its order; empty for those that have none."""
    out = []
    for name in drafts.names:
        relation, flipped = drafts.relations.get(name)
        out.append(relation.external.split("|")[-1 if flipped else 0])
    return out


def trained_ids(catalog: Catalog, entry: Entry) -> frozenset[str]:
    """The relations a drafter was trained on, by external id."""
    path = catalog.source(entry).with_name(CONFIGURATION)
    return frozenset(str(r["external"]) for r in json.loads(path.read_text(encoding="utf-8"))["relations"])


def _configuration(path: Path) -> _Configuration:
    try:
        raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        calibration = raw["calibration"]
        return _Configuration(
            tuple(str(r["name"]) for r in raw["relations"]),
            Calibration(tuple(float(w) for w in calibration["weights"]), calibration["kinds"]),
            float(calibration["threshold"]),
            float(calibration["floor"]),
            float(calibration["fullest"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"{path} cannot be read: {error}", "Restore it from the package.") from error
