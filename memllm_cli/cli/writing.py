"""Which writer reads documents: for `ingest`, and for `eval write` each by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memllm_cli.cli.context import Context
from memllm_cli.errors import NotFound, UsageError

if TYPE_CHECKING:
    from memllm_cli.memory.relations import Relations
    from memllm_cli.runtime.writers import DocumentWriter

WRITERS = {
    "draft": "the drafter alone",
    "checked": "the drafter, and the trained model's word on each fact",
    "both": "the trained writer choosing among its drafts",
    "prompted": "a model with examples in its prompt choosing among the drafts",
    "alone": "the trained writer without drafts",
    "unbound": "the same without constraint",
    "free": "a model with examples in its prompt, without drafts",
}
BUILDS = ("f16", "q8_0", "q6_k", "q5_k_m", "q4_k_m", "q4_1", "q4_0")
DRAFTING = ("draft", "checked", "both", "prompted")
"""Those that use the drafter."""
SEQUENCES = 9
"""Sentences that a model without training writes about together, and one for what they share."""


def open_writer(state: Context, relations: Relations, kind: str, build: str = "") -> DocumentWriter:
    """A writer of `WRITERS`, for the relations of a memory, quantised as `build` instead of its own way.

    Raises UsageError, NotFound, ModelMissing.
    """
    if kind not in WRITERS:
        raise UsageError(f"There is no writer '{kind}'.", f"Writers: {', '.join(WRITERS)}")
    if build and build not in BUILDS:
        raise UsageError(f"There is no quantisation '{build}'.", f"Such as: {', '.join(BUILDS)}")
    if build and kind not in ("checked", "both", "alone", "unbound"):
        raise UsageError("--build is for the trained writer.", "Choose --writer checked, both, alone or unbound.")
    if kind == "free":
        from memllm_cli.runtime.write import CONTEXT, Named, SentenceWriter
        from memllm_cli.runtime.writers import Freely

        engine, _ = state.engine(sequences=SEQUENCES, context=CONTEXT)
        return Freely(SentenceWriter(engine, Named(relations)), relations)
    from memllm_cli.runtime.trained import Chosen, Free

    if kind in ("alone", "unbound"):
        if (trained := state.writer(relations, kind == "alone", build)) is None:
            raise NotFound("There is no trained writer.", "Train one: memllm train write --help")
        return Free(trained[0], relations)
    if (drafts := state.drafter(relations)) is None:
        raise NotFound("There is no drafter.", "Train one: memllm train draft --help")
    if kind == "draft":
        return drafts
    if kind == "checked":
        from memllm_cli.runtime.checked import Checked

        check, trained = state.check(), state.writer(relations, build=build)
        if check is None or trained is None:
            raise NotFound("There is no trained writer with a check.", "Fit one: memllm train fit judged.csv")
        return Checked(trained[0], drafts, check)
    chooser = state.prompted(relations) if kind == "prompted" else state.writer(relations, build=build)
    if chooser is None:
        raise NotFound("There is no trained writer.", "Train one: memllm train write --help")
    return Chosen(chooser[0], drafts, chooser[1])
