"""`memllm relation`: the relations a knowledge base knows, adding one's own, changing them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memllm_cli.app import App
from memllm_cli.errors import UsageError

if TYPE_CHECKING:
    from memllm_cli.memory.values.relations import Relation


def register(app: typer.Typer) -> None:
    """Add the group `relation`."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    group.callback()(_named)
    group.command("list")(list_)
    group.command("add")(add)
    group.command("alias")(alias)
    group.command("set")(set_)
    group.command("rename")(rename)
    group.command("join")(join)
    group.command("duplicates")(duplicates)
    app.add_typer(group, name="relation")


def _named(context: typer.Context) -> None:
    """List relations, add your own, change them.

    Example: memllm relation list capital
    """
    context.obj.output.command = f"relation {context.invoked_subcommand}"


def list_(
    context: typer.Context,
    text: Annotated[str, typer.Argument(help="Only those with this in a name, alias, domain or description.")] = "",
    from_documents: Annotated[
        bool, typer.Option("--from-documents", help="Those made from the words of documents and of your facts.")
    ] = False,
) -> None:
    """List the relations: name, the way to say it from the other side, how many values, type of object.

    Example: memllm relation list capital
    """
    from memllm_cli.memory.edit.memory import Memory
    from memllm_cli.memory.values.relations import read_table

    state: App = context.obj
    memory = Memory(state.home.knowledge_base(state.setting("kb").value))
    if memory.database.exists():
        relations = list(memory.snapshot.relations.by_id.values())
    else:  # those a new knowledge base starts with
        relations = read_table(state.home.shipped("kb/relations.csv"))
    wanted = text.casefold()
    shown = [r for r in relations if any(wanted in part.casefold() for part in _texts(r))]
    if from_documents:
        shown = [r for r in shown if r.is_own]
    state.output.table(
        ("relation", "inverse", "values", "object", "aliases", "description"),
        [(r.name, r.inverse, _values(r), r.object_type, ", ".join(r.aliases), r.description) for r in shown],
    )
    state.output.data([_data(r) for r in shown])
    if not shown:
        state.output.note("nothing matches")


def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name, as between subject and object.")],
    inverse: Annotated[str, typer.Option(help="The way to say it from the object's side.")] = "",
    alias: Annotated[list[str] | None, typer.Option(help="Another way to say it; can be repeated.")] = None,
    description: Annotated[str, typer.Option(help="What it means, in a phrase.")] = "",
    one_object: Annotated[bool, typer.Option("--one-object", help="A subject has one object at a time.")] = False,
    one_subject: Annotated[bool, typer.Option("--one-subject", help="An object has one subject at a time.")] = False,
    type_: Annotated[str, typer.Option("--type", help="entity, text, number, money, date or duration.")] = "entity",
    domain: Annotated[str, typer.Option(help="A word to group relations by.")] = "own",
) -> None:
    """Add a relation of your own to the knowledge base.

    Example: memllm relation add "mentor" --inverse "mentor of" --alias "is mentored by" --one-object
    """
    from memllm_cli.memory.values.literals import KINDS
    from memllm_cli.memory.values.names import normal
    from memllm_cli.memory.values.relations import Relation
    from memllm_cli.protocol.grammar import collapse, is_field

    state: App = context.obj
    name = collapse(name).strip()
    inverse = collapse(inverse).strip() or f"{name} of"
    aliases = tuple(collapse(a).strip() for a in alias or [])
    if type_ not in KINDS:
        raise UsageError(f"'{type_}' is no type of object.", f"Choose one of: {', '.join(KINDS)}")
    phrases = (name, inverse, *aliases)
    for phrase in phrases:
        if not is_field(phrase) or not normal(phrase):
            raise UsageError(
                f"'{phrase}' cannot be a relation's name: it is empty or holds one of ; > {{ }}.",
                "Choose plain words, for instance: memllm relation add mentor",
            )
    if len({normal(p) for p in phrases}) < len(phrases):
        raise UsageError("Two of the phrases are the same.", "Name, inverse and aliases must differ.")
    relation = Relation(
        0, name, inverse, aliases, collapse(description).strip(), one_subject, one_object, type_, domain
    )
    added = state.memory(create=True).relation(relation)
    state.output.table(("relation", "inverse", "values"), [(added.name, added.inverse, _values(added))])
    state.output.data(_data(added))


def alias(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A relation.")],
    aliases: Annotated[list[str], typer.Argument(help="Other ways to say it, in the same direction.")],
) -> None:
    """Give a relation more names. Undo takes them back.

    Example: memllm relation alias employer "works at"
    """
    _change(context.obj, name, alias=aliases)


def set_(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A relation.")],
    objects: Annotated[str, typer.Option(help="How many objects a subject has at a time: one or many.")] = "",
    subjects: Annotated[str, typer.Option(help="How many subjects an object has at a time: one or many.")] = "",
    inverse: Annotated[str, typer.Option(help="The way to say it from the object's side.")] = "",
    type_: Annotated[str, typer.Option("--type", help="entity, text, number, money, date or duration.")] = "",
    description: Annotated[str | None, typer.Option(help="What it means, in a phrase.")] = None,
) -> None:
    """Change a relation: cardinalities, inverse, type of object, description. What was stored stays as it is.

    Cardinalities decide what the next `set` replaces and what counts as a contradiction.

    Example: memllm relation set "head of state" --subjects one
    """
    for option, value in (("--objects", objects), ("--subjects", subjects)):
        if value not in ("", "one", "many"):
            raise UsageError(f"{option} is one or many, not '{value}'.", "Example: --objects one")
    if not (objects or subjects or inverse or type_ or description is not None):
        raise UsageError("There is nothing to change.", "See: memllm relation set --help")
    _change(context.obj, name, objects, subjects, inverse, type_, description)


Old = Annotated[str, typer.Argument(help="A relation.")]


def rename(context: typer.Context, name: Old, new: Annotated[str, typer.Argument(help="Its new name.")]) -> None:
    """Give a relation another name; the old one stays an alias. Undo takes it back.

    Example: memllm relation rename "Purpose of use" purpose
    """
    if not new.strip():
        raise UsageError("The new name is empty.", "Choose plain words.")
    _change(context.obj, name, new=new)


def join(
    context: typer.Context, name: Old, other: Annotated[str, typer.Argument(help="The relation it is the same as.")]
) -> None:
    """Make a relation one with another, which then has its names and its facts. Undo takes it back.

    Example: memllm relation join "is governed by the laws of" "governing law"
    """
    from memllm_cli.cli.shown import show_change
    from memllm_cli.serving.data import change_data

    state: App = context.obj
    memory = state.memory()
    change = memory.join(name, other)
    state.output.data(change_data(change))
    show_change(state, change)


def duplicates(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=0, help="At most so many; 0 for all.")] = 30,
) -> None:
    """Propose relations out of documents that may say the same, with the reason. Changes nothing.

    Example: memllm relation duplicates
    """
    from itertools import islice

    from memllm_cli.relation_words import alike
    from memllm_cli.terminal import safe

    state: App = context.obj
    snapshot = state.memory().snapshot
    with state.output.working("comparing relations"):
        found = alike(snapshot)
        shown = list(islice(found, limit)) if limit else list(found)
        more = next(found, None) is not None
    rows = [(p.first.name, p.second.name, p.reason) for p in shown]
    state.output.table(("relation", "may be", "because"), rows)
    state.output.data([{"first": a, "second": b, "reason": r} for a, b, r in rows])
    if not shown:
        state.output.note("no relation looks like another one")
    else:
        rest = "; more with --limit 0" if more else ""
        state.output.note(f'make one the other: memllm relation join "{safe(rows[0][0])}" "{safe(rows[0][1])}"{rest}')


def _change(
    state: App,
    name: str,
    objects: str = "",
    subjects: str = "",
    inverse: str = "",
    type_: str = "",
    description: str | None = None,
    alias: Sequence[str] = (),
    new: str = "",
) -> None:
    """Store another version of a relation."""
    from dataclasses import replace

    from memllm_cli.memory.values.literals import KINDS
    from memllm_cli.memory.values.names import normal
    from memllm_cli.protocol.grammar import collapse, is_field

    memory = state.memory(create=True)
    old, flipped = memory.snapshot.relations.get(name)
    if flipped and (alias or objects or subjects or inverse or new):
        raise UsageError(
            f"'{name}' is '{old.name}' seen from the other side.", f"Say it of that one: memllm relation … '{old.name}'"
        )
    if type_ and type_ not in KINDS:
        raise UsageError(f"'{type_}' is no type of object.", f"Choose one of: {', '.join(KINDS)}")
    if type_ and type_ != old.object_type and any(f.key[1] == old.id for f in memory.snapshot.facts(every=True)):
        raise UsageError(
            f"'{old.name}' has facts whose objects are of type {old.object_type}.",
            "Export and remove them first, then import them again.",
        )
    name = collapse(new).strip() or old.name
    kept = [a for a in (old.name, *old.aliases) if normal(a) != normal(name)]
    fresh = replace(
        old,
        name=name,
        inverse=collapse(inverse).strip() or old.inverse,
        aliases=(*kept, *(collapse(a).strip() for a in alias)),
        description=old.description if description is None else collapse(description).strip(),
        one_object=objects == "one" if objects else old.one_object,
        one_subject=subjects == "one" if subjects else old.one_subject,
        object_type=type_ or old.object_type,
    )
    phrases = [p for p, _ in fresh.phrases()]
    for phrase in phrases:
        if not is_field(phrase) or not normal(phrase):
            raise UsageError(f"'{phrase}' cannot be a relation's name.", "Choose plain words.")
    if len({normal(p) for p in phrases}) < len(phrases):
        raise UsageError("Two of its names would be the same.", "Name, inverse and aliases must differ.")
    changed = memory.relation(fresh)
    state.output.table(
        ("relation", "inverse", "values", "object", "aliases"),
        [(changed.name, changed.inverse, _values(changed), changed.object_type, ", ".join(changed.aliases))],
    )
    state.output.data(_data(changed))
    state.output.note(f"undo with: memllm undo {memory.snapshot.last_operation}")


def _texts(r: Relation) -> tuple[str, ...]:
    return (r.name, r.inverse, r.description, r.domain, *r.aliases)


def _values(r: Relation) -> str:
    return f"{'one' if r.one_subject else 'many'} to {'one' if r.one_object else 'many'}"


def _data(r: Relation) -> dict[str, Any]:
    return {
        "name": r.name,
        "inverse": r.inverse,
        "aliases": list(r.aliases),
        "description": r.description,
        "one_subject": r.one_subject,
        "one_object": r.one_object,
        "object_type": r.object_type,
        "domain": r.domain,
        "external": r.external,
        "from_documents": r.is_own,
    }
