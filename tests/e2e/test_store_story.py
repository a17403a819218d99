"""Two overlapping documents, a correction, a merge, forgetting, and undoing it all in another order, by plain commands.

After every undo the canonical export is what the operations that are left give when they are done alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Home

pytestmark = pytest.mark.e2e
FIRST = (
    "The Harbour Lease\n\nThe landlord under the Harbour Lease is Harbour Estates Ltd. The tenant under the Harbour "
    "Lease is Acorn Trading Ltd. The monthly rent under the Harbour Lease is EUR 4,200.\n"
)
SECOND = (
    "A letter on the Harbour Lease\n\nThe tenant under the Harbour Lease is Acorn Trading Ltd. The deposit under the "
    "Harbour Lease is EUR 12,600.\n"
)


def export(home: Home, *more: str) -> str:
    done = home.run("export", "--canonical", "--proposed", *more)
    assert done.code == 0, done.err
    return done.out


def test_undo_in_any_order_leaves_what_is_left(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a-lease.txt").write_text(FIRST, encoding="utf-8")
    (folder / "b-letter.txt").write_text(SECOND, encoding="utf-8")
    lease, letter = str(folder / "a-lease.txt"), str(folder / "b-letter.txt")
    steps: list[tuple[str, ...]] = [
        ("ingest", "--fast", lease),
        ("ingest", "--fast", letter),
        ("fact", "set", "Harbour Lease >> monthly rent >> EUR 3,900"),
        ("fact", "set", "Acorn Trading >> industry >> tea"),
        ("entity", "merge", "Acorn Trading", "Acorn Trading Ltd"),
        ("source", "forget", "a-lease.txt"),
    ]

    def made(knowledge_base: str, which: list[int]) -> str:
        """The export when only these steps are done."""
        for i in which:
            done = home.run("--kb", knowledge_base, *steps[i])
            assert done.code == 0, (steps[i], done.err)
        return export(home, "--kb", knowledge_base)

    everything = list(range(len(steps)))
    assert made("all", everything)
    operations = [o["operation"] for o in home.run("--json", "--kb", "all", "log", "--limit", "0").data]
    numbers = dict(zip(everything, sorted(operations)[1:], strict=True))  # the first one made the knowledge base
    whole = export(home, "--kb", "all")
    assert "EUR 3,900" in whole
    assert "EUR 4,200" not in whole
    assert "Harbour Estates Ltd" not in whole, "forgotten, and nothing else says so"
    assert "Acorn Trading Ltd >> industry >> tea" in whole

    left, undone = everything, []
    for step in (2, 5, 0, 4):  # not the order they were done in
        assert home.run("--kb", "all", "undo", str(numbers[step])).code == 0
        left = [i for i in left if i != step]
        # Without the first ingest there is nothing to forget; what was never set cannot be merged.
        possible = [i for i in left if not (i == 5 and 0 not in left) and not (i == 4 and 3 not in left)]
        assert export(home, "--kb", "all") == made(f"only-{step}", possible), f"after undoing step {step}"
        newest = home.run("--json", "--kb", "all", "log", "--limit", "1").data[0]
        undone.append(newest["operation"])
    for operation in reversed(undone):  # and all the undos
        assert home.run("--kb", "all", "undo", str(operation)).code == 0
    assert export(home, "--kb", "all") == whole
    assert export(home, "--kb", "all", "--as-of", str(numbers[1])) == made("two", [0, 1])


def test_chains_of_corrections(bare: Home) -> None:
    for value in ("A", "B", "C"):
        assert bare.run("fact", "set", f"Freedonia >> capital >> {value}").code == 0
    assert bare.run("undo", "3").code == 0
    assert bare.facts() == {("Freedonia", "capital", "C")}
    assert bare.run("undo", "4").code == 0
    assert bare.facts() == {("Freedonia", "capital", "A")}


def test_prune_forgets_what_is_gone_and_purge_erases(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    for name, text in (("a.txt", FIRST), ("b.txt", SECOND)):
        (folder / name).write_text(text, encoding="utf-8")
    assert home.run("ingest", "--fast", str(folder)).code == 0
    before = export(home)
    (folder / "a.txt").unlink()
    told = home.run("--json", "ingest", "--fast", str(folder)).data
    assert "forgotten" not in told
    assert export(home) == before
    tried = home.run("--json", "ingest", "--fast", "--prune", "--dry-run", str(folder)).data
    assert [Path(f["path"]).name for f in tried["forgotten"]] == ["a.txt"]
    assert export(home) == before
    told = home.run("--json", "ingest", "--fast", "--prune", str(folder)).data
    assert [Path(f["path"]).name for f in told["forgotten"]] == ["a.txt"]
    assert "EUR 4,200" not in export(home)
    assert "Acorn Trading Ltd" in export(home), "the letter says so too"
    assert home.run("undo").code == 0
    assert export(home) == before

    refused = home.run("--no-input", "purge", "a.txt").refused(2)
    assert "cannot be undone" in refused
    assert home.run("purge", "a.txt", "--yes").code == 0
    assert "EUR 4,200" not in export(home)
    held = b"".join(p.read_bytes() for p in (home.root / "kb" / "default").iterdir())
    assert b"EUR 4,200" not in held
    assert b"Harbour Estates" not in held
    assert b"Acorn Trading" in held
    assert home.run("doctor").code == 0
