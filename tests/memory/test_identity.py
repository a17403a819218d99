"""Which names are one thing, and which are not."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memllm_cli.errors import UsageError
from memllm_cli.memory.care import doctor
from memllm_cli.memory.edit import identity
from memllm_cli.memory.edit.identity import duplicates, resolve
from memllm_cli.memory.edit.memory import Memory, Written
from memllm_cli.memory.values.copies import Copies, Sketch
from memllm_cli.memory.values.names import abbreviates, distinguishing, may_match, normal
from memllm_cli.memory.views.conflicts import conflicts, losers, read_in
from memllm_cli.types import Triple
from tests.memory.test_store import document, facts


def pairs(memory: Memory) -> dict[frozenset[str], str]:
    snapshot = memory.snapshot
    return {frozenset((snapshot.name(p.first), snapshot.name(p.second))): p.reason for p in duplicates(snapshot)}


def say(memory: Memory, uri: str, text: str, *triples: tuple[str, str, str], aliases: object = ()) -> None:
    written = [Written(Triple(*t), (0,), 0.9, own=True) for t in triples]
    memory.ingest(document(text, uri, f"{uri} {text}"), written, "m", "f", aliases=aliases)  # type: ignore[arg-type]


# -- letters and marks -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["İzmir", "DİDİM", "Eskişehİr", "İ", "Ağrı İli"])
def test_a_dotted_capital_is_an_i(name: str) -> None:
    for form in (name.replace("İ", "i"), name.replace("İ", "I"), name.lower(), name.casefold()):
        assert normal(form) == normal(name)
        assert distinguishing(form) == distinguishing(name)


@given(st.text(alphabet=" .\"'`“iIİı\u0307\u0301\u0323Aß,-–5", max_size=9))
def test_normal_form_is_stable_for_marks_and_stops(text: str) -> None:
    assert normal(normal(text)) == normal(text)


def test_a_dotless_i_is_proposed(memory: Memory) -> None:
    for name in ("Kırklareli", "KIRKLARELİ", "Iğdır", "Iğdir"):
        memory.set(Triple(name, "country", "Türkiye"))
    assert pairs(memory).keys() == {frozenset({"Kırklareli", "KIRKLARELİ"}), frozenset({"Iğdır", "Iğdir"})}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (".NET", "Net"), ("C", "C++"), ("C", "C#"), ("C++", "C#"), ("F#", "F"), ("A+", "A"), ("A-", "A"), ("A*", "A"),
        ("Google+", "Google"), (".NET Core", "Net Core"), ("J#", "J++"), ("Notepad++", "Notepad"),
    ],
)  # fmt: skip
def test_a_mark_makes_another_name(first: str, second: str, memory: Memory) -> None:
    assert normal(first) != normal(second)
    assert not may_match(first, second)
    memory.set(Triple(first, "country", "Freedonia"))
    memory.set(Triple(second, "country", "Freedonia"))
    assert pairs(memory) == {}


def test_stops_around_a_name_are_no_part_of_it() -> None:
    assert normal("...and") == normal("and") == normal("and.")
    assert normal('".NET"') == normal(".net.") == ".net"
    assert normal("Node.js.") == "node.js"


def test_a_knowledge_base_of_schema_4_is_read_with_names_compared_anew(tmp_path: Path) -> None:
    """Made by the version that took .NET for Net and İstanbul for another place than istanbul; with a split."""
    folder = tmp_path / "old"
    folder.mkdir()
    packed = Path(__file__).parent / "schemas" / "4.duckdb.gz"
    (folder / "facts.duckdb").write_bytes(gzip.decompress(packed.read_bytes()))
    old = Memory(folder)
    assert len(old.snapshot.named("Istanbul")) == 2
    assert frozenset({"İstanbul", "istanbul"}) in pairs(old)
    with pytest.raises(UsageError, match="can mean 2 things"):
        resolve(old.snapshot, "ISTANBUL")
    identity.merge(old, ["istanbul"], "İstanbul")
    assert {f[1] for f in facts(old) if f[0] == "İstanbul"} == {"country", "population"}
    old.set(Triple("Net", "country", "Sylvania"))
    assert old.snapshot.named(".NET") != old.snapshot.named("Net")
    bank = Triple("Li Wei", "employer", "Coral Bank")
    old.ingest(document("Li Wei works for Coral Bank.", "/d/coral.md", "2"), [Written(bank, (0,), 0.9)], "m", "f")
    assert ("Li Wei (Coral Bank)", "employer", "Coral Bank") in facts(old)
    assert [f.what for f in doctor.examine(old) if f.state == doctor.BAD] == []


# -- short names -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("short", "name"),
    [
        ("NRC", "Norland Rail Council"), ("N.R.C.", "Norland Rail Council"), ("MoT", "Ministry of Transport"),
        ("MTI", "Ministry of Trade and Industry"), ("EU", "European Union"),
    ],
)  # fmt: skip
def test_initials(short: str, name: str) -> None:
    assert abbreviates(short, name)


@pytest.mark.parametrize(
    ("short", "name"),
    [("CEO", "Anna Smith"), ("NR", "Norland Rail Council"), ("nrc", "Norland Rail Council"), ("N", "N")],
)
def test_no_initials(short: str, name: str) -> None:
    assert not abbreviates(short, name)


GRAIN, GLIDING = ("Baltic Grain Authority", "BGA"), ("British Gliding Association", "BGA")


def test_initials_mean_what_their_document_says(memory: Memory) -> None:
    say(memory, "/d/a.md", "Grain.", (GRAIN[0], "industry", "grain"), ("BGA", "founded", "1987"), aliases=[GRAIN])
    say(memory, "/d/b.md", "Gliding.", ("BGA", "industry", "sport"), aliases=[GLIDING])
    say(memory, "/d/c.md", "Which.", ("BGA", "chairperson", "Rutger Maas"))
    assert facts(memory) == {
        (GRAIN[0], "industry", "grain"), (GRAIN[0], "founded", "1987"), (GLIDING[0], "industry", "sport"),
        ("BGA", "chairperson", "Rutger Maas"),
    }  # fmt: skip
    assert pairs(memory).keys() == {frozenset(GRAIN), frozenset(GLIDING)}
    identity.merge(memory, ["BGA"], GRAIN[0])
    assert (GRAIN[0], "chairperson", "Rutger Maas") in facts(memory)


def test_a_definition_after_the_name_was_used_is_proposed(memory: Memory) -> None:
    say(memory, "/d/news.md", "News.", ("BGA", "chairperson", "Rutger Maas"))
    say(memory, "/d/charter.md", "Charter.", (GRAIN[0], "industry", "grain"), aliases=[GRAIN])
    assert len(memory.snapshot.named("BGA")) == 2
    assert pairs(memory) == {frozenset(GRAIN): "one has the other's name among its own"}
    memory.forget("/d/charter.md")
    assert len(memory.snapshot.named("BGA")) == 1


def test_a_text_with_the_short_name_is_not_the_thing(memory: Memory) -> None:
    """`called` has texts for objects: the short name as a text must not take what is said of the thing."""
    say(memory, "/d/a.md", "Grain.", (GRAIN[0], "called", "BGA"), aliases=[GRAIN])
    say(memory, "/d/b.md", "News.", ("BGA", "chairperson", "Rutger Maas"))
    assert (GRAIN[0], "chairperson", "Rutger Maas") in facts(memory)
    assert resolve(memory.snapshot, "BGA") == resolve(memory.snapshot, GRAIN[0])


# -- this agreement --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["This Supply Agreement", "Supply Agreement"])
def test_a_document_points_at_what_it_names(memory: Memory, first: str) -> None:
    names = [first, "this Supply Agreement", "Supply Agreement", "the said Supply Agreement"]
    say(memory, "/d/a.md", "It.", *((name, f"clause {n}", "x") for n, name in enumerate(names)))
    assert {f[0] for f in facts(memory)} == {"Supply Agreement"}


def test_a_role_that_is_pointed_at_is_one_within_its_document(memory: Memory) -> None:
    for uri in ("/d/a.md", "/d/b.md"):
        names = ("this Agreement", "the Agreement", "Agreement")
        say(memory, uri, "It.", *((name, f"clause {n}", uri) for n, name in enumerate(names)))
    assert len({f[0] for f in facts(memory)}) == 2


def test_a_name_that_begins_with_this_stays(memory: Memory) -> None:
    say(memory, "/d/a.md", "We hear This American Life.", ("This American Life", "host", "Ira Glass"))
    say(memory, "/d/b.md", "This Harbour Plan is new. The Harbour Plan is old.", ("This Harbour Plan", "year", "1990"))
    memory.set(Triple("This Is Spinal Tap", "director", "Rob Reiner"))
    assert {f[0] for f in facts(memory)} == {"This American Life", "Harbour Plan", "This Is Spinal Tap"}


# -- copies ----------------------------------------------------------------------------------------------------------

LONG = (
    "The notice period of the Harbour Lease is six months. The tenant of the Harbour Lease is Anna Kovac, and its rent "
    "is due on the first day of every month. Repairs of the roof are paid for by the landlord, who keeps the keys."
)


def test_copies_have_the_same_words_or_nearly() -> None:
    first = Sketch.of(LONG)
    assert first.same(Sketch.of(LONG.replace(" ", "\r\n").upper()))
    near = Sketch.of(f"{LONG} Printed again.")
    assert near.like(first)
    assert not near.same(first)
    assert not Sketch.of(LONG[: len(LONG) // 2]).like(first)
    assert not Sketch.of("").like(Sketch.of(""))


def test_short_texts_that_differ_are_no_copies() -> None:
    assert not Sketch.of("Its capital is Lyon.").like(Sketch.of("Its capital is Paris."))
    assert Sketch.of("Its capital is Paris.").like(Sketch.of("Its  capital is Paris"))


def test_a_text_is_a_copy_of_the_one_with_the_same_words_first() -> None:
    texts = Copies()
    for name, text in (("near", f"{LONG} Printed."), ("same", f"{LONG} "), ("other", "Something else.")):
        texts.add(name, text)
    texts.add("new", LONG)
    assert texts.of("new") == "same"
    assert texts.of("other") == ""


def test_copies_do_not_outvote(memory: Memory) -> None:
    six, three = ("Harbour Lease", "notice period", "six months"), ("Harbour Lease", "notice period", "three months")
    say(memory, "/d/lease.md", LONG, six)
    say(memory, "/old/lease.md", LONG.replace(". ", ".\n"), six)
    say(memory, "/older/lease.txt", f"{LONG} Printed.", six)
    say(memory, "/d/letter.md", "Three months it is.", three)
    snapshot = memory.snapshot
    (conflict,) = conflicts(snapshot)
    copies = memory.copies(read_in(snapshot, [conflict]))
    assert losers(snapshot, conflict, "most-sources", copies) == []
    assert len(losers(snapshot, conflict, "most-sources")) == 1
    say(memory, "/d/minutes.md", "The board was told of three months.", three)
    snapshot = memory.snapshot
    (conflict,) = conflicts(snapshot)
    copies = memory.copies(read_in(snapshot, [conflict]))
    assert [snapshot.texts(f) for f in losers(snapshot, conflict, "most-sources", copies)] == [six]


def test_evidence_in_a_copy_is_marked(memory: Memory) -> None:
    six = ("Harbour Lease", "notice period", "six months")
    for uri, text in (("/d/lease.md", LONG), ("/old/lease.md", LONG), ("/d/letter.md", "Six months it is.")):
        say(memory, uri, text, six)
    (fact,) = memory.snapshot.facts()
    assert [e.copy for e in memory.sources([fact])[fact.key]] == [False, False, True]
