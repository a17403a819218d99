"""Where things lie: the home, and what is in it.

A home holds `kb/` (knowledge bases), `models/` (model files) and `memllm.toml` (settings). It is found by
`--home`, then `MEMLLM_HOME`, then the nearest parent folder with the marker `kb/.memllm-home` (a checkout of the
project is a home), then the platform's user data folder. Creates nothing on its own.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from memllm_cli.errors import NotFound, UsageError

MARKER = Path("kb") / ".memllm-home"
SHIPPED = ("kb/README.md", "kb/relations.csv", "models/README.md", "models/catalog.toml")


@dataclass(frozen=True, slots=True)
class Home:
    """One home; `origin` says what decided on it."""

    root: Path
    origin: str

    @property
    def kb(self) -> Path:
        """Folder of knowledge bases, one subfolder each."""
        return self.root / "kb"

    @property
    def models(self) -> Path:
        """Folder of model files."""
        return self.root / "models"

    @property
    def settings(self) -> Path:
        """The settings file; may be absent."""
        return self.root / "memllm.toml"

    @property
    def logs(self) -> Path:
        """Folder of tracebacks and logs."""
        return self.root / "logs"

    def knowledge_base(self, name: str) -> Path:
        """Folder of one knowledge base. Raises UsageError when `name` is no plain name."""
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
            raise UsageError(
                f"'{name}' cannot be the name of a knowledge base.",
                "Use letters, digits, '.', '_' and '-'; for instance --kb contracts",
            )
        if name == "demo":
            raise UsageError("'demo' is the folder of the demo's documents.", "Choose another name: --kb my-demo")
        return self.kb / name

    def shipped(self, relative: str) -> Path:
        """A file that comes with the program: the home's copy if there is one, else the installed one."""
        own = self.root / relative
        if own.is_file():
            return own
        from importlib import resources

        installed = Path(str(resources.files("memllm_cli"))) / "home" / relative
        checkout = Path(__file__).resolve().parent.parent / relative
        for path in (installed, checkout):
            if path.is_file():
                return path
        raise NotFound(f"{relative} is missing from {self.root}.", "Run: memllm init")


def find_home(option: Path | None = None) -> Home:
    """The home that applies here (see the module's text). Nothing needs to exist yet."""
    if option is not None:
        return Home(option.expanduser().resolve(), "--home")
    if value := os.environ.get("MEMLLM_HOME"):
        return Home(Path(value).expanduser().resolve(), "MEMLLM_HOME")
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / MARKER).is_file():
            return Home(folder, f"marker {MARKER.as_posix()}")
    import platformdirs

    return Home(Path(platformdirs.user_data_dir("memllm", appauthor=False)), "user data folder")


def private_folder(path: Path) -> Path:
    """Create a folder, and the missing ones above it, that only the user may enter."""
    if not path.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o700)
    return path


def lay_out(home: Home) -> list[Path]:
    """Create the home's tree with the files the program ships; returns what was new."""
    made: list[Path] = []
    private_folder(home.root)
    for folder in (home.kb, home.models):
        private_folder(folder)
    for relative in SHIPPED:
        target = home.root / relative
        if not target.exists():
            target.write_bytes(home.shipped(relative).read_bytes())
            made.append(target)
    marker = home.root / MARKER
    if not marker.exists():
        marker.touch()
        made.append(marker)
    return made
