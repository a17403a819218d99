"""The package as a library: its public names, what they return and raise, and the example of its page."""

from __future__ import annotations

import functools
import inspect
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import memllm_cli
from memllm_cli import MemllmError, Memory, NotFound, Triple, UsageError, errors
from memllm_cli.answering.deciding import Decider
from memllm_cli.app import App
from memllm_cli.calibration.answers import Answering
from memllm_cli.engine.scripted import ScriptedEngine
from tests.answering.test_pointed import Told
from tests.cli.conftest import Letters

ROOT = Path(memllm_cli.__file__).parent.parent
LEASE = "# Quay Lease\n\nTenant: Ferrow Looms Ltd\n\nNotice period: three months\n"
IN_FRESH = """
import sys
import memllm_cli
heavy = [n for n in sys.argv[1].split() if n in sys.modules]
ours = [n for n in sys.modules if n.startswith("memllm_cli.")]
public = [n for n in vars(memllm_cli) if not n.startswith("_")]
assert not heavy and not ours and not public, (heavy, ours, public)
memllm_cli.Memory, memllm_cli.Answer, memllm_cli.NotFound
print([n for n in sys.argv[1].split() if n in sys.modules])
"""


def settings(home: Path) -> App:
    def engine(sequences: int, context: int) -> ScriptedEngine:
        return ScriptedEngine(lambda text: " I made this up.", context=4096, sequences=sequences)

    return App(home_option=home, make_engine=engine, make_encoder=Letters)


@pytest.fixture
def lease(tmp_path: Path) -> Iterator[Memory]:
    path = tmp_path / "lease.md"
    path.write_text(LEASE, encoding="utf-8")
    with Memory.of(settings(tmp_path / "home")) as memory:
        memory.ingest(path, structure=True)
        yield memory


def test_importing_the_package_loads_nothing_and_its_names_nothing_heavy() -> None:
    heavy = "duckdb numpy llama_cpp prompt_toolkit hnswlib gguf pypdfium2 bs4 torch rich.console typer"
    done = subprocess.run([sys.executable, "-c", IN_FRESH, heavy], capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_public_names_are_there_and_documented() -> None:
    assert dir(memllm_cli) == sorted(memllm_cli.__all__)
    for name in memllm_cli.__all__:
        value = getattr(memllm_cli, name)
        if name == "__version__":
            continue
        assert inspect.getdoc(value), name
        for method, function in inspect.getmembers(value, inspect.isfunction):
            assert method.startswith("_") or inspect.getdoc(function), f"{name}.{method}"
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        _ = memllm_cli.nothing_of_the_kind  # type: ignore[attr-defined]


def test_every_error_is_public() -> None:
    raised = {n for n, v in vars(errors).items() if inspect.isclass(v) and issubclass(v, MemllmError)}
    assert raised <= set(memllm_cli.__all__)


def test_the_page_names_what_is_public() -> None:
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    methods = [n for n, _ in inspect.getmembers(Memory, inspect.isfunction) if not n.startswith("_")]
    assert [n for n in methods if not re.search(rf"\b{n}\b", page)] == []


def test_the_example_of_the_page_runs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    example, output = re.findall(r"```(?:python|text)\n(.*?)```", page, re.DOTALL)
    made = settings(Path())
    models: Callable[..., App] = functools.partial(App, make_engine=made.make_engine, make_encoder=made.make_encoder)
    monkeypatch.setattr("memllm_cli.api.memory.App", models)
    exec(compile(example, "docs/python.md", "exec"), {})
    assert capsys.readouterr().out == output


def test_an_answer_says_what_it_rests_on(lease: Memory) -> None:
    answer = lease.ask("What is the notice period of the Quay Lease?")
    assert (answer.answer, answer.outcome, str(answer)) == ("three months", "fact", answer.said)
    assert [(e.place, e.said) for e in answer.evidence] == [("lease.md, line 5", "Notice period: three months")]
    assert [f.triple for f in answer.facts] == [Triple("Quay Lease", "notice period", "three months")]
    assert answer.reads[0].query.subject == "Quay Lease"
    assert answer.reads[0].facts == answer.facts


def test_what_memory_has_not_is_no_answer(lease: Memory) -> None:
    answer = lease.ask("What is the capital of Atlantis?")
    assert (answer.answer, answer.outcome, answer.evidence) == ("", "nothing", ())


def test_a_question_is_confined_to_documents(lease: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    told, answering = Told(blue=3.0, green=2.0), Answering((0.0, 1.0, 0.0, 0.0, 0.0), 0.5)
    monkeypatch.setattr(App, "decider", lambda self: Decider(told, answering))  # type: ignore[arg-type]
    for colour in ("blue", "green"):
        lease.ingest_text(f"The doors of the mill are {colour} on all sides.", f"{colour}.txt", structure=True)
    answers = {d: lease.ask("What colour are the doors of the mill?", in_=d) for d in ("blue.txt", "green.txt")}
    assert {d: (a.answer, a.outcome) for d, a in answers.items()} == {
        "blue.txt": ("blue", "text"),
        "green.txt": ("green", "text"),
    }
    assert answers["green.txt"].evidence[0].said == "The doors of the mill are green on all sides."
    assert answers["green.txt"].probability == pytest.approx(0.8808, abs=1e-4)
    with pytest.raises(NotFound, match=r"other\.md"):
        lease.ask("What colour are the doors?", in_=["lease.md", "other.md"])


def test_a_correction_is_undone(lease: Memory) -> None:
    three, six = (Triple("Quay Lease", "notice period", f"{n} months") for n in ("three", "six"))
    change = lease.set("Quay Lease >> notice period >> six months", note="letter")
    assert (change.before, change.after) == ((three,), (six,))
    (why,) = lease.why("Quay Lease >> notice period >>")
    assert (why.fact.stated_by, why.fact.evidence) == ("person", ())
    assert [(s.kind, s.by, s.note, s.operation) for s in why.statements] == [
        ("set", "person", "letter", change.operation)
    ]
    assert lease.undo(change.operation).after == (three,)
    assert [f.triple for f in lease.facts("Quay Lease >> notice period >>")] == [three]


def test_what_is_added_stands_beside_and_what_is_removed_is_gone(lease: Memory) -> None:
    lease.add(Triple("Quay Lease", "tenant", "Ottway Mills"))
    with pytest.raises(UsageError, match="2 facts"):
        lease.remove("Quay Lease >> tenant >>")
    assert len(lease.remove("Quay Lease >> tenant >>", several=True).before) == 2
    with pytest.raises(NotFound):
        lease.remove("Quay Lease >> tenant >>")
    assert len(lease.undo().after) == 2


def test_patterns_share_variables_from_either_side(lease: Memory) -> None:
    lease.set("Porthollow >> capital of >> Freedonia")
    lease.set("Ferrow Looms Ltd >> country >> Freedonia")
    rows = lease.query("?lease >> tenant >> ?who", "?who >> country >> ?land", "?seat >> capital of >> ?land")
    assert [dict(r.values) for r in rows] == [
        {"lease": "Quay Lease", "who": "Ferrow Looms Ltd", "land": "Freedonia", "seat": "Porthollow"}
    ]
    assert [f.object for f in rows[0].facts][:2] == ["Ferrow Looms Ltd", "Freedonia"]


def test_what_fails_is_told_and_the_rest_is_read(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "good.md").write_text(LEASE, encoding="utf-8")
    (tmp_path / "docs" / "bad.pdf").write_bytes(b"%PDF-1.7 and no more")
    with Memory.of(settings(tmp_path / "home")) as memory:
        read = memory.ingest([tmp_path / "docs"], structure=True)
        assert (len(read.documents), read.facts, len(read.operations)) == (1, 2, 1)
        assert [Path(p).name for p in read.failed] == ["bad.pdf"]
        assert len(memory.ingest(str(tmp_path / "docs"), structure=True).unchanged) == 1


def test_mistakes_are_errors_with_a_hint(tmp_path: Path) -> None:
    memory = Memory.of(settings(tmp_path / "home"))
    mistakes: list[Callable[[], object]] = [
        memory.facts, lambda: memory.ask("Who?"), lambda: memory.ask(" "), lambda: memory.ingest([]), memory.query,
        lambda: memory.ingest(tmp_path / "nothing.md"), lambda: memory.set("no statement"),
        lambda: memory.set("a >> capital of >> ?x"), lambda: memory.set("a >> capital of >> b", "2025", "2024"),
        lambda: memory.set("a >> capitol of >> b"), memory.undo,
    ]  # fmt: skip
    for mistake in mistakes:
        with pytest.raises(MemllmError) as raised:
            mistake()
        assert raised.value.message
        assert raised.value.hint
