from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import pytest
from rich.console import Console

from memllm_cli.answering.answer import NOTHING, Answerer
from memllm_cli.answering.options import Options
from memllm_cli.chat.render import Renderer
from memllm_cli.chat.screen import LONGEST_SENTENCE, Screen
from memllm_cli.engine.scripted import ScriptedEngine
from memllm_cli.memory.edit.evidence import Evidence
from memllm_cli.memory.edit.memory import Memory, Written
from memllm_cli.memory.search.find import Finder
from memllm_cli.reading.events import Begun, Done, Event, Gap, Text, TextCall, TextResult
from memllm_cli.types import Document, Sentence, Triple


def state(memory: Memory, fact: tuple[str, str, str], sentence: str, name: str = "page.md") -> None:
    document = Document(f"/d/{name}", "Page", "text/markdown", name, sentence, (Sentence(0, len(sentence), 1),))
    memory.ingest(document, [Written(Triple(*fact), (0,), 0.9)], "m", "f")


def rendered(memory: Memory, question: str, reads: bool = True, encoding: str = "utf-8") -> str:
    engine = ScriptedEngine(lambda context: "", context=4096)
    return shown(Answerer(engine, Finder(memory), Options(temperature=0)).ask(question), reads, encoding)


def shown(events: Iterable[Event], reads: bool = True, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding)
    renderer = Renderer(Console(file=file, highlight=False, soft_wrap=True, width=60), reads)
    for event in events:
        renderer.show(event)
    file.flush()
    return raw.getvalue().decode(encoding)


def test_a_read_its_value_and_the_sentence(memory: Memory) -> None:
    state(memory, ("Freedonia", "capital", "Sylvania City"), "Its capital is Sylvania City.")
    assert rendered(memory, "What is the capital of Freedonia?").splitlines() == [
        "  ⟳ Freedonia >> capital >> ?",
        "    = Sylvania City   — page.md, line 1",
        "Sylvania City",
        '  "Its capital is Sylvania City." — page.md, line 1',
    ]


def test_proposals_beside_an_answer_are_told(memory: Memory) -> None:
    memory.set(Triple("Freedonia", "capital", "Sylvania City"))
    text = "Some would have Rufus Town for its capital."
    document = Document("/d/page.md", "Page", "text/markdown", "page.md", text, (Sentence(0, len(text), 1),))
    memory.ingest(document, [Written(Triple("Freedonia", "capital", "Rufus Town"), (0,), 0.4, proposed=True)], "m", "f")
    assert rendered(memory, "What is the capital of Freedonia?").splitlines()[2:] == [
        "Sylvania City",
        "  stated by you",
        '  1 proposal besides, not used: memllm fact list --proposed "Freedonia >> capital >>"',
    ]


def test_reads_off_keeps_the_source_line(memory: Memory) -> None:
    state(memory, ("Freedonia", "capital", "Sylvania City"), "Its capital is Sylvania City.")
    grounded = rendered(memory, "What is the capital of Freedonia?", reads=False)
    assert grounded.splitlines() == ["Sylvania City", '  "Its capital is Sylvania City." — page.md, line 1']


PLACE = Evidence(1, "Lease", "/d/lease.md", 3, None, "", "The rent is 4,200 EUR.")
LETTER: list[Event] = [
    Begun(),
    TextCall("Write to the tenant."),
    TextResult((PLACE,), ()),
    Text("Dear"),
    Text(" tenant, the rent is"),
    TextCall("What is the rent?"),
    TextResult((PLACE,), (0.9,), 1),
    Text(" "),
    Text("4,200 EUR", backed=True),
    Text(" and ends on"),
    TextCall("When?"),
    TextResult((PLACE,), (0.1,), 0),
    Text(" "),
    Gap("When?"),
    Text("."),
    Text(" Yours, Mira"),
    Gap(""),
]
WHOLE = Done(
    "", 2, 0, 0, 1.0, 0.1, style="free", values=(("4,200 EUR", "What is the rent?"),), missing=("When?",),
    doubted=("Mira",),
)  # fmt: skip
MEANT = [
    "Dear tenant, the rent is 4,200 EUR[1] and ends on […]. Yours, Mira[?]",
    "  […] nothing in memory: When?",
    "  [?] not from memory: Mira",
    '  [1] "The rent is 4,200 EUR." — lease.md, line 3',
]


def test_a_text_is_shown_with_its_reads_and_then_whole() -> None:
    assert shown([*LETTER, WHOLE]).splitlines() == [
        "  ⟳ in the text: Write to the tenant.",
        "    ≈ lease.md, line 3",
        "Dear tenant, the rent is",
        "  ⟳ in the text: What is the rent?",
        "    = lease.md, line 3   90 %",
        "4,200 EUR[1] and ends on",
        "  ⟳ in the text: When?",
        "    ≈ lease.md, line 3   10 %",
        "[…]. Yours, Mira[?]",
        "",
        *MEANT,
    ]


def test_a_text_without_its_reads_is_shown_once() -> None:
    assert shown([*LETTER, WHOLE], reads=False).splitlines() == MEANT


def test_a_text_on_a_terminal_without_unicode() -> None:
    said = shown([*LETTER, WHOLE], reads=False, encoding="ascii").splitlines()
    assert said[0] == "Dear tenant, the rent is 4,200 EUR[1] and ends on [...]. Yours, Mira[?]"


def test_a_text_in_which_nothing_was_read_is_the_models_own() -> None:
    done = Done("Why not?", 0, 0, 0, 1.0, 0.1, style="free")
    assert shown([Begun(), Text(" Why not?"), done]).splitlines() == [
        "Why not?",
        "  not from memory: the model's own words",
    ]


def test_a_read_from_the_other_side(memory: Memory) -> None:
    memory.set(Triple("Freedonia", "capital", "Sylvania City"))
    lines = rendered(memory, "Which country is Sylvania City the capital of?").splitlines()
    assert lines[0] == "  ⟳ ? >> capital >> Sylvania City"
    assert lines[1:] == ["    = Freedonia   — stated by you", "Freedonia", "  stated by you"]


def test_nothing(memory: Memory) -> None:
    memory.set(Triple("Freedonia", "capital", "Sylvania City"))
    assert rendered(memory, "What is the capital of Atlantis?").splitlines() == [NOTHING]


@pytest.mark.parametrize("reads", [True, False])
def test_contradicting_documents_are_both_shown(memory: Memory, reads: bool) -> None:
    state(memory, ("Freedonia", "capital", "Sylvania City"), "Its capital is Sylvania City.")
    state(memory, ("Freedonia", "capital", "Rufus Town"), "Rufus Town is the capital now.", "letter.txt")
    shown = rendered(memory, "What is the capital of Freedonia?", reads)
    assert '"Its capital is Sylvania City." — page.md, line 1' in shown
    assert '"Rufus Town is the capital now." — letter.txt, line 1' in shown
    assert shown.count("≠ sources disagree on capital of Freedonia") == 1
    assert ("    ≠ Rufus Town   — letter.txt, line 1" in shown) == reads


def test_several_values_are_no_contradiction_where_many_are_allowed(memory: Memory) -> None:
    state(memory, ("Freedonia", "shares border with", "Marovia"), "Freedonia borders Marovia.")
    state(memory, ("Freedonia", "shares border with", "Tarn"), "Tarn lies beside it.", "tarn.md")
    shown = rendered(memory, "What shares border with Freedonia?")
    assert "    = Marovia" in shown
    assert "    = Tarn" in shown
    assert "≠" not in shown


def test_hostile_text_is_inert(memory: Memory) -> None:
    state(
        memory,
        ("Freedonia", "capital", "[bold red]Evil\x1b[2J :smile: City[/]"),
        "Its capital \x1b]0;owned\x07 is [link=http://x]here[/link]\u202e.",
        "[red]\x1b[31mpage.md",
    )
    shown = rendered(memory, "What is the capital of Freedonia?")
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "[bold red]Evil :smile: City[/]" in shown
    assert "[link=http://x]here[/link]" in shown
    assert "— [red]page.md, line 1" in shown


def test_a_terminal_without_utf8_gets_ascii(memory: Memory) -> None:
    state(memory, ("Freedonia", "capital", "Šylvania"), "Its capital is Šylvania.")
    shown = rendered(memory, "What is the capital of Freedonia?", encoding="ascii")
    assert shown.splitlines()[:3] == ["  @ Freedonia >> capital >> ?", "    = ?ylvania   - page.md, line 1", "?ylvania"]


def test_long_sentences_are_cut(memory: Memory) -> None:
    state(memory, ("Freedonia", "capital", "Sylvania City"), "Its capital is Sylvania City " + "and so on " * 100)
    last = rendered(memory, "What is the capital of Freedonia?").splitlines()[-1]
    assert '…" — page.md, line 1' in last
    assert len(last) < LONGEST_SENTENCE + 40


def test_pieces_of_markup_do_not_join(tmp_path: Path) -> None:
    file = io.StringIO()
    renderer = Renderer(Console(file=file, force_terminal=True, color_system="standard"), True)
    for event in (Text("["), Text("bold]x[/"), Text("bold]\x1b[2J"), Done("", 0, 0, 0, 0.0, 0.0)):
        renderer.show(event)
    assert file.getvalue() == "[bold]x[/bold]\n"


def test_an_answer_broken_off_ends_its_line_and_is_forgotten() -> None:
    file = io.StringIO()
    renderer = Renderer(Console(file=file), True)
    renderer.show(Text("Half an"))
    renderer.stop()
    renderer.stop()
    assert file.getvalue() == "Half an\n"


def test_an_unknown_encoding_is_taken_for_ascii() -> None:
    class Odd(io.StringIO):
        encoding = "no-such-encoding"

    assert Screen(Console(file=Odd())).marks.read == "@"
