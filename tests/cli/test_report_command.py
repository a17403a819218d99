"""Pages to hand on: safe whatever documents say, footnotes that lead somewhere, the same facts in both forms."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from memllm_cli.documents.reader import read_text
from memllm_cli.memory.edit.memory import Memory, Written
from memllm_cli.reporting.html import html as as_html
from memllm_cli.reporting.markdown import markdown
from memllm_cli.reporting.page import Clash, Line, Note, Page, Paragraph, Piece
from memllm_cli.types import Triple

Run = Callable[..., Any]

LEASE = """# Quay Lease

The keeper of the Quay Lease is Ferrow Looms.
The rent is EUR 900. It may rise. The lease is not governed by French law.
"""
LETTER = "From May on the keeper of the Quay Lease is Ottway Mills.\n"
EVIL = """# A <script>alert(1)</script> page

The owner of <img src=x onerror=alert(2)> is "Mill & Co" <b>bold</b>. See [here](javascript:alert(3)) or
http://bad.example/x, www.bad.example. (javascript:alert(5)) Look![pic](http://bad.example/p.png)
and | a | `code` **x** <!-- c --> &lt;i&gt;
\x1b[31mred \u202eturned

- - -
1. one
<style>body { display: none }</style>
"""


class Seen(HTMLParser):
    """The tags, attributes and texts of a page; the cells of its rows."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: dict[str, str] = {}
        self.rows: list[list[str]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta", "br", "hr"):
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag == "td":
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("br", "hr"):  # the parser ends what ends itself
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in set(self.open):
            self.text[tag] = self.text.get(tag, "") + data
        if "td" in self.open:
            self.rows[-1][-1] += data

    def values(self, name: str) -> list[str]:
        return [v for _, attributes in self.tags if (v := attributes.get(name)) is not None]

    @property
    def facts(self) -> list[tuple[str, ...]]:
        return [tuple(row[1:5]) for row in self.rows if row]


def rendered(text: str) -> str:
    return str(MarkdownIt("commonmark").enable("table").render(text))


def written(memory: Memory, name: str, text: str, *facts: Written) -> None:
    memory.ingest(read_text(name, text), facts, "m", "extract-1")


def stated(sentence: int, *texts: str, **more: Any) -> Written:
    return Written(Triple(*texts), (sentence,), 0.9, own=True, **more)


@pytest.fixture
def home(memory: Memory, run: Run) -> Memory:
    """Two documents that contradict each other, and what they do not state."""
    run("init")
    memory.create(Path(__file__).parents[2] / "kb" / "relations.csv")
    written(
        memory, "lease.md", LEASE,
        stated(1, "Quay Lease", "keeper", "Ferrow Looms", valid_from="2024"),
        stated(2, "Quay Lease", "rent", "EUR 900"),
        stated(3, "Quay Lease", "rent", "EUR 950", proposed=True),
        stated(4, "Quay Lease", "lawyer", "Odo French", truth="denied"),
    )  # fmt: skip
    written(memory, "letter.txt", LETTER, stated(0, "Quay Lease", "keeper", "Ottway Mills"))
    return memory


@pytest.mark.parametrize("what", ["Quay Lease", "lease.md", "letter.txt", "Quay Lease >> >>"])
def test_both_forms_say_the_same_facts(home: Memory, run: Run, what: str) -> None:
    data = run("report", what, "--json").data
    facts = [(f["subject"], f["relation"], f["object"], f["holds"]) for f in data["facts"]]
    assert facts
    assert Seen(run("report", what, "--html").out).facts == facts
    assert Seen(rendered(run("report", what, "--md").out)).facts == facts


@pytest.mark.parametrize("what", ["Quay Lease", "lease.md", "letter.txt"])
def test_footnotes_lead_to_what_the_document_says(home: Memory, run: Run, what: str) -> None:
    page = Seen(run("report", what, "--html").out)
    targets = page.values("href")
    assert targets
    assert {t.removeprefix("#") for t in targets} <= set(page.values("id"))
    assert all(t.startswith("#") for t in targets)
    assert len(page.values("id")) == len(set(page.values("id")))
    md = run("report", what, "--md").out
    used, made = re.findall(r"\[\^(\d+)\](?!:)", md), re.findall(r"^\[\^(\d+)\]:", md, re.MULTILINE)
    assert set(used) == set(made)
    assert len(made) == len(set(made))
    texts = {"lease.md": LEASE, "letter.txt": LETTER}
    for note in run("report", what, "--json").data["sources"]:
        line = int(note["place"].removeprefix("line "))
        assert note["said"] in texts[note["source"].removeprefix("stdin:")].splitlines()[line - 1]


@pytest.mark.parametrize("what", ["Quay Lease", "lease.md", "letter.txt"])
def test_conflicts_are_marked_and_show_both_sides(home: Memory, run: Run, what: str) -> None:
    html, md = Seen(run("report", what, "--html").out), run("report", what, "--md").out
    (conflict,) = run("report", what, "--json").data["conflicts"]
    assert {f["object"] for f in conflict["facts"]} == {"Ferrow Looms", "Ottway Mills"}
    marked = [row[3] for row in html.rows if row and "≠ conflict 1" in row[-1]]
    assert marked == {"lease.md": ["Ferrow Looms"], "letter.txt": ["Ottway Mills"]}.get(
        what, ["Ferrow Looms", "Ottway Mills"]
    )
    assert [r[3] for r in Seen(rendered(md)).rows if r and "≠ conflict 1" in r[-1]] == marked
    assert "c1" in html.values("id")
    if what != "Quay Lease":  # in the text, too
        assert "[1] ≠ conflict 1" in " ".join(html.text["p"].split())


def test_what_is_not_stated_is_counted_and_not_shown(home: Memory, run: Run) -> None:
    for form in ("--html", "--md"):
        out = run("report", "Quay Lease", form).out
        assert "Left out: 1 proposal that nobody has accepted, and 1 statement that documents deny" in out
        assert "EUR 950" not in out
        assert "Odo French" not in out
        assert "knowledge base &#x27;default&#x27;" in out or "knowledge base 'default'" in out
        assert "3 facts, 3 sources in 2 documents, 1 conflict" in out


def test_the_text_of_a_document_is_whole_and_its_sentences_are_marked(home: Memory, run: Run) -> None:
    html, md = run("report", "lease.md", "--html").out, run("report", "lease.md", "--md").out
    marked = re.findall(r"<mark>(.*?)</mark>", html)
    assert marked == ["The keeper of the Quay Lease is Ferrow Looms.", "The rent is EUR 900."]
    assert [f"**{m}**" in md for m in marked] == [True, True]
    text = html[html.index('<div class="text">') : html.index("</div>\n<h2>Sources")]
    plain = re.sub(r"<sup>.*?</sup>| <a .*?</a>|<[^>]*>", "", text)
    assert " ".join(plain.split()) == " ".join(LEASE.removeprefix("# ").split())
    assert "### Quay Lease" in md


def test_documents_cannot_write_the_page(memory: Memory, run: Run) -> None:
    run("init")
    memory.create(Path(__file__).parents[2] / "kb" / "relations.csv")
    evil = '"><script>alert(4)</script>'
    document = read_text("evil.txt", EVIL)
    values = [f"Mill | & Co [x](javascript:y) {i}" for i in range(len(document.sentences))]
    facts = [stated(i, f"A {evil}", "owner <b>", value, one_object=False) for i, value in enumerate(values)]
    memory.ingest(document, facts, "m", "extract-1")
    for what in ("evil.txt", f"A {evil}"):
        out = run("report", what, "--html").out
        page = Seen(out)
        allowed = "html head meta title style body main h1 h2 h3 p br table thead tbody tr th td a sup mark span div"
        assert {tag for tag, _ in page.tags} <= set(f"{allowed} ol ul li q footer".split())
        names = {name for _, attributes in page.tags for name in attributes}
        assert names <= set("lang charset http-equiv content name id class href scope".split())
        assert all(h.startswith("#") for h in page.values("href"))
        assert [tag for tag, _ in page.tags].count("style") == 1
        assert evil in page.text["td"]
        assert "<script>alert(1)</script>" in page.text["main"]
        md = rendered(run("report", what, "--md").out)
        tags = {tag for tag, _ in Seen(md.replace("<hr />", "")).tags}
        assert tags <= set("h1 h2 h3 p br table thead tbody tr th td strong".split())
        assert Seen(md).facts == page.facts
        assert not {"\x1b", "\u202e"} & set(out + md)


def test_the_policy_allows_this_style_and_nothing_else(home: Memory, run: Run) -> None:
    out = run("report", "Quay Lease", "--html").out
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', out)
    style = re.search(r"<style>(.*?)</style>", out, re.DOTALL)
    assert policy is not None
    assert style is not None
    allowed = b64encode(sha256(style[1].encode()).digest()).decode()
    assert policy[1] == f"default-src 'none'; style-src 'sha256-{allowed}'; base-uri 'none'; form-action 'none'"
    assert "prefers-color-scheme: dark" in style[1]
    assert "@media print" in style[1]
    assert "url(" not in style[1]


def test_what_a_person_states_says_so_and_paths_are_not_told(run: Run, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        text = f"# Mill {folder}\n\nOwner: Ottway\n\nTrade: weaving\n"
        (tmp_path / folder / "mill.md").write_text(text, encoding="utf-8")
    run("ingest", "--structure", str(tmp_path / "one"), str(tmp_path / "two"))
    run("fact", "set", "Ottway >> country >> Freedonia", "--note", "by phone")
    out = run("report", "Ottway", "--md").out
    assert str(tmp_path) not in out
    assert re.search(r"^\[\^\d\]: a person, \d{4}-\d\d-\d\d: by phone$", out, re.MULTILINE)
    assert {"one/mill.md, line 3", "two/mill.md, line 3"} <= set(re.findall(r"\w+/mill\.md, line \d", out))
    assert "can mean 2 documents" in run("report", "mill.md").err
    run("undo")
    assert "by phone" not in run("report", "Ottway", "--md").out
    assert "by phone" in run("report", "Ottway", "--as-of", "4", "--md").out


def test_files_are_written_whole_and_mistakes_are_told(home: Memory, run: Run, tmp_path: Path) -> None:
    for name, begins in (("p.html", "<!doctype html>"), ("p.md", "# Quay Lease"), ("p.txt", "# Quay Lease")):
        assert run("report", "Quay Lease", "--out", str(tmp_path / name)).out == ""
        assert (tmp_path / name).read_text(encoding="utf-8").startswith(begins)
    for arguments, code, said in (
        (["report", "Atlantis"], 1, "Memory has nothing about 'Atlantis'."),
        (["report", "Nobody >> keeper >>"], 1, "nothing that fits"),
        (["report", "Quay Lease", "--html", "--md"], 2, "exclude each other"),
        (["report", " "], 2, "on nothing"),
        (["report", "Quay Lease", "--out", str(tmp_path / "no" / "p.md")], 1, "cannot be written"),
    ):
        ran = run(*arguments)
        assert (ran.code, ran.out) == (code, "")
        assert said in ran.err


MARKS = (
    "<script> </p> <!-- --> [a](b) ![x](y) ` ``` ** _a_ | \\ &lt; &#60; http://a.b www.a.b <http://x.y> x@y.z - + 1. "
    "2) # > === --- [^1] [^1]: [r]:http://x ~~~ $x$ \" ' a Ä ( : ! \x1b[1m \u202e \x00 \u2028 \x85 <![CDATA[ <?php ]]>"
).split(" ")
SOUP = st.lists(st.sampled_from([*MARKS, " ", "\n", "    ", "\t"]), max_size=8).map("".join)


@settings(max_examples=100, deadline=None)
@given(texts=st.lists(SOUP, min_size=12, max_size=12), ends=st.lists(st.sampled_from([(), (1,), (2, 1)]), min_size=4))
def test_no_text_becomes_markup(texts: list[str], ends: list[tuple[int, ...]]) -> None:
    title, kb, source, place, said, reason, holds, *rest = texts
    line = Line((rest[0], rest[1], rest[2]), holds, (1, 2), (1,))
    text = tuple(Piece(t, e, (), e, e[1:]) for t, e in zip(rest, ends, strict=False))
    notes = (Note(1, source, f"line 3{place}", said), Note(2, f"{place}, 2026-11-27: {said}"))
    clash = Clash(1, reason, (line,))
    page = Page(title, "document", kb, "2026-11-27", 3, (line,), (clash,), notes, 0, 0, (Paragraph(0, text),), source)
    html, md = Seen(as_html(page)), Seen(rendered(markdown(page)))
    assert [h for h in html.values("href") if not re.fullmatch(r"#[fcns]\d", h)] == []
    counted = [[t for t, _ in seen.tags].count(tag) for seen, tag in ((html, "script"), (html, "li"), (html, "p"))]
    assert counted == [0, 3, 5]
    tags = [t for t, _ in md.tags]
    assert set(tags) <= set("h1 h2 p br hr table thead tbody tr th td strong ul li".split())
    assert [tags.count(t) for t in ("h1", "h2", "hr", "table", "tr", "td", "ul", "li")] == [1, 3, 1, 1, 2, 6, 1, 1]
