"""The table of relations and the demo's facts, as they ship."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

import pytest

from memllm_cli.memory.values.names import normal

KB = Path(__file__).parent.parent / "kb"
DEMO = KB / "demo"
DEMO_FACTS = Path(__file__).parent / "e2e" / "demo_facts.csv"
"""Facts that the demo's documents state; each sentence stands in its document word for word."""
COLUMNS = [
    *("name", "id", "description", "subject_cardinality", "object_cardinality"),
    *("inverse", "aliases", "object_type", "domain"),
]
# The properties that DocRED and Re-DocRED annotate.
DOCRED_IDS = """
    P6 P17 P19 P20 P22 P25 P26 P27 P30 P31 P35 P36 P37 P39 P40 P50 P54 P57 P58 P69 P86 P102 P108 P112
    P118 P123 P127 P131 P136 P137 P140 P150 P155 P156 P159 P161 P162 P166 P170 P171 P172 P175 P176 P178
    P179 P190 P194 P205 P206 P241 P264 P272 P276 P279 P355 P361 P364 P400 P403 P449 P463 P488 P495 P527
    P551 P569 P570 P571 P576 P577 P580 P582 P585 P607 P674 P676 P706 P710 P737 P740 P749 P800 P807 P840
    P937 P1001 P1056 P1198 P1336 P1344 P1365 P1366 P1376 P1412 P1441 P3373
"""
DOCRED = DOCRED_IDS.split()


def read(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        rows = list(reader)
        return list(reader.fieldnames or []), rows


HEADER, ROWS = read(KB / "relations.csv")
FACT_HEADER, FACTS = read(DEMO_FACTS)
BY_NAME = {row["name"]: row for row in ROWS}


def phrases(row: dict[str, str]) -> list[str]:
    return [row["name"], row["inverse"], *row["aliases"].split("|")]


def squeeze(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def demo_text(name: str) -> str:
    """What a reader sees of a demo document, white space squeezed."""
    path = DEMO / name
    if path.suffix == ".pdf":
        from pypdf import PdfReader

        return squeeze("\n".join(page.extract_text() for page in PdfReader(path).pages))
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".html":
        from bs4 import BeautifulSoup

        soup = BeautifulSoup(text, "html.parser")
        for hidden in soup.find_all(style=re.compile("display:none")):
            hidden.decompose()
        text = soup.get_text()
    return squeeze(text)


def test_header_and_every_row_is_full() -> None:
    assert HEADER == COLUMNS
    for row in ROWS:
        assert None not in row, f"too many fields: {row}"
        for column in COLUMNS:
            assert row[column], f"{row['name']}: {column} is empty"
            assert row[column] == row[column].strip(), f"{row['name']}: {column} has spaces around it"


def test_ids_are_unique_and_cover_docred() -> None:
    ids = [part for row in ROWS for part in row["id"].split("|")]
    assert len(DOCRED) == len(set(DOCRED)) == 96
    assert [i for i, count in Counter(ids).items() if count > 1] == []
    assert set(DOCRED) - set(ids) == set()


def test_at_least_45_relations_of_our_own() -> None:
    assert sum(not row["id"].startswith("P") for row in ROWS) >= 45


@pytest.mark.parametrize(
    ("name", "inverse", "ids"),
    [
        ("capital", "capital of", "P36|P1376"),
        ("follows", "followed by", "P155|P156"),
        ("part of", "has part", "P361|P527"),
        ("parent organization", "subsidiary", "P749|P355"),
        ("participant", "participant of", "P710|P1344"),
        ("replaces", "replaced by", "P1365|P1366"),
    ],
)
def test_two_properties_that_are_one_relation(name: str, inverse: str, ids: str) -> None:
    assert (BY_NAME[name]["inverse"], BY_NAME[name]["id"]) == (inverse, ids)


def test_cardinalities_that_corrections_rely_on() -> None:
    def sides(name: str) -> tuple[str, str]:
        return BY_NAME[name]["subject_cardinality"], BY_NAME[name]["object_cardinality"]

    assert sides("capital") == ("one", "one")
    assert sides("monthly rent") == sides("date of birth") == sides("father") == ("many", "one")
    assert sides("child") == sides("author") == sides("party") == ("many", "many")


def test_no_phrase_means_two_relations() -> None:
    said: dict[str, str] = {}
    for row in ROWS:
        for phrase in phrases(row):
            key = normal(phrase)
            assert key not in said, f"'{phrase}' of {row['name']} is already said by {said.get(key)}"
            said[key] = row["name"]


def test_phrases_are_plain_lower_case() -> None:
    for row in ROWS:
        assert len(row["aliases"].split("|")) >= 3, row["name"]
        for phrase in phrases(row):
            assert phrase == squeeze(phrase).strip().lower(), f"{row['name']}: '{phrase}'"
            assert phrase, f"{row['name']}: empty alias"
            assert not set(phrase) & set(";>{}|\n"), f"{row['name']}: '{phrase}'"


def test_enumerations() -> None:
    for row in ROWS:
        assert row["subject_cardinality"] in ("one", "many"), row
        assert row["object_cardinality"] in ("one", "many"), row
        assert row["object_type"] in ("entity", "text", "number", "money", "date", "duration"), row
        assert row["domain"] in ("general", "contract", "project", "organisation"), row


def test_demo_facts_use_canonical_relations() -> None:
    assert FACT_HEADER == ["subject", "relation", "object", "document", "sentence"]
    assert 40 <= len(FACTS) <= 60
    triples = [(f["subject"], f["relation"], f["object"]) for f in FACTS]
    assert len(set(triples)) == len(triples)
    for fact in FACTS:
        assert fact["relation"] in BY_NAME, fact


def test_demo_facts_stand_in_their_documents() -> None:
    texts = {name: demo_text(name) for name in {f["document"] for f in FACTS}}
    assert len(texts) == 5
    for fact in FACTS:
        text = texts[fact["document"]]
        assert text.count(fact["sentence"]) == 1, fact
        assert fact["object"] in fact["sentence"], fact
        assert fact["subject"] in text, fact


def test_the_side_letter_contradicts_the_lease_in_two_points() -> None:
    values: dict[tuple[str, str], set[str]] = {}
    for fact in FACTS:
        if BY_NAME[fact["relation"]]["object_cardinality"] == "one":
            values.setdefault((fact["subject"], fact["relation"]), set()).add(fact["object"])
    assert {key: found for key, found in values.items() if len(found) > 1} == {
        ("Harbour Lease", "monthly rent"): {"EUR 4,200", "EUR 3,900"},
        ("Harbour Lease", "notice period"): {"three months", "six months"},
    }


def test_what_the_html_hides_is_really_there() -> None:
    raw = (DEMO / "services.html").read_text(encoding="utf-8")
    assert "EUR 9,999" in raw
    assert "is EUR 1." in raw
    assert "EUR 9,999" not in demo_text("services.html")
    assert "is EUR 1." not in demo_text("services.html")
