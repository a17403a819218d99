"""The reading loop with a script in the pointer's place: what it says is decided here, what becomes of it is tested."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from memllm_cli.answering.answer import NOTHING, Answerer
from memllm_cli.answering.deciding import Decider, _tidy
from memllm_cli.answering.options import Options
from memllm_cli.answering.requests import Request, requested
from memllm_cli.calibration.answers import Answering
from memllm_cli.documents.reader import read_text
from memllm_cli.engine.scripted import ScriptedEngine
from memllm_cli.memory.edit.memory import Memory, Written
from memllm_cli.memory.search.find import Finder
from memllm_cli.memory.search.texts import confined
from memllm_cli.pointing.pointer import Span
from memllm_cli.reading.events import Done, ReadCall, Text, TextCall, TextResult
from memllm_cli.reading.formats import Trained
from memllm_cli.reading.reads import Conversation
from memllm_cli.types import Query, Triple

PAGE = """# Harbour Lease

The tenant is Tallowick Design. The rent of the lease is 4,200 EUR a month.

| Room | Area |
|---|---|
| Studio | 80 m2 |
| Archive | 25 m2 |
"""
LETTER = "The rent of the lease is 4,500 EUR a month from May."


class Told:
    """Points at the first of some words that a passage holds, with a margin for each."""

    tokens = 7

    def __init__(self, **margins: float) -> None:
        self.margins = {k.replace("_", " "): v for k, v in margins.items()}
        self.seen: list[tuple[str, str]] = []

    def spans(
        self,
        question: str,
        passages: Sequence[tuple[str, str]],
        most: int = 3,
        sentences: Sequence[Sequence[int]] = (),
    ) -> list[Span]:
        self.seen = list(passages)
        out = []
        for number, (_, text) in enumerate(passages):
            for words, margin in self.margins.items():
                if (at := text.find(words)) >= 0:
                    out.append(Span(number, at, at + len(words), margin, 0.9))
        return sorted(out, key=lambda s: -s.margin)


def answerer(memory: Memory, within: set[int] | None = None, **margins: float) -> Answerer:
    decider = Decider(Told(**margins), Answering((0.0, 1.0, 0.0, 0.0, 0.0), 0.5))  # type: ignore[arg-type]
    engine = ScriptedEngine(lambda context: " I made this up.", context=4096)
    return Answerer(engine, Finder(memory), Options(within=within), None, decider)


def ask(
    memory: Memory, question: str, within: set[int] | None = None, /, **margins: float
) -> tuple[list[object], Done]:
    *events, done = answerer(memory, within, **margins).ask(question)
    assert isinstance(done, Done)
    return list(events), done


@pytest.fixture
def read(memory: Memory) -> Memory:
    memory.ingest(read_text("lease.md", PAGE), (), "m", "f")
    return memory


def test_an_answer_from_text_says_where_it_stands(read: Memory) -> None:
    events, done = ask(read, "What is the rent of the lease?", None, **{"4,200 EUR": 3.0})
    assert (done.value, done.outcome) == ("4,200 EUR", "text")
    assert done.probability == pytest.approx(0.9526, abs=1e-4)
    assert [e.sentence for e in done.evidence] == ["The rent of the lease is 4,200 EUR a month."]
    assert done.evidence[0].place == "stdin:lease.md, line 3"
    assert isinstance(events[0], TextCall)
    assert isinstance(events[1], TextResult)
    assert events[1].answering == 1
    assert events[2] == Text("4,200 EUR", backed=True)


def test_a_cell_is_shown_with_its_row_and_column(read: Memory) -> None:
    _, done = ask(read, "How large is the studio?", None, **{"80 m2": 2.0})
    place = done.evidence[0].block
    assert place is not None
    assert (place.row, place.column) == ("Studio", "Area")
    assert done.evidence[0].said == "Room: Studio | Area: 80 m2"


def test_what_is_not_sure_is_not_said_but_pointed_at(read: Memory) -> None:
    events, done = ask(read, "What is the rent of the lease?", None, **{"4,200 EUR": -1.0})
    assert (done.answer, done.value, done.outcome, done.evidence) == (NOTHING, "", "nothing", ())
    (result,) = [e for e in events if isinstance(e, TextResult)]
    assert result.answering == 0
    assert result.places[0].sentence.startswith("The rent")


def test_a_fact_of_a_person_goes_before_a_likelier_text(read: Memory) -> None:
    read.set(Triple("Harbour Lease", "monthly rent", "4,300 EUR"))
    events, done = ask(read, "What is the rent of the Harbour Lease?", None, **{"4,200 EUR": 5.0, "4,300 EUR": 1.0})
    assert (done.value, done.outcome) == ("4,300 EUR", "fact")
    assert ReadCall(Query("Harbour Lease", "monthly rent", None)) in events
    read.undo()
    _, done = ask(read, "What is the rent of the Harbour Lease?", None, **{"4,200 EUR": 5.0, "4,300 EUR": 1.0})
    assert (done.value, done.outcome) == ("4,200 EUR", "text")


def test_the_subject_can_be_the_answer(read: Memory) -> None:
    read.set(Triple("Freedonia", "capital", "Sylvania City"))
    events, done = ask(read, "Which country has Sylvania City for a capital?", Freedonia=4.0)
    assert done.value == "Freedonia"
    assert ReadCall(Query(None, "capital", "Sylvania City")) in events


def test_a_sentence_that_states_a_retracted_fact_does_not_answer(read: Memory) -> None:
    text = "The capital of Freedonia is Sylvania City."
    document = read_text("page.md", text)
    read.ingest(document, [Written(Triple("Freedonia", "capital", "Sylvania City"), (0,), 0.9)], "m", "f")
    asked = "What is the capital of Freedonia?"
    _, done = ask(read, asked, None, **{"Sylvania City": 4.0})
    assert (done.value, done.outcome) == ("Sylvania City", "fact"), "one value, from a fact and its sentence"
    (fact,) = [f for f in read.snapshot.facts() if read.snapshot.texts(f)[0] == "Freedonia"]
    read.remove([fact.key])
    _, done = ask(read, asked, None, **{"Sylvania City": 4.0})
    assert done.outcome == "nothing"
    read.undo()
    _, done = ask(read, asked, None, **{"Sylvania City": 4.0})
    assert done.value == "Sylvania City"


def test_the_search_can_be_confined(read: Memory) -> None:
    read.ingest(read_text("letter.txt", LETTER), (), "m", "f")
    margins = {"4,200 EUR": 2.0, "4,500 EUR": 5.0}
    asked = "What is the rent of the lease?"
    assert ask(read, asked, None, **margins)[1].value == "4,500 EUR"
    assert ask(read, asked, confined(read.snapshot, ["lease.md"]), **margins)[1].value == "4,200 EUR"
    assert ask(read, asked, confined(read.snapshot, ["letter"]), **margins)[1].value == "4,500 EUR"


def test_a_question_told_with_its_answer_is_found_word_for_word(read: Memory) -> None:
    asked = "Where does the government of Freedonia sit?"
    read.set(Triple("Freedonia", "capital", "Rufus Town"), note=asked)
    _, done = ask(read, asked)
    assert (done.value, done.outcome) == ("Rufus Town", "fact")
    assert ask(read, "Where does the king of Freedonia sit?")[1].outcome == "nothing"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tell me about Freedonia.", Request("about", "Freedonia")),
        ("please summarise the lease", Request("summary", "the lease")),
        ("Summarize lease.md", Request("summary", "lease.md")),
        ("What do you know about Mira Olsen?", Request("about", "Mira Olsen")),
        ("What is the capital of Freedonia?", None),
        ("What about Freedonia's capital?", None),
    ],
)
def test_requests(text: str, expected: Request | None) -> None:
    assert requested(text) == expected


def test_about_a_name_and_about_a_document(read: Memory) -> None:
    read.set(Triple("Tallowick Design", "industry", "architecture"))
    _, done = ask(read, "Tell me about Tallowick Design")
    assert "industry: architecture (stated by you)" in done.answer
    assert "“The tenant is Tallowick Design.” (stdin:lease.md, line 3)" in done.answer
    assert done.outcome == "fact"
    _, done = ask(read, "Summarise lease.md")
    assert "rent of the lease is 4,200 EUR" in done.answer
    assert done.outcome == "text"
    _, done = ask(read, "Tell me about Zorblax")
    assert (done.answer, done.outcome) == (NOTHING, "nothing")


def test_what_is_read_is_facts_and_passages_in_one_form(read: Memory) -> None:
    read.set(Triple("Tallowick Design", "industry", "architecture"))
    one = answerer(read)
    list(one.ask("What does Tallowick Design do in the studio?"))
    assert one.decider is not None
    seen = one.decider.pointer.seen  # type: ignore[attr-defined]
    assert ("", "Tallowick Design | industry: architecture") in seen
    assert any(lead.startswith("Harbour Lease") and "Room: Studio | Area: 80 m2" in text for lead, text in seen)


def test_a_question_that_goes_on_searches_what_the_last_one_was_about(memory: Memory) -> None:
    for name, rent in (("Norbury", "310"), ("Harbour", "420")):
        filler = " ".join(f"The house of {name} has a fine view of street number {n}." for n in range(40))
        text = f"Lease of {name}. The rent is {rent} EUR.\n\n{filler}\n"
        memory.ingest(read_text(f"{name}.txt", text), (), "m", "f")
    one, talk = answerer(memory, None, **{"310 EUR": 3.0, "420 EUR": 3.0}), Conversation()
    *_, done = one.ask("Who signed the lease of Norbury?", talk)
    assert isinstance(done, Done)
    first = [c.lead for c in one.looker.look("And what is its rent?", talk.questions(), most=1).candidates]
    alone = one.looker.look("And what is its rent?", (), most=2).candidates
    assert first == ["Norbury.txt"]
    assert {c.lead for c in alone} == {"Norbury.txt", "Harbour.txt"}


@pytest.mark.parametrize(
    ("opens", "margin", "within", "outcome"),
    [(False, -3.0, False, "talk"), (True, -3.0, False, "nothing"), (False, -1.0, False, "nothing"),
     (False, -3.0, True, "nothing")],
)  # fmt: skip
def test_talk_is_what_asks_memory_for_nothing(
    read: Memory, opens: bool, margin: float, within: bool, outcome: str
) -> None:
    call = "({MEM_READ( "
    engine = ScriptedEngine([call if opens else "Rents rise and fall."], context=4096)
    decider = Decider(Told(**{"4,200 EUR": margin}), Answering((0.0, 1.0, 0.0, 0.0, 0.0), 0.5))  # type: ignore[arg-type]
    options = Options(within=confined(read.snapshot, ["lease.md"]) if within else None, temperature=0)
    *_, done = Answerer(engine, Finder(read), options, Trained(engine), decider).ask("What about rents, then?")
    assert isinstance(done, Done)
    assert (done.outcome, done.backed) == (outcome, False)
    assert done.answer == ("Rents rise and fall." if outcome == "talk" else NOTHING)
    assert done.evidence == ()


def test_a_question_in_another_language_is_no_talk(read: Memory) -> None:
    engine = ScriptedEngine(["Wo, wo, wo."], context=4096)
    decider = Decider(Told(), Answering((0.0, 1.0, 0.0, 0.0, 0.0), 0.5))  # type: ignore[arg-type]
    *_, done = Answerer(engine, Finder(read), Options(temperature=0), Trained(engine), decider).ask("Wo liegt Hamm?")
    assert isinstance(done, Done)
    assert (done.outcome, done.answer) == ("nothing", NOTHING)


@pytest.mark.parametrize(
    ("question", "waiting"),
    [("Who is the author of Low Tide?", 2), ("When was Low Tide built?", 0), ("What is Ada the author of?", 1)],
)
def test_what_waits_to_be_accepted_is_told_where_nothing_answers(memory: Memory, question: str, waiting: int) -> None:
    facts = [Written(Triple("Low Tide", "author", name), (0,), 0.4, proposed=True) for name in ("Ada", "Bert")]
    memory.ingest(read_text("tide.txt", "Ada and Bert talked of Low Tide."), facts, "m", "f")
    *_, done = answerer(memory, None).ask(question)
    assert isinstance(done, Done)
    assert done.answer == (f"{NOTHING} {waiting} unsure, waiting to be accepted: memllm fact list --proposed" if waiting
                           else NOTHING)  # fmt: skip


NORLAND = (("Norland", "capital", "Tromby"), ("Norland", "head of state", "Per Lind"), ("Ostria", "capital", "Marn"))


@pytest.mark.parametrize(
    ("question", "value", "outcome"),
    [
        ("Is Tromby the capital of Norland?", "Yes", "fact"),
        ("Is the capital of Norland Tromby?", "Yes", "fact"),
        ("Is Norland the capital of Tromby?", "", "nothing"),
        ("Is Marn the capital of Norland?", "Tromby", "fact"),
        ("Is Tromby not the capital of Norland?", "", "nothing"),
        ("What is the capital of Norland?", "Tromby", "fact"),
        ("Which country has Tromby for a capital?", "Norland", "fact"),
        ("Why is Tromby so large?", "", "nothing"),
        ("What is the capital of Tromby?", "", "nothing"),
        ("Who was head of state of Norland before Per Lind?", "", "nothing"),
        ("What is the capital of Zorblax?", "", "nothing"),
    ],
)
def test_a_fact_answers_what_names_its_other_side(memory: Memory, question: str, value: str, outcome: str) -> None:
    for row in NORLAND:
        memory.set(Triple(*row))
    *_, last = value.split() or [""]
    pointed = {"Tromby": 5.0, "Per Lind": 4.0, "Norland": 3.0} if last != "Norland" else {"Norland": 5.0}
    _, done = ask(memory, question, None, **pointed)
    assert (done.value, done.outcome) == (value, outcome)


def test_a_fact_of_two_hops_answers_where_both_are_asked_for(memory: Memory) -> None:
    memory.set(Triple("Low Tide", "author", "Mira Olsen"))
    memory.set(Triple("Mira Olsen", "mother", "Ida Olsen"))
    assert (
        ask(memory, "Who is the mother of the author of Low Tide?", None, **{"Ida Olsen": 4.0})[1].value == "Ida Olsen"
    )
    assert ask(memory, "Who is the mother of Low Tide?", None, **{"Ida Olsen": 4.0})[1].outcome == "nothing"


def test_what_another_document_says_otherwise_is_shown_too(read: Memory) -> None:
    read.ingest(read_text("letter.txt", LETTER), (), "m", "f")
    asked = "What is the rent of the lease?"
    _, done = ask(read, asked, None, **{"4,200 EUR": 0.5, "4,500 EUR": 3.0})
    assert done.value == "4,500 EUR"
    assert done.otherwise is not None
    assert (done.otherwise[0], done.otherwise[1].place) == ("4,200 EUR", "stdin:lease.md, line 3")
    _, done = ask(read, asked, None, **{"4,200 EUR": -0.5, "4,500 EUR": 3.0})
    assert done.otherwise is None, "less likely an answer than none"
    _, done = ask(read, asked, confined(read.snapshot, ["letter"]), **{"4,200 EUR": 2.0, "4,500 EUR": 3.0})
    assert done.otherwise is None


def test_a_document_that_the_question_names_answers_before_others(read: Memory) -> None:
    read.ingest(read_text("letter.md", LETTER), (), "m", "f")
    margins = {"4,200 EUR": 2.0, "4,500 EUR": 6.0}
    assert ask(read, "What is the rent of the lease?", None, **margins)[1].value == "4,500 EUR"
    assert ask(read, "What rent does the Harbour Lease say?", None, **margins)[1].value == "4,200 EUR"
    assert ask(read, "What rent does the Harbour Lease say?", None, **{"4,500 EUR": 6.0})[1].value == "4,500 EUR"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("EUR 90,000.", "EUR 90,000"), ("to the archive.", "to the archive"), ("Pallas Inc.", "Pallas Inc."),
        ("the U.S.", "the U.S."), ("and so on...", "and so on..."), ("Coral Bank.", "Coral Bank"), ("a |", "a"),
    ],
)  # fmt: skip
def test_an_answer_has_no_mark_of_its_sentence(text: str, value: str) -> None:
    assert _tidy(text) == value


def test_who_was_is_not_who_is(memory: Memory) -> None:
    memory.ingest(
        read_text("a.md", "The chair of Acorn is Ann Poe. The former chair of Acorn is Bo Lind."), (), "m", "f"
    )
    margins = {"Ann Poe": 6.0, "Bo Lind": 2.0}
    assert ask(memory, "Who is the chair of Acorn?", None, **margins)[1].value == "Ann Poe"
    assert ask(memory, "Who is the former chair of Acorn?", None, **margins)[1].value == "Bo Lind"
    memory.ingest(read_text("b.md", "The chair of Beacon is Cy Ray."), (), "m", "f")
    assert ask(memory, "Who is the previous chair of Beacon?", None, **{"Cy Ray": 6.0})[1].outcome == "nothing"


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        ("What is the capital of Norland?", ("Tromby", "fact")),
        ("Which country is Tromby the capital of?", ("Norland", "fact")),
        ("Of what country is Tromby the capital?", ("Norland", "fact")),
        ("Is Tromby the capital of Norland?", ("Yes: Tromby", "fact")),
        ("What was the capital of Norland before 1900?", ("", "nothing")),
        ("What is the second capital of Norland?", ("", "nothing")),
        ("Who rules the capital of Norland?", ("", "nothing")),
    ],
)
def test_a_fact_asked_for_in_so_many_words_answers(memory: Memory, question: str, asked: tuple[str, str]) -> None:
    """The pointer is silent here."""
    memory.set(Triple("Norland", "capital", "Tromby"))
    done = ask(memory, question)[1]
    assert (done.answer if asked[1] == "fact" else done.value, done.outcome) == asked


def test_a_place_that_is_in_no_sentence_has_its_line(memory: Memory) -> None:
    text = "---\ntitle: Plan\nbudget: 900 EUR\n---\n\nThe plan is short.\n"
    memory.ingest(read_text("plan.md", text), (), "m", "f")
    done = ask(memory, "What is the budget?", None, **{"900 EUR": 3.0})[1]
    assert [e.place for e in done.evidence] == ["stdin:plan.md, line 3"]


def test_only_the_documents_that_are_asked_are_shown(memory: Memory) -> None:
    ids = []
    for name in ("old.md", "new.md"):
        document = read_text(name, "The capital of Norland is Tromby.")
        memory.ingest(document, [Written(Triple("Norland", "capital", "Tromby"), (0,), 0.9)], "m", "f")
        ids.append(max(d.id for d in memory.snapshot.documents()))
    done = ask(memory, "What is the capital of Norland?", {ids[0]})[1]
    assert [e.uri for s in done.sources for e in s.evidence] == ["stdin:old.md"]
