"""What every command needs, made when it is first asked for: home, settings, memory, models."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from memllm_cli.config import Setting, setting
from memllm_cli.errors import ModelMissing
from memllm_cli.paths import Home, find_home, lay_out, storage_error
from memllm_cli.terminal import Output, interrupts_held, safe

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.progress import Progress, TaskID

    from memllm_cli.embed.base import Embedder
    from memllm_cli.engine.base import Engine
    from memllm_cli.memory.find import Finder
    from memllm_cli.memory.relations import Relations
    from memllm_cli.memory.store import Memory
    from memllm_cli.runtime.checked import Check
    from memllm_cli.runtime.models import Catalog, Entry
    from memllm_cli.runtime.reads import ReadFormat
    from memllm_cli.runtime.stream import StreamWriter
    from memllm_cli.runtime.trained import Combination
    from memllm_cli.runtime.writers import Drafts


class Interrupted(BaseException):
    """Ctrl-C, with a line on what it left. No KeyboardInterrupt: that one's text gets lost on the way out of typer."""


@dataclass(slots=True)
class Context:
    """Options given before the command, and what follows from them. Nothing heavy is imported until used."""

    output: Output = field(default_factory=Output)
    home_option: Path | None = None
    kb_option: str | None = None
    model_option: str | None = None
    encoder_option: str | None = None
    _home: Home | None = None

    @property
    def home(self) -> Home:
        """The home that applies."""
        if self._home is None:
            self._home = find_home(self.home_option)
        return self._home

    def setting(self, name: str) -> Setting:
        """A setting with its origin; `kb`, `model`, `encoder` can be given as options."""
        option = {"kb": self.kb_option, "model": self.model_option, "encoder": self.encoder_option}.get(name)
        try:
            return setting(self.home, name, option)
        except OSError as error:
            raise storage_error(self.home.settings, error) from error

    def memory(self, create: bool = False) -> Memory:
        """The knowledge base in use; with `create` it is made if it is not there yet, else NotFound is raised."""
        from memllm_cli.memory.store import Memory

        memory = Memory(self.home.knowledge_base(self.setting("kb").value))
        memory.database.waiting = lambda holder: self.output.note(f"waiting for {safe(holder)}…")
        memory.database.notice = lambda text: self.output.note(f"[yellow]{safe(text)}[/yellow]; see: memllm doctor")
        if create:
            if not memory.database.exists():
                lay_out(self.home)
            if memory.create(self.home.shipped("kb/relations.csv")):
                self.output.note(f"new knowledge base '{safe(memory.name)}' in {safe(str(memory.database.folder))}")
        else:
            memory.require()
        return memory

    def catalog(self) -> Catalog:
        """The models of the home."""
        from memllm_cli.runtime.models import Catalog

        return Catalog(self.home)

    def encoder(self) -> Embedder:
        """The encoder in use: what the knowledge base recorded outranks everything but the option."""
        name = self.setting("encoder").value
        if self.encoder_option is None:
            recorded = self.memory().snapshot.encoder
            name = recorded or name
        with interrupts_held():  # llama.cpp calls back into Python while it loads; an exception would be lost there
            return self.catalog().open_encoder(name, lambda text: self.output.note(safe(text)))

    def finder(self, memory: Memory) -> Finder:
        """Finds facts in a memory; the encoder is loaded only when a name is not found exactly."""
        from memllm_cli.memory.find import Finder

        finder = Finder(memory, self.encoder)
        finder.progress = self._encoding()
        return finder

    def _encoding(self) -> Callable[[int, int], None]:
        """Shows how far the encoding of new names is, where there are many and somebody looks."""
        bars: list[tuple[Progress, TaskID]] = []

        def show(done: int, total: int) -> None:
            if self.output.quiet or self.output.json or not self.output.err.is_terminal:
                return
            if not bars and done < total:
                from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

                columns = (TextColumn("encoding names"), BarColumn(bar_width=24), TimeRemainingColumn())
                bar = Progress(*columns, console=self.output.err, transient=True)
                bar.start()
                bars.append((bar, bar.add_task("", total=total)))
            for bar, task in bars:
                bar.update(task, completed=done)
                if done >= total:
                    bar.stop()
            if done >= total:
                bars.clear()

        return show

    def engine(self, sequences: int = 1, context: int = 2048) -> tuple[Engine, Entry | None]:
        """The language model in use."""
        name = self.setting("model").value
        with interrupts_held():
            return self.catalog().open_engine(
                name, lambda text: self.output.note(safe(text)), context=context, sequences=sequences
            )

    def reader(self, context: int = 2048) -> tuple[Engine, ReadFormat]:
        """The language model in use to answer with, and how it reads.

        The default model comes with the adapter in use, if that was trained to read.
        """
        from memllm_cli.runtime.reads import Examples, Trained
        from memllm_cli.runtime.wanted import read_weights

        catalog = self.catalog()
        own = self.setting("model").value not in ("", catalog.default)
        entry = None if own else catalog.adapted(self.setting("adapter").value)
        if entry is None or "read" not in entry.tasks:
            engine, _ = self.engine(context=context)
            return engine, Examples(engine)
        with interrupts_held():
            built = catalog.made(entry, lambda text: self.output.note(safe(text)))
            engine = catalog.load(built, context, 1)
        return engine, Trained(engine, read_weights(catalog.source(entry).with_suffix(".json")))

    def drafter(self, relations: Relations) -> Drafts | None:
        """The drafter in use, for the relations of a memory; None when there is none."""
        from memllm_cli.runtime.drafters import open_drafter

        catalog = self.catalog()
        entry = catalog.drafting(self.setting("drafter").value)
        if entry is None:
            return None
        with interrupts_held():  # descriptions are always embedded by the encoder it was trained with
            return open_drafter(
                catalog, entry, relations, lambda text: self.output.note(safe(text)), lambda: catalog.open_encoder("")
            )

    def writer(
        self, relations: Relations, bound: bool = True, build: str = ""
    ) -> tuple[StreamWriter, Combination] | None:
        """The trained writer in use, for the relations of a memory; None when there is none.

        `build` is another quantisation than its own, to compare.
        """
        from memllm_cli.runtime.trained import open_writer

        catalog = self.catalog()
        entry = catalog.adapted(self.setting("adapter").value)
        if entry is None or "write" not in entry.tasks:
            return None
        if build and build != entry.build:
            entry = replace(entry, name=f"{entry.name}-{build}", build=build)
        with interrupts_held():
            return open_writer(catalog, entry, relations, lambda text: self.output.note(safe(text)), bound)

    def check(self) -> Check | None:
        """What was fitted for the adapter in use; None when there is none that writes, or nothing was fitted."""
        from memllm_cli.runtime.checked import read_check

        catalog = self.catalog()
        entry = catalog.adapted(self.setting("adapter").value)
        if entry is None or "write" not in entry.tasks:
            return None
        return read_check(catalog.source(entry).with_suffix(".json"))

    def prompted(self, relations: Relations) -> tuple[StreamWriter, Combination]:
        """The language model in use, to choose among drafts by examples in its prompt."""
        from memllm_cli.runtime.drafters import CONFIGURATION
        from memllm_cli.runtime.stream import Prompted
        from memllm_cli.runtime.trained import SEQUENCES, Combination, read_combination, spoken

        engine, _ = self.engine(SEQUENCES, 1024)
        catalog = self.catalog()
        entry = catalog.drafting(self.setting("drafter").value)
        writer = Prompted(engine, spoken(relations))
        path = catalog.source(entry).with_name(CONFIGURATION) if entry else None
        return writer, read_combination(path, writer.format) if path else Combination()

    def check_models(self) -> None:
        """Raise NotFound or ModelMissing for a model that cannot be meant, before anything else is done.

        Looks at names and whether a file is there; opens nothing. The encoder is looked at when `--encoder` was given.
        """
        catalog = self.catalog()
        name = self.setting("model").value or catalog.default
        if name not in catalog.entries and (name.endswith(".gguf") or "/" in name or os.sep in name):
            path = Path(name).expanduser()
            if not path.is_file():
                raise ModelMissing(f"There is no model file {path}.", "Check the path, or see: memllm model list")
        elif (entry := catalog.entry(name)).task != "generate":
            raise ModelMissing(f"{entry.name} is an encoder, not a language model.", "See: memllm model list")
        encoder = self.encoder_option
        if encoder and not encoder.startswith("st:") and (entry := catalog.entry(encoder)).task != "encode":
            raise ModelMissing(f"{entry.name} is not an encoder.", f"The default is: {catalog.encoder}")
