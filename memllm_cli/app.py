"""Opens everything from settings: memory, encoder, language model, drafter, writers, answerer.

What commands, chat, servers, benchmarks and tests start from. Nothing heavy is imported before it is opened.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from memllm_cli.config import Setting, setting
from memllm_cli.errors import ModelMissing, NotFound, UsageError
from memllm_cli.paths import Home, find_home, lay_out, storage_error
from memllm_cli.terminal import Output, interrupts_held, safe

if TYPE_CHECKING:
    from memllm_cli.answering.answer import Answerer
    from memllm_cli.answering.deciding import Decider
    from memllm_cli.answering.options import Options
    from memllm_cli.calibration.check import Check
    from memllm_cli.calibration.choice import Combination
    from memllm_cli.engine.base import Engine
    from memllm_cli.memory.edit.memory import Memory
    from memllm_cli.memory.search.find import Finder
    from memllm_cli.memory.values.relations import Relations
    from memllm_cli.models.catalog import Built, Catalog, Report
    from memllm_cli.models.entry import Entry
    from memllm_cli.reading.formats import ReadFormat
    from memllm_cli.types import Encoder
    from memllm_cli.writing.drafts import DocumentWriter, Drafts
    from memllm_cli.writing.extracts import Extracts
    from memllm_cli.writing.stream import StreamWriter

WRITERS = {
    "extract": "the extractor, and the drafter's names for relations",
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


@dataclass(slots=True)
class App:
    """Settings given as options, and what follows from them and from the home.

    `make_engine` (sequences, context) and `make_encoder` put other models in the place of those the settings name: a
    scripted engine, for instance. No model file is looked at then.
    """

    output: Output = field(default_factory=Output)
    home_option: Path | None = None
    kb_option: str | None = None
    model_option: str | None = None
    encoder_option: str | None = None
    make_engine: Callable[[int, int], Engine] | None = None
    make_encoder: Callable[[], Encoder] | None = None
    _home: Home | None = None

    # -- settings ---------------------------------------------------------------------------------------------------

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

    def person(self) -> str:
        """The name of who uses the program: as it was set, else the account's."""
        import getpass

        if name := self.setting("person").value:
            return name
        try:
            name = getpass.getuser()
            return name[:1].upper() + name[1:]
        except (KeyError, OSError, ImportError):  # nobody the system knows
            return "user"

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

    def _say(self, text: str) -> None:
        self.output.note(safe(text))

    # -- memory -----------------------------------------------------------------------------------------------------

    def unopened(self) -> Memory:
        """The knowledge base in use, whether it exists or not."""
        from memllm_cli.memory.edit.memory import Memory

        memory = Memory(self.home.knowledge_base(self.setting("kb").value))
        memory.database.lock.waiting = lambda holder: self.output.note(f"waiting for {safe(holder)}…")
        memory.database.notice = lambda text: self.output.note(f"[yellow]{safe(text)}[/yellow]; see: memllm doctor")
        return memory

    def memory(self, create: bool = False) -> Memory:
        """The knowledge base in use; with `create` it is made if it is not there yet, else NotFound is raised."""
        memory = self.unopened()
        if create:
            if not memory.database.exists():
                lay_out(self.home)
            if memory.create(self.home.shipped("kb/relations.csv")):
                self.output.note(f"new knowledge base '{safe(memory.name)}' in {safe(str(memory.database.folder))}")
        else:
            memory.require()
        return memory

    @contextmanager
    def scratch(self) -> Iterator[Memory]:
        """A new knowledge base in a temporary folder, with the relations of the home."""
        from tempfile import TemporaryDirectory

        from memllm_cli.memory.edit.memory import Memory

        with TemporaryDirectory(prefix="memllm-") as folder:
            memory = Memory(Path(folder) / "kb")
            memory.create(self.home.shipped("kb/relations.csv"))
            yield memory

    def finder(self, memory: Memory) -> Finder:
        """Finds facts in a memory; the encoder is loaded only when a name is not found exactly."""
        from memllm_cli.memory.search.find import Finder

        finder = Finder(memory, lambda: self.encoder(memory))
        finder.progress = self.output.bar("encoding names")
        return finder

    # -- models -----------------------------------------------------------------------------------------------------

    def catalog(self) -> Catalog:
        """The models of the home."""
        from memllm_cli.models.catalog import Catalog

        return Catalog(self.home)

    def load(self, built: Built, context: int, sequences: int = 1, gpu_layers: int = -1) -> Engine:
        """Load the file of a language model. Raises ModelMissing, MemllmError."""
        from memllm_cli.engine.llama import LlamaEngine

        entry = built.entry
        with interrupts_held():  # llama.cpp calls back into Python while it loads; an exception would be lost there
            return LlamaEngine(
                built.path,
                name=entry.name if entry else built.path.name,
                sha256=built.sha256,
                template=entry.template if entry else "",
                context=min(context, entry.context or context) if entry else context,
                sequences=sequences,
                gpu_layers=gpu_layers,
            )

    def engine(self, sequences: int = 1, context: int = 2048) -> Engine:
        """The language model in use, without an adapter."""
        if self.make_engine is not None:
            return self.make_engine(sequences, context)
        return self.open_engine(self.setting("model").value, context, sequences)

    def open_engine(self, name: str, context: int = 2048, sequences: int = 1) -> Engine:
        """A language model of the catalog (without a name the default), or any GGUF by its path."""
        with interrupts_held():
            ready = self.catalog().ready(name, self._say)
        if ready.entry is not None and ready.entry.task != "generate":
            raise ModelMissing(f"{ready.entry.name} is not a language model for talk.", "See: memllm model list")
        return self.load(ready, context, sequences)

    def encoder(self, memory: Memory | None = None) -> Encoder:
        """The encoder in use: what the knowledge base recorded outranks everything but the option."""
        if self.make_encoder is not None:
            return self.make_encoder()
        name = self.setting("encoder").value
        if self.encoder_option is None:
            name = (memory or self.memory()).snapshot.encoder or name
        return self.open_encoder(name)

    def open_encoder(self, name: str = "") -> Encoder:
        """An encoder of the catalog (without a name the default), or `st:NAME` through sentence-transformers."""
        with interrupts_held():
            if name.startswith("st:"):
                from memllm_cli.embed.sentence import SentenceEmbedder

                return SentenceEmbedder(name[3:])
            catalog = self.catalog()
            entry = catalog.entry(name or catalog.encoder)
            if entry.task != "encode":
                raise ModelMissing(f"{entry.name} is not an encoder.", f"The default is: {catalog.encoder}")
            from memllm_cli.embed.llama import LlamaEmbedder

            return LlamaEmbedder(catalog.made(entry, self._say).path, identity=entry.name)

    def adapter(self, task: str) -> Entry | None:
        """The adapter in use, if it was trained for a task (`write`, `read`)."""
        if self.make_engine is not None:
            return None
        entry = self.catalog().adapted(self.setting("adapter").value)
        return entry if entry is not None and task in entry.tasks else None

    # -- reading ----------------------------------------------------------------------------------------------------

    def reader(self, context: int = 2048) -> ReadFormat:
        """The language model in use to answer with, and how it reads.

        The default model comes with the adapter in use, if that was trained to read.
        """
        from memllm_cli.calibration.reads import read_weights
        from memllm_cli.protocol import asking
        from memllm_cli.reading.formats import Examples, Trained

        catalog = self.catalog()
        own = self.setting("model").value not in ("", catalog.default)
        entry = None if own else self.adapter("read")
        if entry is None:
            return Examples(self.engine(context=context))
        with interrupts_held():
            built = catalog.made(entry, self._say)
        path = catalog.source(entry).with_suffix(".json")
        return Trained(self.load(built, context), read_weights(path, asking.FORMAT))

    def decider(self) -> Decider | None:
        """The pointer in use, with what its scores mean; None when there is none, or what it was tuned from is missing.

        Raises DamagedError.
        """
        from memllm_cli.answering.deciding import Decider
        from memllm_cli.calibration.answers import read_answering
        from memllm_cli.pointing.open import open_pointer

        if self.make_engine is not None:
            return None
        catalog = self.catalog()
        entry = catalog.pointing(self.setting("pointer").value)
        if entry is None:
            return None
        try:
            with interrupts_held():
                pointer = open_pointer(catalog.source(entry), catalog.source_folder(catalog.entry(entry.base)))
        except ModelMissing as error:
            self.output.note(f"[yellow]{safe(error.message)}[/yellow] Texts are not read. {safe(error.hint)}")
            return None
        return Decider(pointer, read_answering(catalog.source(entry).with_suffix(".json")))

    def answerer(self, memory: Memory, options: Options | None = None, day: int | None = None) -> Answerer:
        """Answers from a memory with the models in use; facts must hold on `day` (an ordinal), if given."""
        from memllm_cli.answering.answer import Answerer

        finder = self.finder(memory)
        finder.day = day
        decider = self.decider()
        format = self.reader() if decider is None else None
        return Answerer(None, finder, options, format, decider, make=self.reader)

    # -- writing ----------------------------------------------------------------------------------------------------

    def drafter(self, relations: Relations) -> Drafts | None:
        """The drafter in use, for the relations of a memory; None when there is none."""
        entry = self.catalog().drafting(self.setting("drafter").value)
        return None if entry is None else self.open_drafter(entry, relations)

    def open_drafter(self, entry: Entry, relations: Relations, report: Report | None = None) -> Drafts:
        """A drafter, for the relations of a memory. Raises ModelMissing, DamagedError."""
        from memllm_cli.writing.open_drafter import open_drafter

        with interrupts_held():  # descriptions are always embedded by the encoder it was trained with
            return open_drafter(self.catalog(), entry, relations, report or self._say, self.open_encoder)

    def extracts(self, relations: Relations) -> Extracts | None:
        """The extractor in use, for the relations of a memory; None when there is none, or what it was tuned from is
        missing. Raises DamagedError.
        """
        from memllm_cli.calibration.extractor import read_extracting
        from memllm_cli.writing.extracts import Extracts
        from memllm_cli.writing.open_extractor import open_extractor

        if self.make_engine is not None:
            return None
        catalog = self.catalog()
        entry = catalog.extracting(self.setting("extractor").value)
        if entry is None:
            return None
        try:
            path = catalog.source(entry)
            with interrupts_held():
                extractor = open_extractor(path, catalog.source_folder(catalog.entry(entry.base)))
        except ModelMissing as error:
            self.output.note(f"[yellow]{safe(error.message)}[/yellow] Prose is read less well. {safe(error.hint)}")
            return None
        extracting = read_extracting(path.with_suffix(".json"))
        return Extracts(extractor, extracting, entry.sha256, relations, self.drafter(relations))

    def writer(
        self, relations: Relations, bound: bool = True, build: str = ""
    ) -> tuple[StreamWriter, Combination] | None:
        """The trained writer in use, for the relations of a memory; None when there is none.

        `build` is another quantisation than its own, to compare.
        """
        entry = self.adapter("write")
        if entry is None:
            return None
        if build and build != entry.build:
            entry = replace(entry, name=f"{entry.name}-{build}", build=build)
        return self.open_writer(entry, relations, bound=bound)

    def open_writer(
        self, entry: Entry, relations: Relations, report: Report | None = None, bound: bool = True
    ) -> tuple[StreamWriter, Combination]:
        """A trained writer, for the relations of a memory. Raises ModelMissing, DamagedError."""
        from memllm_cli.calibration.choice import read_combination
        from memllm_cli.protocol import written
        from memllm_cli.writing.chosen import SEQUENCES as TOGETHER
        from memllm_cli.writing.chosen import spoken
        from memllm_cli.writing.stream import LONGEST, StreamWriter

        catalog = self.catalog()
        with interrupts_held():
            built = catalog.made(entry, report or self._say)
        combination = read_combination(catalog.source(entry).with_suffix(".json"), written.FORMAT)
        return StreamWriter(self.load(built, LONGEST, TOGETHER), spoken(relations), bound), combination

    def prompted(self, relations: Relations) -> tuple[StreamWriter, Combination]:
        """The language model in use, to choose among drafts by examples in its prompt."""
        from memllm_cli.calibration.choice import Combination, read_combination
        from memllm_cli.writing.chosen import SEQUENCES as TOGETHER
        from memllm_cli.writing.chosen import spoken
        from memllm_cli.writing.open_drafter import CONFIGURATION
        from memllm_cli.writing.stream import Prompted

        catalog = self.catalog()
        entry = catalog.drafting(self.setting("drafter").value)
        writer = Prompted(self.engine(TOGETHER, 1024), spoken(relations))
        path = catalog.source(entry).with_name(CONFIGURATION) if entry else None
        return writer, read_combination(path, writer.format) if path else Combination()

    def check(self) -> Check | None:
        """What was fitted for the adapter in use; None when there is none that writes, or nothing was fitted."""
        from memllm_cli.calibration.check import read_check

        entry = self.adapter("write")
        return None if entry is None else read_check(self.catalog().source(entry).with_suffix(".json"))

    def document_writer(self, relations: Relations, kind: str, build: str = "") -> DocumentWriter:
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
            from memllm_cli.writing.drafts import Freely
            from memllm_cli.writing.sentences import CONTEXT, Named, SentenceWriter

            return Freely(SentenceWriter(self.engine(SEQUENCES, CONTEXT), Named(relations)), relations)
        from memllm_cli.writing.chosen import Chosen, Free

        if kind in ("alone", "unbound"):
            if (trained := self.writer(relations, kind == "alone", build)) is None:
                raise NotFound("There is no trained writer.", "Train one: memllm train write --help")
            return Free(trained[0], relations)
        if kind == "extract":
            if (extracts := self.extracts(relations)) is not None:
                return extracts
            kind = "checked" if self.check() is not None else "draft"
        if (drafts := self.drafter(relations)) is None:
            raise NotFound("There is no drafter.", "Train one: memllm train draft --help")
        if kind == "draft":
            return drafts
        if kind == "checked":
            from memllm_cli.writing.checked import Checked

            check, trained = self.check(), self.writer(relations, build=build)
            if check is None or trained is None:
                raise NotFound("There is no trained writer with a check.", "Fit one: memllm train fit judged.csv")
            return Checked(trained[0], drafts, check)
        chooser = self.prompted(relations) if kind == "prompted" else self.writer(relations, build=build)
        if chooser is None:
            raise NotFound("There is no trained writer.", "Train one: memllm train write --help")
        return Chosen(chooser[0], drafts, chooser[1])
