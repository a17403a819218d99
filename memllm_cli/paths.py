"""Where things lie: the home, and what is in it.

A home holds `kb/` (knowledge bases), `models/` (model files) and `memllm.toml` (settings). It is found by
`--home`, then `MEMLLM_HOME`, then the nearest parent folder with the marker `kb/.memllm-home` (a checkout of the
project is a home), then the platform's user data folder. Creates nothing on its own.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from memllm_cli.errors import NotFound, StorageError, UsageError
from memllm_cli.files import whole

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
    """The home that applies here (see the module's text). Nothing needs to exist yet.

    Raises StorageError when the option or the variable names something that is no folder or cannot be looked at.
    """
    if option is not None:
        return Home(_usable(option), "--home")
    if value := os.environ.get("MEMLLM_HOME"):
        return Home(_usable(Path(value)), "MEMLLM_HOME")
    with suppress(FileNotFoundError):  # the current folder may have been deleted
        here = Path.cwd()
        for folder in (here, *here.parents):
            if os.path.isfile(folder / MARKER):
                return Home(folder, f"marker {MARKER.as_posix()}")
    import platformdirs

    return Home(Path(platformdirs.user_data_dir("memllm", appauthor=False)), "user data folder")


def _usable(path: Path) -> Path:
    """A home's absolute path: a folder, or nothing yet."""
    with _translated(path):
        root = path.expanduser().resolve()
        with suppress(FileNotFoundError):
            if not stat.S_ISDIR(root.stat().st_mode):
                raise NotADirectoryError
    return root


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """OSError and what Path makes of odd names as StorageError that says what to do."""
    try:
        yield
    except OSError as error:
        raise storage_error(path, error) from error
    except (RuntimeError, ValueError) as error:  # ~nobody, a loop of links, a zero byte
        raise StorageError(f"{path} cannot be used as a folder: {error}", _ELSEWHERE) from error


_ELSEWHERE = "Choose another folder: memllm --home FOLDER, or the variable MEMLLM_HOME"
_FULL = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))


def storage_error(path: Path, error: OSError) -> StorageError:
    """What the system said about a file or folder, with what to do about it."""
    where = Path(os.fsdecode(error.filename)) if isinstance(error.filename, (str, bytes)) else path
    if error.errno in _FULL:
        return StorageError(f"No space for {where}: {error.strerror}.", "Free some space and try again.")
    if isinstance(error, PermissionError):
        return StorageError(f"No permission for {where}.", f"Check who owns it. {_ELSEWHERE}")
    if isinstance(error, (NotADirectoryError, FileExistsError)):
        return StorageError(f"{where} is not a folder.", _ELSEWHERE)
    if isinstance(error, FileNotFoundError):
        return StorageError(f"{where} cannot be made there.", _ELSEWHERE)
    return StorageError(f"{where} cannot be used: {error.strerror or error}.", _ELSEWHERE)


def private_folder(path: Path) -> Path:
    """Create a folder, and the missing ones above it, that only the user may enter. Raises StorageError."""
    with _translated(path):
        if not path.is_dir():
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(0o700)
    return path


def lay_out(home: Home) -> list[Path]:
    """Create the home's tree with the files the program ships; returns what was new. Raises StorageError.

    A file appears complete or not at all.
    """
    made: list[Path] = []
    private_folder(home.root)
    for folder in (home.kb, home.models):
        private_folder(folder)
    for relative in SHIPPED:
        target = home.root / relative
        with _translated(target):
            if not target.exists():
                with whole(target) as part:
                    part.write_bytes(home.shipped(relative).read_bytes())
                made.append(target)
    marker = home.root / MARKER
    with _translated(marker):
        if not marker.exists():
            marker.touch()
            made.append(marker)
    return made
