"""`memllm fact`: stating, asking, removing and listing facts by hand.

Needs no language model, but for what is stated as a question with its answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from memllm_cli.app import App
from memllm_cli.cli.fact_ask import get, history, list_, why
from memllm_cli.cli.shown import DRY_RUN, NOTE, day, opened, show_change
from memllm_cli.errors import NotFound, UsageError
from memllm_cli.serving.data import change_data
from memllm_cli.streams import piped
from memllm_cli.terminal import safe

if TYPE_CHECKING:
    from memllm_cli.memory.edit.change import Change
    from memllm_cli.memory.edit.memory import Memory
    from memllm_cli.memory.history.facts import Fact
    from memllm_cli.memory.history.snapshot import Snapshot
    from memllm_cli.types import Triple

Statement = Annotated[
    str,
    typer.Argument(
        help='"subject >> relation >> object"; - reads one a line. A trained reader takes "QUESTION? ANSWER".'
    ),
]
Pattern = Annotated[str, typer.Argument(help='"subject >> relation >> object"; an empty field stands for any.')]
From = Annotated[str | None, typer.Option("--from", help="Day, month or year it holds from.")]
To = Annotated[str | None, typer.Option("--to", help="Day, month or year it holds to.")]


def register(app: typer.Typer) -> None:
    """Add the group `fact`."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    group.callback()(_named)
    for name, function in (
        ("set", set_),
        ("add", add),
        ("get", get),
        ("rm", rm),
        ("list", list_),
        ("accept", accept),
        ("why", why),
        ("history", history),
    ):
        group.command(name)(function)
    app.add_typer(group, name="fact")


def _named(context: typer.Context) -> None:
    """State, ask, remove and list facts by hand.

    Example: memllm fact get "Freedonia >> capital >>"
    """
    context.obj.output.command = f"fact {context.invoked_subcommand}"


# -- stating ------------------------------------------------------------------------------------------------------


def set_(
    context: typer.Context,
    statement: Statement,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the other values too.")] = False,
    add: Annotated[bool, typer.Option("--add", help="Keep the other values.")] = False,
    valid_from: From = None,
    valid_to: To = None,
    note: NOTE = "",
    dry_run: DRY_RUN = False,
) -> None:
    """State a fact; what it contradicts is retracted, as the relation's cardinalities say.

    Example: memllm fact set "Rufus Town >> capital of >> Freedonia"
    """
    if replace and add:
        raise UsageError("--replace and --add exclude each other.", "Give one of them.")
    _state(
        context.obj, statement, "replace" if replace else "add" if add else "auto", valid_from, valid_to, note, dry_run
    )


def add(
    context: typer.Context,
    statement: Statement,
    valid_from: From = None,
    valid_to: To = None,
    note: NOTE = "",
    dry_run: DRY_RUN = False,
) -> None:
    """State a fact and retract nothing.

    Example: memllm fact add "Freedonia >> official language >> Freedonian"
    """
    _state(context.obj, statement, "add", valid_from, valid_to, note, dry_run)


def _state(
    state: App, statement: str, mode: str, valid_from: str | None, valid_to: str | None, note: str, dry_run: bool
) -> None:
    from contextlib import ExitStack

    from memllm_cli.memory.edit.statements import is_sayable

    stated = None if ">>" not in statement and "?" in statement else _statements(statement)
    for value in (v for t in stated or () for v in (t.subject, t.object)):
        if not is_sayable(value):
            raise UsageError(f"'{value}' is a variable, not a name.", "Write what it is instead.")
    begin, end = day(valid_from, "--from"), day(valid_to, "--to")
    if begin and end and begin[: len(end)] > end[: len(begin)]:
        raise UsageError(f"--from {begin} is after --to {end}.", "Exchange them.")
    with ExitStack() as stack:
        memory = opened(state, dry_run, stack)
        if stated is None:
            triple, question = _said(state, memory, statement)
            stated, note = [triple], note or question
        new = [name for t in stated if (name := _new_relation(state, memory, t.relation))]
        if len(stated) > 1 and not dry_run:
            stack.enter_context(memory.session())
        changes = [memory.set(t, mode, begin, end, note, dry_run, own=bool(new)) for t in stated]
        unread = list(_unread(memory, stated))
    new = list(dict.fromkeys(new))
    state.output.data({"changes": [change_data(c) for c in changes], "dry_run": dry_run, "new_relations": new})
    for name in new:
        state.output.note(f"'{safe(name)}' is a new relation; see: memllm relation list --from-documents")
    for change in changes:
        show_change(state, change, dry_run)
    for value, kind in unread:
        state.output.note(f"'{safe(value)}' is not read as {kind}: it is compared as it is written.")


def _unread(memory: Memory, stated: Sequence[Triple]) -> Iterator[tuple[str, str]]:
    """Values that are no value of the kind that their relation takes, with the name of that kind."""
    from memllm_cli.memory.values.literals import fits

    names = {"date": "a date", "money": "money", "duration": "a duration", "number": "a number"}
    for triple in stated:
        found = memory.snapshot.relations.find(triple.relation)
        value = triple.subject if found is not None and found[1] else triple.object
        if found is not None and not fits(value, found[0].object_type):
            yield value, names[found[0].object_type]


def _new_relation(state: App, memory: Memory, phrase: str) -> str:
    """The name of a relation that nothing is called yet, or "" for one that is known.

    One that may be a slip of the pen is asked about. Raises NotFound where nobody is there to say; nothing is stored.
    """

    def meant(near: str) -> bool:
        question = f"No relation is called '{phrase.strip()}', but '{near}' is. Make a new one?"
        return state.output.interactive and state.output.confirm(question)

    return memory.snapshot.relations.unknown(phrase, meant)


def _said(state: App, memory: Memory, text: str) -> tuple[Triple, str]:
    """A question with its answer, read by the model."""
    from memllm_cli.answering.answer import Answerer
    from memllm_cli.answering.edits import Editor

    format = state.reader()

    engine = format.engine
    try:
        return Editor(Answerer(engine, state.finder(memory), format=format)).read(text)
    finally:
        engine.close()


def _statements(text: str) -> list[Triple]:
    from memllm_cli.protocol.grammar import parse_statement

    if text != "-":
        return [parse_statement(text)]
    triples = []
    for number, line in enumerate(piped().split("\n"), 1):
        if line.strip():
            try:
                triples.append(parse_statement(line.strip()))
            except UsageError as error:
                raise UsageError(f"Line {number}: {error.message}. Nothing was stored.", error.hint) from error
    if not triples:
        raise UsageError("There is no statement on standard input.", "Write one a line: subject >> relation >> object")
    return triples


# -- removing and accepting -----------------------------------------------------------------------------------------


def rm(
    context: typer.Context,
    pattern: Pattern,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask when there are several.")] = False,
    note: NOTE = "",
    dry_run: DRY_RUN = False,
) -> None:
    """Remove facts for good: documents read later do not bring them back. Undo does.

    Example: memllm fact rm "Freedonia >> official language >>"
    """
    from memllm_cli.memory.views.query import facts_of

    state: App = context.obj
    memory = state.memory()
    snapshot = memory.snapshot
    facts = [f for proposed in (False, True) for f in facts_of(snapshot, pattern, proposed)]
    if not facts:
        raise NotFound(f"No fact matches '{pattern}'.", "See: memllm fact list")
    if len(facts) > 1 and not yes and not dry_run:
        if not state.output.interactive:
            raise UsageError(f"{len(facts)} facts match '{pattern}'.", "Look with --dry-run, then remove with --yes.")
        for fact in facts[:20]:
            state.output.note(f"- {safe(' >> '.join(snapshot.texts(fact)))}")
        if not state.output.confirm(f"Remove these {len(facts)} facts?"):
            state.output.note("nothing was removed")
            return
    change = memory.remove([f.key for f in facts], note, dry_run)
    show_removed(state, snapshot, facts, change, dry_run)


def show_removed(state: App, snapshot: Snapshot, facts: Sequence[Fact], change: Change, dry_run: bool) -> None:
    """Like `show_change`, with the proposals that went, which reads never saw."""
    proposals = [snapshot.texts(f) for f in facts if f.proposed]
    for texts in proposals:
        state.output.line(f"[red]- {safe(' >> '.join(texts))}[/red]  [dim](proposed)[/dim]")
    data = change_data(change) | {"proposals": [list(t) for t in proposals], "dry_run": dry_run}
    state.output.data(data)
    if change.before or change.after or not proposals:
        show_change(state, change, dry_run)
    elif not dry_run:
        state.output.note(f"operation {change.operation}; undo with: memllm undo {change.operation}")


def accept(context: typer.Context, pattern: Pattern, note: NOTE = "") -> None:
    """Turn proposals into facts, as your own statement.

    Example: memllm fact accept "Harbour Lease >> >>"
    """
    from memllm_cli.memory.views.query import facts_of

    state: App = context.obj
    memory = state.memory()
    facts = facts_of(memory.snapshot, pattern, proposed=True)
    if not facts:
        raise NotFound(f"No proposal matches '{pattern}'.", "See: memllm fact list --proposed")
    change = memory.accept([f.key for f in facts], note)
    state.output.data(change_data(change))
    show_change(state, change)
