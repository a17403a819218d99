"""`memllm about`: what memory has about a name, or what a document says, each line with its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from memllm_cli.app import App
from memllm_cli.cli.shown import AS_OF, days, moment, origin
from memllm_cli.errors import NotFound
from memllm_cli.serving.data import evidence_data, fact_data
from memllm_cli.terminal import count, safe

if TYPE_CHECKING:
    from memllm_cli.memory.edit.evidence import Evidence
    from memllm_cli.memory.edit.memory import Memory
    from memllm_cli.memory.history.facts import Fact

MOST = 40
"""Facts that are listed on a terminal."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("about")(about)


def about(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A name; or a document by its file name, path or title.")],
    as_of: AS_OF = None,
) -> None:
    """Show what memory has about a name: facts by relation, and the sentences that say most; of a document, its own.

    Every line says where it stands. Nothing is made up: sentences are quoted.

    Example: memllm about "Tallowick Design GmbH"
    """
    from memllm_cli.memory.search.texts import Texts, confined
    from memllm_cli.memory.views.about import about as look
    from memllm_cli.memory.views.about import summary

    state: App = context.obj
    memory = moment(state.memory(), as_of)
    texts = Texts(memory)
    found = look(memory, texts, name)
    documents = sorted(confined(memory.snapshot, [name]))
    if not found.groups and len(documents) == 1:
        facts, sentences = summary(memory, texts, documents[0])
        _document(state, memory, documents[0], facts, sentences)
        return
    if not found.groups and not found.sentences:
        raise NotFound(f"Memory has nothing about '{name}'.", f'Search: memllm query "{name}"')
    state.output.line(safe(" = ".join(found.names)))
    evidence = memory.evidence([f for g in found.groups for f in g.facts])
    data: list[dict[str, Any]] = []
    left = MOST
    for group in found.groups:
        state.output.line(f"  {safe(group.relation)}")
        for fact in group.facts:
            subject, _, object_ = memory.snapshot.texts(fact)
            if (left := left - 1) >= 0 or state.output.json:
                value = f"{subject if group.flipped else object_}{days(fact)}"
                state.output.line(f"    {safe(value)}   — {safe(origin(memory.snapshot, fact, evidence[fact.key]))}")
            data.append(fact_data(memory.snapshot, fact, evidence[fact.key]))
    if left < 0:
        state.output.note(f"{-left} more: memllm fact list, or --json")
    _sentences(state, found.sentences)
    state.output.data(
        {"names": list(found.names), "facts": data, "sentences": [evidence_data(e) for e in found.sentences]}
    )


def _document(state: App, memory: Memory, document: int, facts: list[Fact], sentences: list[Evidence]) -> None:
    row = memory.snapshot.history.documents[document]
    state.output.line(safe(f"{row.title}   — {row.uri}"))
    evidence = memory.evidence(facts)
    for fact in facts[:MOST]:
        subject, relation, object_ = memory.snapshot.texts(fact)
        where = origin(memory.snapshot, fact, evidence[fact.key])
        state.output.line(safe(f"  {subject} >> {relation} >> {object_}{days(fact)}   — {where}"))
    if len(facts) > MOST:
        state.output.note(f"{count(len(facts) - MOST, 'fact')} more: memllm source show {safe(row.title)}")
    _sentences(state, sentences)
    state.output.data(
        {
            "document": {"uri": row.uri, "title": row.title},
            "facts": [fact_data(memory.snapshot, f, evidence[f.key]) for f in facts],
            "sentences": [evidence_data(e) for e in sentences],
        }
    )


def _sentences(state: App, sentences: list[Evidence] | tuple[Evidence, ...]) -> None:
    for e in sentences:
        state.output.line(safe(f'  "{" ".join(e.said.split())}"   — {e.place}'))
