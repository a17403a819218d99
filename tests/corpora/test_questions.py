"""Sets of questions in the formats they are published in, tiny ones of our own words."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from memllm_cli.corpora.questions import Questions, read
from memllm_cli.errors import DamagedError, NotFound, UsageError


def write(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def packed(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode()))
    return path


def said(data: Questions) -> list[list[str]]:
    """What stands at the spans of each question."""
    return [[data.documents[q.document].text[a:b] for a, b in q.spans] for q in data.questions]


def asked(question: str, answers: list[tuple[str, int]], **rest: Any) -> dict[str, Any]:
    return {"question": question, "answers": [{"text": t, "answer_start": at} for t, at in answers], **rest}


def article(title: str, *paragraphs: tuple[str, list[dict[str, Any]]]) -> dict[str, Any]:
    return {"title": title, "paragraphs": [{"context": c, "qas": q} for c, q in paragraphs]}


OLD = "Ost had  a crane.\n A bigger crane came to Ost in 1904."


def test_squad_is_a_document_an_article_with_places(tmp_path: Path) -> None:
    path = write(
        tmp_path / "s.json",
        {"data": [
            article(
                "Old_quays",
                ("The quay is old.", [asked(" What is  old? ", [("quay", 4), ("The quay", 0), ("quay", 4)])]),
                (OLD, [
                    asked("What came?", [("crane", OLD.rindex("crane"))]), asked("What was had?", [("a  crane", 9)]),
                    asked("Who came?", [("Ost", 0)], is_impossible=True),
                    asked("What else?", [("boats", 3)]),
                ]),
            ),
            article("Tides", ("It rises.", [asked("What does it?", [("rises", 3)])])),
        ]},
    )  # fmt: skip
    data = read(f"squad:{path}")
    assert [(d.title, d.text) for d in data.documents] == [
        ("Old quays", "The quay is old.\n\nOst had a crane. A bigger crane came to Ost in 1904."),
        ("Tides", "It rises."),
    ]
    assert [(q.text, q.document, q.answers) for q in data.questions] == [
        ("What is old?", 0, ("quay", "The quay")), ("What came?", 0, ("crane",)), ("What was had?", 0, ("a  crane",)),
        ("Who came?", 0, ()), ("What else?", 0, ("boats",)), ("What does it?", 1, ("rises",)),
    ]  # fmt: skip
    assert said(data) == [["quay", "The quay"], ["crane"], ["a crane"], [], [], ["rises"]]
    assert data.questions[1].spans[0][0] == data.documents[0].text.rindex("crane")  # not the first one
    assert not data.alone


def test_an_answer_is_a_whole_word_where_there_is_one(tmp_path: Path) -> None:
    text = "Ostrava is not Ost."
    path = write(tmp_path / "s.json", {"data": [article("A", (text, [asked("Q?", [("Ost", 0), ("strav", 1)])]))]})
    assert read(f"squad:{path}").questions[0].spans == ((15, 18), (1, 6))


def test_articles_of_squad_are_split_by_name(tmp_path: Path) -> None:
    titles = ["Packet_switching", "Immune_system", "Force", "Normans"]
    path = write(tmp_path / "s.json", {"data": [article(t, ("It is.", [asked("Is it?", [])])) for t in titles]})
    parts = {p: [d.title for d in read(f"squad:{path}#{p}").documents] for p in ("train", "tune", "report")}
    assert parts == {"train": ["Normans"], "tune": ["Packet switching"], "report": ["Immune system", "Force"]}
    assert [q.document for q in read(f"squad:{path}#report").questions] == [0, 1]


def test_policyqa_is_a_policy_a_document(tmp_path: Path) -> None:
    sites = [
        article(
            f"site{n}.example", (f"We keep data {n} days.", [asked("How long?", [(f"{n} days", 13)], type="Keep|||x")])
        )
        for n in range(10)
    ]
    path = write(tmp_path / "p.json", {"data": sites})
    data = read(f"policyqa:{path}")
    assert data.alone
    assert data.documents[3].title == "site3.example privacy policy"
    assert (data.questions[3].kind, data.questions[3].document, said(data)[3]) == ("Keep", 3, ["3 days"])
    parts = [read(f"policyqa:{path}#{p}").documents for p in ("train", "tune", "report")]
    assert [[d.title[4] for d in part] for part in parts] == [list("0123456"), ["7"], ["8", "9"]]


def page(table: list[list[str]], texts: list[str], *questions: tuple[str, str, Any, str, list[str]]) -> dict[str, Any]:
    keys = ("question", "answer_type", "answer", "answer_from", "rel_paragraphs")
    paragraphs = [{"order": n, "text": t} for n, t in enumerate(texts, 1)]
    return {"table": {"table": table}, "paragraphs": paragraphs[::-1],
            "questions": [dict(zip(keys, q, strict=True)) for q in questions]}  # fmt: skip


def test_tatqa_is_a_table_with_its_text(tmp_path: Path) -> None:
    table = [["", "2019", "2018"], ["Fees", "41", "30"], ["Rent", "7", "30"]]
    texts = ["Fees are paid in May.", "Rent is paid in June. Fees rose."]
    path = write(
        tmp_path / "t.json",
        [page(
            table, texts, ("When is rent paid?", "span", ["June"], "text", ["2"]),
            ("What rose?", "span", ["Fees"], "text", ["2"]), ("What were fees?", "span", ["41"], "table", []),
            ("What was rent in 2018?", "span", ["30"], "table", []), ("How much more?", "arithmetic", 11, "table", []),
            ("Which months?", "multi-span", ["May", "June"], "text", ["1", "2"]),
            ("Which fees?", "multi-span", ["41", "30"], "table", []),
        )] * 2,
    )  # fmt: skip
    data = read(f"tatqa:{path}")
    assert len(data.documents) == 2
    assert data.alone
    assert data.documents[1].text.endswith("\n\n".join(texts))
    of_second = [(q, s) for q, s in zip(data.questions, said(data), strict=True) if q.document == 1]
    assert [(q.answers, q.every, q.kind, s) for q, s in of_second] == [
        (("June",), False, "text", ["June"]), (("Fees",), False, "text", ["Fees"]), (("41",), False, "table", ["41"]),
        (("30",), False, "table", []), (("May", "June"), True, "text", ["May", "June"]),
        (("41", "30"), True, "table", []),
    ]  # fmt: skip
    assert of_second[1][0].spans[0][0] == data.documents[1].text.rindex("Fees")  # in the paragraph that is named
    assert [len(read(f"tatqa:{path}#{p}").documents) for p in ("train", "tune", "report")] == [2, 0, 0]


def test_nq_is_a_passage_a_document(tmp_path: Path) -> None:
    rows = [
        ("who keeps it", ["Ann Poe", "Ann"], "Keys", "The keys are with Ann Poe."),
        ("who has it", ["Bo"], "Keys", "Nobody has them."),
        ("when was it", ["1904"], "Quay", "Built in 1904."),
    ]
    lines = [{"question": q, "answers": a, "ctxs": [{"title": t, "text": x}, {}]} for q, a, t, x in rows]
    data = read(f"nq:{packed(tmp_path / 'n.gz', chr(10).join(map(json.dumps, lines)))}")
    assert [(q.text, q.document, q.answers) for q in data.questions] == [
        ("who keeps it", 0, ("Ann Poe", "Ann")), ("when was it", 1, ("1904",)),
    ]  # fmt: skip
    assert said(data) == [["Ann Poe", "Ann"], ["1904"]]
    assert [d.title for d in data.documents] == ["Keys", "Quay"]


QAMR = """#PTB:wsj:1:1
Ann Poe keeps the keys .
Who keeps something?    Ann Poe\tAnn
What is kept?  the keys
Who lost it?  Bo Lind

#PTB:wsj:1:2
They are old .
What are old?  They
#WIKI:a:7:1
The tide rises .
What rises?  tide
"""


def test_qamr_is_an_article_a_document(tmp_path: Path) -> None:
    data = read(f"qamr:{packed(tmp_path / 'qamr_a.txt.gz', QAMR)}")
    assert [d.text for d in data.documents] == ["Ann Poe keeps the keys .\n\nThey are old .", "The tide rises ."]
    assert [(q.text, q.document) for q in data.questions] == [
        ("Who keeps something?", 0), ("What is kept?", 0), ("What are old?", 0), ("What rises?", 1),
    ]  # fmt: skip
    assert said(data) == [["Ann Poe"], ["the keys"], ["They"], ["tide"]]
    packed(tmp_path / "qamr_b.txt.gz", "#WIKI:b:1:1\nIt sinks .\nWhat sinks?  It\n")
    assert len(read(f"qamr:{tmp_path}").documents) == 3


def test_a_folder_is_what_its_list_says(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# Keys\n\nAnn Poe and Bo Lind keep them.\n", encoding="utf-8")
    questions = [
        {"q": "Who?", "answers": ["Ann Poe"], "kind": "name", "evidence": "Ann Poe and", "evidence_more": ["Bo", ""]},
        {"q": "Which people?", "all": ["Ann Poe", "Bo Lind"]},
    ]
    write(tmp_path / "set.json", [{"file": "a.md", "questions": questions, "unanswerable": ["Why?", {"q": "When?"}]}])
    data = read(f"folder:{tmp_path}")
    assert [d.title for d in data.documents] == ["Keys"]
    assert [(q.text, q.answers, q.every, q.kind, q.evidence) for q in data.questions] == [
        ("Who?", ("Ann Poe",), False, "name", ("Ann Poe and", "Bo")),
        ("Which people?", ("Ann Poe", "Bo Lind"), True, "", ()), ("Why?", (), False, "", ()),
        ("When?", (), False, "", ()),
    ]  # fmt: skip


@pytest.mark.parametrize("argument", ["s.json", "quad:s.json", "", ":s.json", "squad:s.json#test"])
def test_what_is_not_asked_for_rightly(argument: str) -> None:
    with pytest.raises(UsageError) as error:
        read(argument)
    assert error.value.hint


@pytest.mark.parametrize("kind", ["squad", "policyqa", "tatqa", "nq", "qamr", "folder"])
def test_files_that_are_missing_or_of_another_kind(tmp_path: Path, kind: str) -> None:
    with pytest.raises(NotFound, match="nowhere"):
        read(f"{kind}:{tmp_path / 'nowhere'}")
    for content in (b"{", b"[1]", b'{"data": [{}]}', b"\xff\xfe"):
        (tmp_path / "set.json").write_bytes(content)
        with pytest.raises(DamagedError, match=f"is not of the kind {kind}"):
            read(f"{kind}:{tmp_path if kind == 'folder' else tmp_path / 'set.json'}")
