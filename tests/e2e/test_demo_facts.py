"""What is found in the demo's own documents: facts that must be kept, and what may be missing."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import pytest

from tests.e2e.conftest import DEMO, DEMO_FACTS

if TYPE_CHECKING:
    from tests.e2e.conftest import Home

pytestmark = pytest.mark.e2e

FOUND = """
Beacon Services Agreement>>customer>>Tallowick Design GmbH
Beacon Services Agreement>>effective date>>1 March 2026
Beacon Services Agreement>>governing law>>Austria
Beacon Services Agreement>>jurisdiction>>Vienna
Beacon Services Agreement>>monthly fee>>EUR 1,850
Beacon Services Agreement>>notice period>>60 days
Beacon Services Agreement>>payment term>>30 days
Beacon Services Agreement>>service level>>99.5 percent
Beacon Services Agreement>>signing date>>16 February 2026
Freedonia>>area>>18,600
Freedonia>>head of government>>Vera Teasdale
Freedonia>>head of state>>Rufus T. Marlowe
Freedonia>>highest point>>Mount Halbrecht
Freedonia>>legislative body>>House of Reeds
Freedonia>>motto>>Steady as the tide
Freedonia>>official language>>Freedonian
Freedonia>>population>>2,340,000
Freedonia>>shares border with>>Marovia
Freedonia>>unemployment rate>>4.6 percent
Harbour Lease>>deposit>>EUR 12,600
Harbour Lease>>effective date>>1 February 2026
Harbour Lease>>expiry date>>31 January 2031
Harbour Lease>>governing law>>Ireland
Harbour Lease>>landlord>>Marrowgate Property Ltd.
Harbour Lease>>late fee>>EUR 75
Harbour Lease>>monthly rent>>EUR 3,900
Harbour Lease>>monthly rent>>EUR 4,200
Harbour Lease>>notice period>>six months
Harbour Lease>>notice period>>three months
Harbour Lease>>service charge>>EUR 380
Harbour Lease>>signatory>>Emil Sandbrook
Harbour Lease>>signing date>>12 January 2026
Harbour Lease>>tenant>>Tallowick Design GmbH
Harbour Side Letter>>governing law>>Ireland
Harbour Side Letter>>party>>Marrowgate Property Ltd.
Harbour Side Letter>>party>>Tallowick Design GmbH
Harbour Side Letter>>signing date>>20 May 2026
Kestrel Viewer>>programming language>>Rust
Kestrel Viewer>>version>>2.4
Project Kestrel>>budget>>EUR 85,000
Project Kestrel>>deadline>>30 June 2026
Project Kestrel>>goal>>a searchable archive of all drawings
Project Kestrel>>meeting date>>9 March 2026
Project Kestrel>>project lead>>Mara Lindqvist
Project Kestrel>>risk>>a late delivery of the test data
Project Kestrel>>sponsor>>Tallowick Design GmbH
Project Kestrel>>status>>on track
Rufus T. Marlowe>>place of birth>>Port Lammas
Tallowick Design GmbH>>head office address>>3 Linden Row, Porthollow
"""
"""Kept as facts, each stated by the sentence shown for it."""

NEAR = """
Beacon Services Agreement>>renewal term>>12 months
Beacon Services Agreement>>signatory>>Petra Vance
Freedonia>>located in or next to body of water>>Amber Sea
Harbour Lease>>landlord>>Marrowgate Property Ltd
Harbour Side Letter>>party>>Marrowgate Property Ltd
Project Kestrel>>milestone>>pilot with five users
Sylvania City>>sister city>>Porthollow
Beacon Services Agreement>>term>>24 months
Freedonia>>largest city>>Port Lammas
Freedonia>>shares border with>>Duchy of Tarn
Harbour Lease>>jurisdiction>>Porthollow
Kestrel Viewer>>repository>>git.tallowick.example/kestrel-viewer
Orrery Data Ltd>>contact person>>Jonas Ibbotson
Orrery Data Ltd>>headquarters location>>Larkenbridge
Project Kestrel>>meeting date>>23 March 2026
Project Kestrel>>next meeting>>23 March 2026
Sylvania City>>located in or next to body of water>>River Osel
import screen>>deadline>>27 March 2026
search index>>priority>>high
user guide>>deadline>>17 April 2026
"""
"""Right, and so near the line between facts and proposals that they may fall on either side."""

MISSED = """
Harbour Lease>>signatory>>Nora Quillfeather
Harbour Lease>>premises>>second floor of Harbour House
Harbour House>>location>>Porthollow
Harbour Lease>>permitted use>>design studio
Harbour Lease>>term>>five years
Harbour Lease>>insurance amount>>EUR 500,000
Harbour Lease>>governing law>>law of Ireland
Harbour Lease>>jurisdiction>>courts of Porthollow
Harbour Side Letter>>amends>>Harbour Lease
new lift>>delivery date>>30 September 2026
Beacon Services Agreement>>supplier>>Orrery Data Ltd
Beacon Services Agreement>>service level>>99.5 percent availability
Beacon Services Agreement>>liability cap>>EUR 50,000
Beacon Services Agreement>>confidentiality period>>three years
Beacon Services Agreement>>governing law>>law of Austria
Jonas Ibbotson>>email address>>jonas@orrery-data.example
steering meeting>>meeting date>>9 March 2026
import screen>>responsible person>>Tomas Okoro
user guide>>responsible person>>Ines Calloway
user guide>>depends on>>import screen
search index>>blocked by>>missing test data
steering meeting>>decision>>drop support for the old file format
Freedonia>>capital>>Sylvania City
Freedonia>>currency>>Freedonian crown
Freedonia>>inception>>1824
"""
"""Stated by the documents, and not kept as facts: proposals, other spellings of a value, or not found at all."""

STRUCTURE = """
Board of Tallowick Design, 2026-03-18>>date>>2026-03-18
Board of Tallowick Design, 2026-03-18>>Place>>Harbour House, Porthollow
Board of Tallowick Design, 2026-03-18>>chairperson>>Greta Solberg
Board of Tallowick Design, 2026-03-18>>Present>>Greta Solberg
Greta Solberg>>job title>>chair
Board of Tallowick Design, 2026-03-18>>Present>>Nils Abernathy
Nils Abernathy>>job title>>treasurer
Board of Tallowick Design, 2026-03-18>>Present>>Ines Calloway
Ines Calloway>>job title>>secretary
Board of Tallowick Design, 2026-03-18>>Apologies>>Tomas Okoro
Orrery Data Ltd>>contact person>>Jonas Ibbotson
Orrery Data Ltd>>goal>>project statistics
Orrery Data Ltd>>country>>Austria
Orrery Data Ltd>>Yearly cost>>22,200 EUR
Pellworm Hosting>>goal>>servers and backups
Pellworm Hosting>>country>>Ireland
Pellworm Hosting>>Yearly cost>>6,480 EUR
Pellworm Hosting>>contact person>>Saoirse Tully
Brightkiln Print>>goal>>posters and plans
Brightkiln Print>>country>>Portugal
Brightkiln Print>>Yearly cost>>3,150 EUR
Brightkiln Print>>contact person>>Duarte Reis
Osprey Couriers>>goal>>parcels
Osprey Couriers>>country>>Ireland
Osprey Couriers>>Yearly cost>>1,900 EUR
"""
"""What a table and a page of minutes state by their structure: exact, and nothing of them but this."""

Triple = tuple[str, ...]


def triples(text: str) -> set[Triple]:
    return {tuple(part.casefold() for part in line.split(">>")) for line in text.strip().splitlines()}


def test_the_facts_of_the_demo_are_found(home: Home) -> None:
    assert home.run("--json", "ingest", str(DEMO)).data["failed"] == []
    rows = home.run("--json", "fact", "list", "--limit", "0").data
    kept = {(r["subject"].casefold(), r["relation"], r["object"].casefold()) for r in rows}
    assert not triples(FOUND) - kept
    pages = ("suppliers.md", "board-minutes.md")
    structure = {
        (r["subject"].casefold(), r["relation"].casefold(), r["object"].casefold())
        for r in rows
        if any(e["uri"].endswith(pages) for e in r["evidence"])
    }
    assert structure == triples(STRUCTURE)
    wrong = (
        {f for f in kept if (f[0], f[1].casefold(), f[2]) not in structure}
        - triples(FOUND)
        - triples(NEAR)
        - triples(MISSED)
    )
    assert len(wrong) <= len(kept) // 25, wrong
    assert all(r["evidence"] for r in rows)


def test_what_may_be_missing_is_listed() -> None:
    with (DEMO_FACTS).open(encoding="utf-8") as file:
        table = {(r["subject"].casefold(), r["relation"], r["object"].casefold()) for r in csv.DictReader(file)}
    assert not table - triples(FOUND) - triples(NEAR) - triples(MISSED)
    assert triples(MISSED) <= table
