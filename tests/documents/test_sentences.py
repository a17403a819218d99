from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memllm_cli.documents.sentences import MAX_CHARS, ends_with_abbreviation, split


def pieces(text: str) -> list[str]:
    return [text[a:b] for a, b in split(text)]


@pytest.mark.parametrize(
    "text",
    [
        "Mr. Firefly met Dr. Lassiter.",
        "The works of J. K. Teasdale sold well.",
        "It costs 3.5 million dollars.",
        "Some cities, e.g. Sylvania City, are old.",
        "See No. 5 for that.",
        "Acme Inc. owns it.",
        "The U.S. Army left.",
        "St. Petersburg is far.",
        "Smith vs. Jones was decided in Jan. 1999.",
        "1.2 Term",
        "1. The first thing.",
        "He waited ... and then left.",
        '"Stop!" he said.',
        'It says {"n": 5, "rest": "..." } here.',
        "Splash! Pools was founded by Rufus.",
        "Yeehaw! Inc. (the Buyer) has a seat in Sylvania.",
        "Ask Me? Ltd. Freedonia sells maps.",
        'Pond Ltd. (the "Seller") owns the land.',
        "Harpo Firefly Jr. [2] plays the harp.",
        '"Stop!" Rufus shouted.',
        "Er wurde am 7. Mai geboren.",
        "Der 2. Vorsitzende wohnt in der Gartenstr. 9.",
        "Am 4. 5. 1961 kam er an.",
        "Einige Orte, z. B. Hamm, d. h. die kleinen, zahlen 3 Mio. Euro.",
        "Nach § 4 Abs. 2 und Nr. 3 haftet er.",
        "Frau Dr. med. Dipl.-Ing. Weber kommt.",
        "M. Le Roux et Mme. Blanc ont signé, cf. art. 4 et n° 5.",
        "« Quelle joie ! » dit-il.",
        "J.-P. Roux vit à Nice.",
        "El Sr. Mora vive en EE. UU. con la Sra. Gil.",
        "Algunas, p. ej. Soria, son viejas.",
        "Murió en 40 a. C. en Roma.",
    ],
)
def test_one_sentence(text: str) -> None:
    assert pieces(text) == [text]


@pytest.mark.parametrize(
    "parts",
    [
        ["Rufus came.", "Then he left."],
        ["He works for Acme Inc.", "The firm is old."],
        ["They live in the U.S.", "It is large."],
        ['She said "no."', "He agreed."],
        ["(It rained.)", "We stayed."],
        ["Really?!", "Yes."],
        ["He said no.", "Then he left."],
        ["It grew.[12]", "Later it shrank."],
        ["2.1 Term.", "The term is two years."],
        ["He left…", "She stayed."],
        ["She works for Splash!", "He does not."],
        ["What a win!", "Freedonia sang."],
        ["Where is Rufus?", "Harpo knows."],
        ["“Go!”", "“Where to?”", "No answer came."],
        ["It took 5 s.", "Names came first."],
        ["Es kamen 20.", "Das waren wenige."],
        ["Er fragte: „Wer ist da?“", "Niemand sprach."],
        ["Obst, Gemüse usw.", "Der Stand ist offen."],
        ["Elle dit : « Je pars. »", "Personne ne parla."],
        ["Le prix est fixe, etc.", "Il monte."],
        ["¡Hola!", "¿Cómo está Ana?", "Bien."],
        ["Preguntó: «¿Quién es?»", "Nadie habló."],
    ],
)
def test_two_sentences(parts: list[str]) -> None:
    assert pieces(" ".join(parts)) == parts


def test_chinese_stops_need_no_space() -> None:
    assert pieces("我来了。他走了！「好。」再见") == ["我来了。", "他走了！", "「好。」", "再见"]


def test_newline_always_ends_a_sentence() -> None:
    assert pieces("one\ntwo") == ["one", "two"]


def test_run_ons_are_cut_at_semicolons_first() -> None:
    text = "; ".join(["a clause, with words in it"] * 60)
    found = pieces(text)
    assert len(found) > 1
    assert all(piece.endswith(";") for piece in found[:-1])
    assert max(map(len, found)) <= MAX_CHARS


def test_a_run_of_stops_without_spaces() -> None:
    assert "".join(pieces("." * 50_000 + "x")) == "." * 50_000 + "x"


def test_abbreviation_at_the_end() -> None:
    assert ends_with_abbreviation("the court of St.")
    assert not ends_with_abbreviation("the court.")


@given(st.text(alphabet=st.sampled_from("aB1 .,;!?…。」\"'()[]\n\t\u00a0Mr-"), max_size=2000) | st.text(max_size=300))
def test_spans_cover_all_text_in_order(text: str) -> None:
    at = 0
    for start, end in split(text):
        assert at <= start < end <= len(text)
        assert not text[at:start].strip()
        assert end - start <= MAX_CHARS
        assert text[start:end].strip() == text[start:end]
        at = end
    assert not text[at:].strip()
