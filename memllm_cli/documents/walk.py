"""Finding the files to read: folders walked in order, without loops, links out of the tree, or junk."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from memllm_cli.documents.base import DEFAULT_LIMITS, MB, Found, Limits, Skipped
from memllm_cli.documents.clean import one_line
from memllm_cli.documents.readers import by_suffix
from memllm_cli.errors import NotFound
from memllm_cli.terminal import count

_JUNK = frozenset(
    (
        "node_modules",
        "__pycache__",
        "site-packages",
        "__MACOSX",
        "venv",
        "env.bak",
        "Thumbs.db",
        "desktop.ini",
    )
)
UNKNOWN_KIND = "not a kind of file memllm reads"
BROKEN = "a link to a file that is not there"


def too_large(size: int, limit: int) -> str:
    """The clause that both `find` and `read` use for a file over its limit."""
    # Rounded up: a file just over its limit is not as large as it.
    return f"larger than {limit // MB} MB ({-(-size // MB):,} MB)" if limit >= MB else f"larger than {limit} bytes"


def find(paths: Sequence[Path], limits: Limits = DEFAULT_LIMITS) -> Found:
    """The readable files under `paths`: those in order as given, each folder's content sorted, none twice.

    Named files are taken whatever their suffix; in folders other suffixes are listed as skipped, hidden entries
    and junk (node_modules, __pycache__ …) are left out silently. Raises NotFound for a path that does not exist.
    """
    walk = _Walk(limits)
    for path in paths:
        try:
            mode = path.stat().st_mode
        except (FileNotFoundError, NotADirectoryError, ValueError):
            if path.is_symlink():
                raise NotFound(f"{one_line(str(path))} is {BROKEN}", "name the file itself") from None
            raise NotFound(f"no such file or folder: {one_line(str(path))}", "check the path, or quote it") from None
        except OSError as error:
            walk.skip(path, _reason(error))
            continue
        if stat.S_ISDIR(mode):
            walk.folder(path)
        else:
            walk.file(path, named=True)
    return Found(tuple(walk.files), tuple(walk.skipped))


def _reason(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "permission denied"
    return one_line(error.strerror or "cannot be opened")


class _Walk:
    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.files: list[Path] = []
        self.skipped: list[Skipped] = []
        self._pictures = shutil.which("tesseract") is not None
        self._seen_files: set[str] = set()
        self._seen_folders: set[str] = set()

    def skip(self, path: Path, reason: str) -> None:
        self.skipped.append(Skipped(path, reason))

    def file(self, path: Path, *, named: bool) -> None:
        """Take one file, or say why not."""
        reader = by_suffix(path.suffix)
        if reader is None and not named:
            self.skip(path, UNKNOWN_KIND)
            return
        if not named and reader is not None and reader.module == "ocr" and not self._pictures:
            self.skip(path, "a picture, and Tesseract is not installed")
            return
        try:
            info = path.stat()
            real = os.path.realpath(path)
        except OSError as error:
            self.skip(path, _reason(error))
            return
        limit = self.limits.bytes_for(reader is not None and bool(reader.magic))
        if real in self._seen_files:
            return
        if not stat.S_ISREG(info.st_mode):
            self.skip(path, "not a regular file")
        elif info.st_size > limit and not (named and reader is None and info.st_size <= self.limits.pdf_bytes):
            # A named file without a suffix may turn out to be a PDF; `read` looks.
            self.skip(path, too_large(info.st_size, limit))
        else:
            self._seen_files.add(real)
            self.files.append(path)

    def folder(self, root: Path) -> None:
        """Take what is under one folder; links to files inside it come after the files themselves."""
        first = len(self.files)
        links: list[Path] = []
        top = os.path.realpath(root)
        for path in self._under(root, links):
            self.file(path, named=False)
        for path in links:
            real = os.path.realpath(path)
            if not os.path.exists(real):
                self.skip(path, BROKEN)
            elif not Path(real).is_relative_to(top):
                self.skip(path, "a link out of the folder")
            elif real not in self._seen_files and Path(real).is_file():
                self.file(path, named=False)
        # Parts, not strings: "a/x" comes before "a.txt" no more than a file manager would have it.
        self.files[first:] = sorted(self.files[first:], key=lambda p: p.parts)

    def _under(self, root: Path, links: list[Path]) -> Iterator[Path]:
        """Regular entries under `root`, depth first, sorted; links are put aside."""
        stack: list[tuple[Path, int]] = [(root, 0)]
        entries = 0
        while stack:
            folder, depth = stack.pop()
            real = os.path.realpath(folder)
            if real in self._seen_folders:
                continue
            self._seen_folders.add(real)
            names: list[tuple[str, bool, bool]] = []
            try:
                with os.scandir(folder) as listing:
                    for entry in listing:
                        if entry.name.startswith(".") or entry.name in _JUNK:
                            continue
                        entries += 1
                        if entries > self.limits.files:
                            break
                        names.append((entry.name, entry.is_symlink(), entry.is_dir(follow_symlinks=False)))
            except OSError as error:
                self.skip(folder, _reason(error))
                continue
            below: list[tuple[Path, int]] = []
            for name, is_link, is_folder in sorted(names):
                path = folder / name
                if is_link:
                    links.append(path)
                elif not is_folder:
                    yield path
                elif depth + 1 > self.limits.depth:
                    self.skip(path, f"more than {count(self.limits.depth, 'folder')} deep")
                else:
                    below.append((path, depth + 1))
            stack.extend(reversed(below))
            if entries > self.limits.files:
                self.skip(root, f"more than {self.limits.files:,} files; the rest was left out")
                return
