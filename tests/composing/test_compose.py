"""Writing with reads in mid-sentence, a script in the model's place: what is due, what is read, what is marked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import pytest

from memllm_cli.composing.compose import MOST_READS, Answered, Composed, Composer
from memllm_cli.engine.scripted import ScriptedEngine
from memllm_cli.prompts import Message
from memllm_cli.reading.clock import Clock
from memllm_cli.reading.events import Event, Gap, Noted, Text, TextCall


def engine(*texts: str, asks: str = "What is it?", names: Sequence[str] = ()) -> ScriptedEngine:
    """Writes on in the first of some texts that begins with what is there; asks the same whenever a read is open.

    After `and` it writes one of `names` with a capital.
    """

    def play(context: str) -> str:
        said = context.rpartition("<|im_start|>assistant\n")[2]
        if said.rpartition("({")[2].startswith("MEM_TEXT(") and "})" not in said.rpartition("({")[2]:
            written = said.rpartition("MEM_TEXT(")[2]
            return asks[len(written) :] + ")" if asks.startswith(written) else ")"
        plain = re.sub(r"\(\{.*?\}\)", "", said)
        for name in names:
            if plain.endswith(" and"):
                return f" {name}"
        return next((t[len(plain) :] for t in texts if t.startswith(plain)), "")

    return ScriptedEngine(play, context=4096)


def write(
    engine: ScriptedEngine,
    memory: Mapping[str, str],
    request: str = "Write a sentence about the rent.",
    history: Sequence[Message] = (),
    notes: Sequence[str] = (),
) -> tuple[list[Event], Composed, list[tuple[str, str]]]:
    looked: list[tuple[str, str]] = []

    def look(question: str, own: str, answered: Answered) -> Iterator[Event]:
        looked.append((question, own))
        answered.value = memory.get(question, "")
        yield TextCall(question)

    out = Composed()
    events = list(Composer(engine).write(request, history, notes, look, Clock(), out))
    return events, out, looked


def test_a_number_that_is_due_comes_from_memory() -> None:
    script = engine("The rent is 900 EUR a month.", "The rent is 4,200 EUR a month.", asks="What is the rent?")
    events, out, looked = write(script, {"What is the rent?": "4,200 EUR"})
    assert looked == [("What is the rent?", "900")]
    assert out.said == "The rent is 4,200 EUR a month."
    assert out.read == [("What is the rent?", "4,200 EUR")]
    assert (out.missing, out.doubted) == ([], [])
    before = events.index(TextCall("What is the rent?"))
    assert "".join(e.text for e in events[:before] if isinstance(e, Text)) == "The rent is"
    assert events[before + 1 : before + 3] == [Text(" "), Text("4,200 EUR", backed=True)]


def test_what_memory_does_not_have_leaves_a_gap() -> None:
    events, out, _ = write(engine("The rent is 900 EUR.", "The rent is […]."), {})
    assert out.said == "The rent is […]."
    assert out.missing == ["What is it?"]
    assert "900" not in out.said
    assert Gap("What is it?") in events


def test_a_name_of_the_models_own_is_marked_once() -> None:
    events, out, looked = write(engine("It goes to Acorn Mill Ltd, soon."), {})
    assert out.said == "It goes to Acorn Mill Ltd, soon."
    assert out.doubted == ["Acorn Mill Ltd"]
    assert [q for q, _ in looked] == ["What is it?"]  # once for the three words
    assert events[events.index(Gap("")) + 1] == Text(",")
    assert [e for e in events if isinstance(e, Gap)] == [Gap("")]


def test_the_same_is_not_asked_in_vain_twice() -> None:
    _, out, looked = write(engine("It goes to Acorn and then to Tromby."), {})
    assert out.doubted == ["Acorn", "Tromby"]
    assert len(looked) == 1


@pytest.mark.parametrize(
    ("request_", "history", "notes", "text"),
    [
        ("What about Acorn in 2020?", (), (), "It was Acorn in 2020."),
        ("And then?", (Message("user", "Tell me of Acorn Ltd."),), (), "It was Acorn, I think."),
        ("What then?", (), ("Page: the tenant is Acorn.",), "It was Acorn."),
        ("Which one?", (), (), "It was one of many."),
    ],
)
def test_what_was_said_is_no_claim(
    request_: str, history: tuple[Message, ...], notes: tuple[str, ...], text: str
) -> None:
    _, out, _ = write(engine(text), {}, request_, history, notes)
    assert (out.said, out.doubted, out.missing) == (text, [], [])


def test_a_number_of_the_notes_is_asked_for_and_stands_with_its_note() -> None:
    notes = "Page: the studio is new.", "Page: the studio has 80 m2."
    events, out, looked = write(engine("It is 80 or 90.", "It is 80 or […]."), {}, notes=notes)
    assert looked == [("What is it?", "80")]
    assert (out.said, out.noted, out.missing) == ("It is 80 or […].", [("80", 1)], ["What is it?"])
    assert events[events.index(Noted(1)) - 1] == Text(" 80")


def test_a_title_belongs_to_the_name_after_it() -> None:
    _, out, _ = write(engine("It was Dr. Moss, then."), {})
    assert out.doubted == ["Dr. Moss"]


def test_what_an_earlier_read_returned_is_not_asked_for_again() -> None:
    texts = "The tenant is Oak. Oak pays.", "The tenant is Acorn. Acorn pays."
    _, out, looked = write(engine(*texts, names=("Acorn",)), {"What is it?": "Acorn"})
    assert out.said == "The tenant is Acorn. Acorn pays."
    assert len(looked) == 1


@pytest.mark.parametrize("mark", ["({", "{"])
def test_the_model_may_open_a_read_by_itself(mark: str) -> None:
    _, out, looked = write(engine(f"The rent is {mark}MEM_TEXT(rent", "The rent is high."), {"What is it?": "high"})
    assert out.said.startswith("The rent is high")
    assert looked == [("What is it?", "")]


def test_a_word_that_begins_a_sentence_is_a_name_if_it_would_be_one_in_the_middle() -> None:
    _, out, _ = write(engine("Rent is due. Tromby is far.", names=("Tromby", "rent")), {})
    assert out.doubted == []  # a script prefers "Tromby" to both, so both are taken for what it would write
    _, out, looked = write(engine("Tromby is far.", names=("Tromby",)), {})
    assert out.doubted == ["Tromby"]
    assert looked


@pytest.mark.parametrize(
    ("before", "value", "said"),
    [
        ("It is at", "at noon", "It is at noon"),
        ("It is on", "in May 2020", "It is on May 2020"),
        ("We met at the", "in the Hyatt", "We met at the Hyatt"),
        ("It was the", "the Board", "It was the Board"),
        ("It was", "in May", "It was in May"),
    ],
)
def test_a_value_does_not_repeat_the_word_before_it(before: str, value: str, said: str) -> None:
    _, out, _ = write(engine(f"{before} 7.", f"{said}."), {"What is it?": value})
    assert out.said == f"{said}."


def test_a_question_that_was_answered_is_not_asked_of_something_else() -> None:
    texts = "The rent is 9. The fee is 9.", "The rent is 42 EUR. The fee is 9.", "The rent is 42 EUR. The fee is 7 EUR."
    _, out, looked = write(engine(*texts), {"What is it?": "42 EUR", "The fee is what?": "7 EUR"})
    assert out.said == "The rent is 42 EUR. The fee is 7 EUR."
    assert [q for q, _ in looked] == ["What is it?", "The fee is what?"]


def test_what_is_to_be_filled_in_is_left() -> None:
    _, out, looked = write(engine("It is yours, [Your Name Here] and all."), {})
    assert (out.doubted, looked) == ([], [])


def test_an_amount_of_a_note_is_cited_once() -> None:
    _, out, _ = write(engine("It is EUR 80, they say."), {}, notes=("Page: it costs EUR 80.",))
    assert out.noted == [("EUR 80", 0)]


def test_reads_end_at_some_number() -> None:
    numbers = " ".join(f"{n}0 {n}a" for n in range(1, 2 * MOST_READS))
    _, out, looked = write(engine(f"Sums: {numbers}."), {})
    assert len(looked) <= MOST_READS
    assert len(out.missing) <= MOST_READS


def test_what_the_model_says_for_ever_ends() -> None:
    _, out, _ = write(engine("and so on " * 200), {})
    assert len(out.said) < 500
