"""`memllm init`, `paths` and `stats`: where things lie and how much there is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from memllm_cli.app import App


def register(app: typer.Typer) -> None:
    """Add `init`, `paths` and `stats`."""
    app.command("init")(init)
    app.command("paths")(paths)
    app.command("stats")(stats)


def init(
    context: typer.Context,
    folder: Annotated[Path | None, typer.Argument(help="Folder to lay out; the home that applies without it.")] = None,
) -> None:
    """Lay out a home: folders for knowledge bases and models, the relations table, the model catalog.

    Example: memllm init ~/memllm
    """
    from memllm_cli.paths import Home, lay_out

    state: App = context.obj
    home = state.home if folder is None else Home(folder.expanduser().resolve(), "argument")
    made = lay_out(home)
    state.output.table(("new file",), [(str(p),) for p in made])
    state.output.data({"home": str(home.root), "new": [str(p) for p in made]})
    state.output.note("the home is complete" if made else "nothing to do: the home is complete")


def paths(context: typer.Context) -> None:
    """Show where everything lies and where each setting comes from.

    Example: memllm paths
    """
    from memllm_cli.config import DEFAULTS

    state: App = context.obj
    home = state.home
    settings = [state.setting(name) for name in DEFAULTS]
    kb = next(s for s in settings if s.name == "kb")
    rows = [
        ("home", str(home.root), home.origin),
        ("knowledge bases", str(home.kb), "home"),
        ("knowledge base in use", str(home.knowledge_base(kb.value)), kb.origin),
        ("models", str(home.models), "home"),
        ("settings", str(home.settings), "home" if home.settings.exists() else "home (not there yet)"),
        ("logs", str(home.logs), "home"),
        ("relations table", str(home.shipped("kb/relations.csv")), "shipped"),
        ("model catalog", str(home.shipped("models/catalog.toml")), "shipped"),
    ]
    state.output.table(
        ("what", "value", "from"), [*rows, *((s.name, s.value or "(by the model)", s.origin) for s in settings)]
    )
    state.output.data(
        {
            "paths": [{"name": n, "path": p, "origin": o} for n, p, o in rows],
            "settings": [{"name": s.name, "value": s.value, "origin": s.origin} for s in settings],
        }
    )


def stats(
    context: typer.Context,
    audit: Annotated[
        int, typer.Option(min=0, help="Show so many facts at random, to be judged right or wrong by you.")
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw.")] = 0,
) -> None:
    """Count what is in the knowledge base; with --audit find out how many of its facts are wrong.

    Example: memllm stats --audit 20
    """
    state: App = context.obj
    if audit:
        from memllm_cli.cli.audit import audit as judge

        judge(state, audit, seed)
        return
    memory = state.memory()
    snapshot = memory.snapshot
    facts = stated = proposals = said = 0
    entities: set[int] = set()
    relations: set[int] = set()
    with state.output.working("counting"):
        for fact in snapshot.facts(every=True):
            proposals += fact.proposed and fact.truth == "stated"
            said += fact.truth != "stated"
            entities.update((fact.key[0], fact.key[2]))
            if not fact.proposed:
                facts += 1
                stated += fact.person
                relations.add(fact.key[1])
    sizes = {p.name: p.stat().st_size for p in sorted(memory.database.folder.iterdir()) if p.is_file()}
    data = {
        "knowledge base": memory.name,
        "facts": facts,
        "stated by you": stated,
        "proposals": proposals,
        "said and not stated": said,
        "names and values": len(entities),
        "relations used": len(relations),
        "relations": len(snapshot.relations),
        "documents": len(snapshot.documents()),
        "operations": snapshot.history.counts[0],
        "undone": len(snapshot.undone),
        "encoder": snapshot.encoder or "none yet",
        "bytes": sum(sizes.values()),
    }
    files = [(f"file {n}", f"{s / 1e6:.2f} MB") for n, s in sizes.items() if s]
    state.output.table(("what", "how many"), [*((k, str(v)) for k, v in data.items()), *files])
    state.output.data({k.replace(" ", "_"): v for k, v in data.items()} | {"files": sizes})
