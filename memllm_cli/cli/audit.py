"""`memllm stats --audit`: a person judges some facts, which says how many of a knowledge base are wrong."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

from memllm_cli.app import App
from memllm_cli.errors import NotFound, UsageError
from memllm_cli.terminal import count, safe

if TYPE_CHECKING:
    from memllm_cli.memory.history.facts import Key


def audit(state: App, many: int, seed: int) -> None:
    """Show facts drawn by seed with their sentences, ask right or wrong, keep the verdicts as one operation."""
    from memllm_cli.calibration.audit import interval, threshold
    from memllm_cli.writing.verdicts import KIND, verdicts

    memory = state.memory()
    snapshot = memory.snapshot
    facts = [f for f in snapshot.facts() if f.probability is not None and any(a.source for a in f.supports)]
    if not facts:
        raise NotFound("No fact comes from a document.", "Read some: memllm ingest FILE")
    if state.output.json or not state.output.interactive:
        raise UsageError("Facts are judged at a terminal.", "Run it there, without --json.")
    drawn = random.Random(seed).sample(sorted(facts, key=lambda f: f.key), min(many, len(facts)))
    evidence = memory.evidence(drawn)
    judged: list[tuple[float, bool]] = []
    wrong: list[Key] = []
    state.output.line("r right, w wrong, s skip, q stop")
    for number, fact in enumerate(drawn, 1):
        state.output.line(f"[bold]{number}. {safe(' >> '.join(snapshot.texts(fact)))}[/bold]")
        for e in evidence[fact.key][:2]:
            state.output.line(f'  "{safe(e.said)}"  [dim]{safe(e.place)}[/dim]')
        answer = state.output.ask("  r/w/s/q: ").lower()[:1]
        if answer == "q":
            break
        if answer in ("r", "w"):
            judged.append((fact.probability or 0.0, answer == "r"))
            wrong += [fact.key] if answer == "w" else []
    if not judged:
        state.output.line("nothing was judged")
        return
    change = memory.operate(KIND, lambda _: None, note=json.dumps(judged))
    low, high = interval(len(wrong), len(judged))
    share = 100 * len(wrong) / len(judged)
    state.output.line(
        f"{len(wrong)} of {len(judged)} wrong: {share:.0f} % (95 %: {100 * low:.0f} to {100 * high:.0f} %)"
    )
    least = threshold(verdicts(memory))
    if least is not None:
        state.output.line(f"from now on what prose states is a fact here from probability {least:.2f} on")
    if wrong and state.output.confirm(f"Remove {count(len(wrong), 'wrong fact')}?"):
        memory.remove(wrong, note="audit")
    state.output.note(f"kept as operation {change.operation}; take it back: memllm undo {change.operation}")
