"""Facts that structure states: what becomes one, what is proposed, what stays text."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from memllm_cli.calibration.structure import JUDGED, SHARES
from memllm_cli.documents import read, read_text
from memllm_cli.types import Triple
from memllm_cli.writing.structure import aliases, stated

ROOT = Path(__file__).resolve().parents[2]


def shown(triple: Triple) -> str:
    return f"{triple.subject} >> {triple.relation} >> {triple.object}"


def facts(text: str, name: str = "page.md", sure: bool = True) -> list[str]:
    return [shown(s.triple) for s in stated(read_text(name, text)) if s.sure is sure]


TOWNS = (
    "# Harbours\n\n| Town | Boats (t) | Lead |\n|---|---|---|\n"
    "| Rufus Town | 4,100 | [Ann Poe](x) |\n| Ost | – | Bo |\n"
)


def test_a_table_says_row_column_cell() -> None:
    assert facts(TOWNS) == [
        "Rufus Town >> Boats >> 4,100 t", "Rufus Town >> Lead >> Ann Poe", "Ost >> Lead >> Bo",
    ]  # fmt: skip


def test_a_table_that_names_nothing_gives_nothing_sure() -> None:
    assert facts("| | |\n|---|---|\n| Ann likes tea | but not cake |\n| Bo likes cake | and tea |\n") == []
    assert facts("| n | m |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n") == []


def test_a_sum_without_a_name_of_its_own_is_proposed() -> None:
    text = "| Part | 2024 |\n|---|---|\n| Fees | 40 |\n| Rent | 2 |\n| Total | 42 |\n"
    assert facts(text) == ["Fees >> 2024 >> 40", "Rent >> 2024 >> 2"]
    assert facts(text, sure=False) == ["Total >> 2024 >> 42"]


def test_only_a_unit_in_brackets_leaves_the_name() -> None:
    text = "| Town | Rise (decline) | Weight (kg) |\n|---|---|---|\n| Ost | 4 | 7 |\n| Marn | 2 | 9 |\n"
    assert facts(text)[:2] == ["Ost >> Rise (decline) >> 4", "Ost >> Weight >> 7 kg"]


def test_key_and_value_are_of_the_document_or_of_records() -> None:
    assert facts("# Pump 7\n\n**Made by:** Ostrava Works\n\n**Year:** 1998\n") == [
        "Pump 7 >> Made by >> Ostrava Works", "Pump 7 >> Year >> 1998",
    ]  # fmt: skip
    staff = "# Staff\n" + "".join(f"\n## {n}\n\n- Role: {r}\n- Room: {k}\n" for n, r, k in [
        ("Ann Poe", "chair", 1), ("Bo Lind", "clerk", 2), ("Cy Ray", "guard", 3),
    ])  # fmt: skip
    assert facts(staff)[:2] == ["Ann Poe >> Role >> chair", "Ann Poe >> Room >> 1"]


def test_a_list_under_a_line_says_that_relation_and_brackets_a_role() -> None:
    minutes = "# Board, 2026-03-04\n\n## Present\n\n- Ann Poe (chair)\n- Bo Lind\n- Cy Ray – clerk\n"
    assert facts(minutes) == [
        "Board, 2026-03-04 >> date >> 2026-03-04", "Board, 2026-03-04 >> Present >> Ann Poe",
        "Ann Poe >> role >> chair", "Board, 2026-03-04 >> Present >> Bo Lind",
        "Board, 2026-03-04 >> Present >> Cy Ray", "Cy Ray >> role >> clerk",
    ]  # fmt: skip


def test_only_a_role_leaves_the_name_it_stands_behind() -> None:
    team = "# Team\n\nMembers:\n\n- Ann Poe (chair)\n- Bo Lind (left in May)\n- Cy Ray (not yet confirmed)\n"
    assert facts(team) == [
        "Team >> Members >> Ann Poe", "Ann Poe >> role >> chair", "Team >> Members >> Bo Lind (left in May)",
        "Team >> Members >> Cy Ray (not yet confirmed)",
    ]  # fmt: skip
    assert not any("role" in f for f in facts("# Cake\n\nIngredients:\n\n- Flour (200 g)\n- Ham (no nuts)\n"))


def test_lists_with_the_same_keys_speak_of_the_lines_above_them() -> None:
    deal = "# Deal\n\nNotices to A:\n\n- Room: 1\n- Phone: 11\n\nNotices to B:\n\n- Room: 2\n- Phone: 22\n"
    assert facts(deal)[1:3] == ["Notices to A >> Phone >> 11", "Notices to B >> Room >> 2"]
    one = "# Deal\n\nDetails:\n\n- Room: 1\n- Phone: 11\n"
    assert facts(one) == ["Deal >> Room >> 1", "Deal >> Phone >> 11"]


def test_an_item_above_a_lead_is_what_it_is_about() -> None:
    beds = "# Beds\n\n- North bed\n    - Crops:\n        - Beans\n- South bed\n    - Crops:\n        - Corn\n"
    assert facts(beds) == ["North bed >> Crops >> Beans", "South bed >> Crops >> Corn"]


@pytest.mark.parametrize(
    "text",
    [
        "# Notes\n\n## Decisions\n\n- The roof was not mended, and nobody knows when it will be.\n- We meet in May.\n",
        "# Notes\n\nHe wrote: it is a long way to go from here, and nobody has gone it before me.\n",
        "# Notes\n\nOne thing: it rains.\n",
        "# Notes\n\n- Ann: I think we should not do that.\n- Bo: we shall see what the others say about it.\n",
        "Text first, of some length.\n\n```\nkey: value\nother: thing\n```\n",
    ],
)
def test_a_sentence_stays_text(text: str) -> None:
    assert facts(text) == []


def test_the_head_of_a_mail_is_of_the_mail() -> None:
    mail = "From: Ines Oro <ines@t.example>\nTo: Tom <t@t.example>\nDate: 10 Mar 2026\nSubject: Pilot\n\nHello.\n"
    said = facts(mail, "m.txt")
    assert "Pilot >> From >> Ines Oro" in said
    assert not any("@" in fact for fact in said)  # how it was sent is nothing stated of a person
    assert "Pilot >> Date >> 10 Mar 2026" in said


def test_a_mailbox_elsewhere_is_a_name_with_an_address() -> None:
    said = facts("Title: Pump 7\nKeeper: Ines Oro <ines@t.example>\nYear: 1998\n", "p.txt")
    assert said[:2] == ["Pump 7 >> Keeper >> Ines Oro", "Ines Oro >> e-mail >> ines@t.example"]


def test_front_matter_gives_aliases_and_facts() -> None:
    document = read_text("n.md", "---\naliases: [Quay, The Office]\nowner: Ann Poe\n---\n# Harbour office\n\nText.\n")
    assert [shown(s.triple) for s in stated(document)] == ["Harbour office >> owner >> Ann Poe"]
    assert aliases(document) == [("Harbour office", "Quay"), ("Harbour office", "The Office")]


def test_a_fact_rests_on_its_cell_and_has_the_share_of_its_kind() -> None:
    document = read_text("page.md", TOWNS)
    first = next(iter(stated(document)))
    assert (document.block(first.block), first.probability) == ("4,100", SHARES["table"])


def test_shares_are_those_of_the_judged_facts() -> None:
    with (ROOT / "docs" / "judged_structure.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    drawn = Counter(row["kind"] for row in rows)
    right = Counter(row["kind"] for row in rows if row["right"] == "yes")
    assert len(rows) == 200
    assert {k: v for k, v in JUDGED.items() if v[1]} == {k: (right[k], drawn[k]) for k in drawn}


SAME = {
    "page.md": """# Pump 7

Maker: Ostrava Works
Year: 1998

| Part | Price | Supplier |
|------|-------|----------|
| Seal | EUR 4 | Ost Ltd |
| Ring | EUR 9 | Marn AG |

Checked by:

- Ann Poe (chair)
- Bo Lind
""",
    "page.html": """<html><head><title>Pump 7</title></head><body><h1>Pump 7</h1>
<p>Maker: Ostrava Works<br>Year: 1998</p>
<table><tr><th>Part</th><th>Price</th><th>Supplier</th></tr>
<tr><td>Seal</td><td>EUR 4</td><td>Ost Ltd</td></tr><tr><td>Ring</td><td>EUR 9</td><td>Marn AG</td></tr></table>
<p>Checked by:</p><ul><li>Ann Poe (chair)</li><li>Bo Lind</li></ul></body></html>
""",
    "page.rst": """Pump 7
======

:Maker: Ostrava Works
:Year: 1998

====  =====  ========
Part  Price  Supplier
====  =====  ========
Seal  EUR 4  Ost Ltd
Ring  EUR 9  Marn AG
====  =====  ========

Checked by:

- Ann Poe (chair)
- Bo Lind
""",
}


def _pdf(path: Path) -> None:
    """The same page as a PDF: text at places and ruled lines, in the format's own words (ISO 32000, 8 and 9)."""
    lines = [("Pump 7", 72, 740, 20), ("Maker: Ostrava Works", 72, 700, 11), ("Year: 1998", 72, 684, 11)]
    rows = [("Part", "Price", "Supplier"), ("Seal", "EUR 4", "Ost Ltd"), ("Ring", "EUR 9", "Marn AG")]
    lines += [(c, 78 + 110 * x, 640 - 20 * y, 11) for y, row in enumerate(rows) for x, c in enumerate(row)]
    lines += [("Checked by:", 72, 560, 11), ("\\225 Ann Poe \\(chair\\)", 84, 544, 11), ("\\225 Bo Lind", 84, 528, 11)]
    drawn = [f"BT /F1 {size} Tf {x} {y} Td ({text}) Tj ET" for text, x, y, size in lines]
    drawn += [f"72 {654 - 20 * y} m 402 {654 - 20 * y} l S" for y in range(4)]
    drawn += [f"{72 + 110 * x} 654 m {72 + 110 * x} 594 l S" for x in range(4)]
    content = "\n".join(drawn).encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]  # fmt: skip
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"xref\n0 6\n0000000000 65535 f \n%strailer << /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
    path.write_bytes(out + end % (table, len(out)))


def test_the_same_content_gives_the_same_facts_in_every_format(tmp_path: Path) -> None:
    _pdf(tmp_path / "page.pdf")
    said = {name: facts(text, name) for name, text in SAME.items()}
    said["page.pdf"] = [shown(s.triple) for s in stated(read(tmp_path / "page.pdf")) if s.sure]
    assert said["page.md"] == [
        "Pump 7 >> Maker >> Ostrava Works", "Pump 7 >> Year >> 1998", "Seal >> Price >> EUR 4",
        "Seal >> Supplier >> Ost Ltd", "Ring >> Price >> EUR 9", "Ring >> Supplier >> Marn AG",
        "Pump 7 >> Checked by >> Ann Poe", "Ann Poe >> role >> chair", "Pump 7 >> Checked by >> Bo Lind",
    ]  # fmt: skip
    for name in ("page.html", "page.rst", "page.pdf"):
        assert said[name] == said["page.md"], name
