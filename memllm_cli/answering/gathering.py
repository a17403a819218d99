"""What memory has on a name, or what a document says: facts and quoted sentences, each with its place."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from memllm_cli.answering.requests import Request
from memllm_cli.memory.edit.evidence import Evidence
from memllm_cli.memory.history.facts import Fact
from memllm_cli.memory.search.find import Finder
from memllm_cli.memory.search.texts import Texts, confined
from memllm_cli.memory.views.about import about, summary
from memllm_cli.reading.standing import shown_of, standing, taken_back

MOST = 12
"""Facts that are listed."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """Lines for people, the facts among them, and where all of it stands."""

    lines: tuple[str, ...]
    facts: tuple[Fact, ...]
    evidence: tuple[Evidence, ...]


def gather(request: Request, finder: Finder, texts: Texts, within: Collection[int] | None = None) -> Gathered:
    """What there is; no lines when memory has nothing."""
    memory, day = finder.memory, finder.day
    snapshot = memory.snapshot
    documents = [
        d for d in sorted(confined(snapshot, [request.name.removeprefix("the ")])) if within is None or d in within
    ]
    if len(documents) == 1 and (request.kind == "summary" or not snapshot.called(request.name)):
        found, sentences = summary(memory, texts, documents[0])
    else:
        on_name = about(memory, texts, request.name, within)
        found, sentences = [f for g in on_name.groups for f in g.facts], list(on_name.sentences)
    facts = standing(found, snapshot, day, within)
    sentences = [e for e in sentences if not taken_back(memory, e.document, e.start, e.end, day)]
    evidence = {key: shown_of(places, within) for key, places in memory.evidence(facts[:MOST]).items()}
    lines = []
    for fact in facts[:MOST]:
        subject, relation, object_ = snapshot.texts(fact)
        places = evidence[fact.key]
        where = places[0].place if places else "stated by you" if fact.person else "imported"
        lines.append(f"{subject} | {relation}: {object_} ({where})")
    if len(facts) > MOST:
        lines.append(f"{len(facts) - MOST} more facts: memllm about")
    lines += [f"“{' '.join(e.said.split())}” ({e.place})" for e in sentences]
    shown = [e for f in facts[:MOST] for e in evidence[f.key][:1]] + sentences
    return Gathered(tuple(lines), tuple(facts), tuple(dict.fromkeys(shown)))
