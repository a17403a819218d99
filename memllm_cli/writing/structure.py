"""Facts that the structure of a document states, without a model: cells of tables, key–value lines, items of lists.

A table's row says row name >> column name >> cell; a key–value line says thing >> key >> value; a list under a line
that names a relation says thing >> that line >> item. The thing is the document, or the section where sections are
records: where the same keys come again under several headings. What is a sentence stays text, and what is not sure is
proposed.
Looks at forms, places and repetition; knows no words of any language.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

from memllm_cli.calibration.structure import SHARES
from memllm_cli.documents.tables import value_kind
from memllm_cli.memory.edit.statements import is_name
from memllm_cli.types import Block, Document, Triple
from memllm_cli.writing import fields

FORMAT = "structure-1"
LONGEST_PHRASE = 20
"""Words of an item under a line with a colon above which it is text."""
MOST_VALUES = 8
"""Lines under a heading above which they are text."""
MOST_FACTS = 5000
"""Facts of one document: a table that has more is for searching, not for remembering."""
_ROLE = re.compile(r"(?P<name>[^()]{2,80}?)\s+\((?P<role>[^()]{2,60})\)\s*$")
_DASHED = re.compile(r"(?P<name>[^–—]{2,80}?)\s+(?:[–—]|-{1,2})\s+(?P<role>[^–—:]{2,60})$")
_MAILBOX = re.compile(r"(?P<name>[^<>@,;]{2,60}?)\s*<(?P<address>[^<>\s]+(?:@| at )[^<>\s]+)>")
_BETWEEN_BOXES = re.compile(r"(?<=>)\s*[,;]\s*")
_DATE_IN = re.compile(r"\b(?:1[89]|20)\d\d-[01]\d-[0-3]\d\b")
_NO_NAME = re.compile(r"[.!?…][\"'”’)\]]*$|:")
_SPLIT_OFF = re.compile(r"\s[-–—]{1,2}\s")
_HANDLE = re.compile(r"\s+@[\w./-]+")
_PATH = re.compile(r"[/#.]\S*$")
_ADDED = 60
"""The most rows that one below them adds up."""


@dataclass(frozen=True, slots=True)
class Stated:
    """A fact that a block states. `kind` is what it was found in, `sure` whether nothing about its form is in doubt."""

    triple: Triple
    block: int
    kind: str
    sure: bool = True
    one_object: bool = True

    @property
    def probability(self) -> float:
        """The share of facts of its kind that are right."""
        return SHARES[self.kind]


def stated(document: Document) -> list[Stated]:
    """The facts that a document's structure states, in order, each once."""
    found: dict[tuple[str, str, str], Stated] = {}
    for fact in _Reading(document).facts():
        key = (fact.triple.subject.casefold(), fact.triple.relation.casefold(), fact.triple.object.casefold())
        if key not in found:
            found[key] = fact
        if len(found) >= MOST_FACTS:
            break
    return _cardinalities(list(found.values()))


def aliases(document: Document) -> list[tuple[str, str]]:
    """Other names that front matter gives the document's thing: (title, name)."""
    out = []
    for number, block in enumerate(document.blocks):
        if block.note == "front matter" and block.label.casefold() in ("aliases", "alias"):
            out.append((document.title, _value(document, number)))
    return out


def _cardinalities(facts: list[Stated]) -> list[Stated]:
    """Relations of which a thing has several values in this document take several."""
    values = Counter((f.triple.subject.casefold(), f.triple.relation.casefold()) for f in facts)
    several = {relation for (_, relation), count in values.items() if count > 1}
    return [
        Stated(f.triple, f.block, f.kind, f.sure, f.one_object and f.triple.relation.casefold() not in several)
        for f in facts
    ]


def _value(document: Document, number: int) -> str:
    """What stands behind the key of a block."""
    block, text = document.blocks[number], document.block(number)
    rest = text[len(block.label) :] if text.casefold().startswith(block.label.casefold()) else text.partition(":")[2]
    rest = rest.lstrip(" :=\t").strip()
    return fields.bare(rest) if len(rest.split()) <= 8 else rest


class _Reading:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.blocks = document.blocks
        self.children: dict[int | None, list[int]] = {}
        for number, block in enumerate(self.blocks):
            self.children.setdefault(block.parent, []).append(number)
        self.title = document.title
        self.sections = sum(b.kind == "heading" for b in self.blocks)
        self.keys = self._repeated()
        self.nameless = self._nameless()
        self.records = self._records()
        self.mail = {"from", "subject"} <= {b.label.casefold() for b in self.blocks if b.kind == "pair"}

    def facts(self) -> Iterator[Stated]:
        """All of them, in order."""
        yield from self._dated()
        for number, block in enumerate(self.blocks):
            match block.kind:
                case "heading":
                    yield from self._section(number, block)
                case "table":
                    yield from self._table(number, block)
                case "pair":
                    yield from self._pair(number, block)
                case "list":
                    yield from self._list(number, block)
                case "definition":
                    yield from self._definition(number, block)

    # -- what a section is about ------------------------------------------------------------------------------------

    def _repeated(self) -> set[int]:
        """Headings whose sections are records: a key or a lead stands in several sections of their level."""
        sections: dict[tuple[int | None, str], set[int]] = {}
        for block in self.blocks:
            if block.parent is None:
                continue
            above = block.parent
            key = ""
            if block.kind in ("pair", "item") and block.label:
                key = block.label
                above = self._heading(block) or -1
            elif block.kind == "list" and block.label:
                key, above = block.label, self._section_of_list(block) or -1
            if key and above >= 0 and self.blocks[above].kind == "heading":
                sections.setdefault((self.blocks[above].level, key.casefold()), set()).add(above)
        return {heading for headings in sections.values() if len(headings) >= 2 for heading in headings}

    def _records(self) -> set[int]:
        """Lists under lines with a colon that have keys of others of their section: each speaks of its line."""
        lists: dict[tuple[int | None, str], set[int]] = {}
        for block in self.blocks:
            above = block.parent
            if block.kind == "item" and block.label and above is not None and self._is_led(above):
                lists.setdefault((self._heading(block), block.label.casefold()), set()).add(above)
        return {number for numbers in lists.values() if len(numbers) >= 2 for number in numbers}

    def _is_led(self, number: int) -> bool:
        """Whether a block is a list under a line with a colon, and not right under a heading."""
        block = self.blocks[number]
        return block.kind == "list" and bool(block.label) and number > 0 and self.blocks[number - 1].kind != "heading"

    def _nameless(self) -> set[int]:
        """Pairs of forms that come again under one heading, as the heads of quoted mails: the first is the thing's own,
        and nothing says what the others are about."""
        out: set[int] = set()
        seen: dict[int | None, set[str]] = {}
        thread: set[int | None] = set()
        at = 0
        while at < len(self.blocks):
            end = at
            while end < len(self.blocks) and self.blocks[end].kind == "pair":
                end += 1
            if end == at:
                at += 1
                continue
            keys = {self.blocks[n].label.casefold() for n in range(at, end)}
            known = seen.setdefault(self.blocks[at].parent, set())
            if known & keys:
                thread.add(self.blocks[at].parent)
            if self.blocks[at].parent in thread:
                out.update(range(at, end))
            known |= keys
            at = end
        return out

    def _heading(self, block: Block) -> int | None:
        """The number of the nearest heading above a block."""
        above = block.parent
        while above is not None and self.blocks[above].kind != "heading":
            above = self.blocks[above].parent
        return above

    def _section_of_list(self, block: Block) -> int | None:
        """The heading a list stands under, other than the one that is its lead."""
        heading = self._heading(block)
        if heading is not None and self._text(heading).rstrip(": ").casefold() == block.label.casefold():
            return self._heading(self.blocks[heading])
        return heading

    def _thing(self, heading: int | None) -> str:
        """What a section is about: its heading where sections are records, else the document."""
        while heading is not None:
            if heading in self.keys:
                return fields.ENUMERATOR.sub("", self._text(heading)).rstrip(":").strip()
            heading = self._heading(self.blocks[heading])
        return self.title

    def _text(self, number: int) -> str:
        return self.document.block(number)

    # -- key and value ----------------------------------------------------------------------------------------------

    def _pair(self, number: int, block: Block) -> Iterator[Stated]:
        key, value = fields.key(block.label), _value(self.document, number)
        if number in self.nameless or not fields.is_key(key) or not fields.is_value(value):
            return
        front = block.note == "front matter"
        named = block.label.casefold() in ("aliases", "alias", "title") and (front or value == self.title)
        if named or (front and _PATH.match(value)):
            return
        subject = self.title if front else self._thing(self._heading(block))
        if value.casefold() != subject.casefold():
            yield from _with_address(subject, key, value, number, "front matter" if front else "pair", self.mail)

    def _definition(self, number: int, block: Block) -> Iterator[Stated]:
        """What a term means; proposed, for nothing says whose term it is."""
        value = self._text(number)
        if block.label and fields.is_value(value) and len(value.split()) <= 6:
            subject = self._thing(self._heading(block))
            yield from _made(subject, fields.key(block.label), value, number, "definition", sure=False)

    # -- lists ------------------------------------------------------------------------------------------------------

    def _list(self, number: int, block: Block) -> Iterator[Stated]:
        """Items under a line that names a relation; items that are key and value themselves."""
        items = [n for n in self.children.get(number, []) if self.blocks[n].kind == "item"]
        heading = self._section_of_list(block)
        led = self._is_led(number)
        thing = self._thing(heading)
        if led and heading is not None and self.sections >= 3:  # a sentence that leads a list speaks of its section
            thing = fields.ENUMERATOR.sub("", self._text(heading)).rstrip(":").strip()
        owner = fields.key(block.label) if number in self.records else self._thing(self._heading(block))
        yield from self._items(items, block.label, thing, owner, led)

    def _items(self, items: list[int], lead: str, thing: str, owner: str, led: bool) -> Iterator[Stated]:
        """What the items of one list state: names about `thing`, keys and values about `owner`, which is another where
        the heading of a record leads the list; `led` when a line with a colon stands above them."""
        for item in items:
            below = [n for n in self.children.get(item, []) if self.blocks[n].kind == "item"]
            named = self._named(item) if below else None
            if self.blocks[item].label:
                yield from self._labelled(item, owner)
            if below:
                text = fields.key(self._text(item).partition("\n")[0])
                records = [n for n in below if self.blocks[n].label]
                leading = [n for n in below if self._has_items(n) and self._text(n).rstrip().endswith(":")]
                if named is not None and (len(records) >= 2 or leading):
                    yield from self._items(below, "", named[0], named[0], led=False)
                elif fields.leads(text) and not self.blocks[item].label:
                    yield from self._items(below, text, thing, owner, self._text(item).rstrip().endswith(":"))
        bare = [n for n in items if not self.blocks[n].label and not self._has_items(n)]
        relation = fields.relation(lead)
        if not bare or not relation or relation.casefold() == thing.casefold():
            return
        names = [self._named(n) or (self._phrase(n) if led else None) for n in bare]
        if sum(name is not None for name in names) < max(1, 0.8 * len(bare)):
            return
        for item, name in zip(bare, names, strict=True):
            if name is None:
                continue
            yield from _made(thing, relation, name[0], item, "list", one_object=False)
            if name[1]:
                yield from _made(name[0], "role", name[1], item, "role", one_object=False)

    def _has_items(self, number: int) -> bool:
        return any(self.blocks[n].kind == "item" for n in self.children.get(number, []))

    def _labelled(self, number: int, thing: str) -> Iterator[Stated]:
        block = self.blocks[number]
        key, value = fields.key(block.label), _value(self.document, number)
        if fields.is_key(key) and fields.is_value(value):
            yield from _with_address(thing, key, value, number, "pair")

    def _phrase(self, number: int) -> tuple[str, str] | None:
        """An item that is neither a name nor a sentence."""
        text = fields.ENUMERATOR.sub("", self._text(number)).strip().rstrip(";,").strip()
        text = re.sub(r"[;,]\s+(?:\w{2,3})$", "", text)  # the word that joins the last two items
        short = len(text) <= fields.LONGEST_VALUE and len(text.split()) <= LONGEST_PHRASE
        return (text, "") if short and not fields.SENTENCE_END.search(text) and ":" not in text else None

    def _named(self, number: int) -> tuple[str, str] | None:
        """The name an item is, and what stands in brackets or behind a dash; None for one that is text."""
        text = fields.ENUMERATOR.sub("", self._text(number)).strip().rstrip(";,").strip()
        role = _ROLE.fullmatch(text) or _DASHED.fullmatch(text)
        if role is not None and not fields.is_proper(_HANDLE.sub("", role["name"])):
            role = None  # what stands behind it describes it
        name = _HANDLE.sub("", role["name"] if role else text).strip()
        said = role["role"].strip() if role else ""
        if role is not None and not _is_role(name, said):
            return None  # it says more of it than what it is: it stays whole
        words = name.split()
        if (
            not words
            or len(words) > 6
            or len(name) > fields.LONGEST_KEY
            or ":" in name
            or not any(map(str.isalpha, name))
        ):
            return None
        if fields.SENTENCE_END.search(name) or fields.ADDRESS.search(name):
            return None
        capitals = sum(w[:1].isupper() or w[:1].isdigit() for w in words)
        if (len(words) > 3 and 2 * capitals < len(words)) or _SPLIT_OFF.search(name):
            return None
        return name, said if any(c.isalpha() for c in said) and len(said.split()) <= 6 else ""

    # -- headings ---------------------------------------------------------------------------------------------------

    def _section(self, number: int, heading: Block) -> Iterator[Stated]:
        """A heading over nothing but a value, or a few: `Allergies` over `Augmentin`."""
        key = fields.key(self._text(number))
        inside = self.children.get(number, [])
        if not inside or not fields.leads(key) or len(inside) > MOST_VALUES or key.casefold() == self.title.casefold():
            return
        values = [fields.bare(self._text(n)) for n in inside]
        if any(self.blocks[n].kind != "paragraph" for n in inside):
            return
        if not all(fields.is_value(v) and len(v.split()) <= 8 and not _NO_NAME.search(v) for v in values):
            return
        thing = self._thing(heading.parent)
        for n, value in zip(inside, values, strict=True):
            yield from _made(thing, key, value, n, "section", one_object=len(inside) == 1)

    def _dated(self) -> Iterator[Stated]:
        """The date in the document's own heading."""
        found = _DATE_IN.search(self.title)
        number = next((n for n, b in enumerate(self.blocks) if self._text(n) == self.title), None)
        if found and number is not None and self.blocks[number].kind == "heading":
            yield from _made(self.title, "date", found[0], number, "heading")

    # -- tables -----------------------------------------------------------------------------------------------------

    def _table(self, number: int, table: Block) -> Iterator[Stated]:
        rows = [n for n in self.children.get(number, []) if self.blocks[n].kind == "row"]
        sure = "unsure" not in table.note
        thing = fields.key(table.label) if fields.is_key(fields.key(table.label)) else self._thing(self._heading(table))
        sums = self._sums(rows)
        for row in rows:
            block = self.blocks[row]
            name = block.label
            if not name:
                continue
            cells = [n for n in self.children.get(row, []) if self.blocks[n].column]
            for cell in cells:
                value, column = self._text(cell), self.blocks[cell].label
                unit = self.blocks[cell].note
                if unit and unit not in value and value_kind(value) == "number":
                    value = f"{value} {unit}"
                if "record" in table.note:
                    yield from _cell(thing, name, value, cell, "record", sure)
                elif "transposed" in table.note:
                    yield from _cell(column, name, value, cell, "table", sure)
                else:
                    named = row not in sums or len(name.split()) > 1
                    yield from _cell(name, column, value, cell, "table", sure and named)

    def _sums(self, rows: list[int]) -> set[int]:
        """Rows that add up those above them, of the table or since another such row, in their last column."""
        out: set[int] = set()
        running: list[float] = []
        for row in rows:
            cells = [n for n in self.children.get(row, []) if self.blocks[n].column]
            value = fields.number(self._text(cells[-1])) if cells else None
            if value is None:
                continue
            sums = list(accumulate(reversed(running)))[1:]  # of the last two, of the last three and so on
            if any(abs(value - total) <= 0.011 * abs(value) for total in sums):
                out.add(row)
            running = [*running[1 - _ADDED :], value]
        return out


def _is_role(name: str, text: str) -> bool:
    """Whether what stands behind a name in brackets or after a dash is what somebody is there as."""
    named = sum(word[:1].isupper() for word in name.split()) >= 2 or text[:1].isupper()
    return named and not any(c.isdigit() for c in text) and (len(text.split()) <= 2 or text[:1].isupper())


def _cell(subject: str, key: str, value: str, block: int, kind: str, sure: bool) -> Iterator[Stated]:
    key, unit = fields.without_unit(key)
    relation = fields.key(key)
    if unit and value_kind(value) == "number" and unit not in value:
        value = f"{value} {unit}"
    if subject.strip() and relation and len(relation) <= fields.LONGEST_KEY and fields.is_value(value):
        if value_kind(subject) == "number" or not any(c.isalpha() for c in subject + relation):
            return
        yield from _made(subject, relation, value, block, kind, sure)


def _with_address(subject: str, key: str, value: str, block: int, kind: str, mail: bool = False) -> Iterator[Stated]:
    """A value; one that is a mailbox (`Ann Poe <ann@poe.example>`, RFC 5322) is a name that has an address.

    In the head of a `mail` it is only the name: that says how a message went, and is nothing stated of a person.
    """
    boxes = [_MAILBOX.fullmatch(part.strip()) for part in _BETWEEN_BOXES.split(value)]
    if not boxes or any(box is None for box in boxes):
        yield from _made(subject, key, value, block, kind)
        return
    for box in boxes:
        if box is not None:
            name = box["name"].strip(" \"'")
            yield from _made(subject, key, name, block, kind, one_object=len(boxes) == 1)
            if not mail:
                yield from _made(name, "e-mail", box["address"].strip(), block, kind, one_object=False)


def _made(
    subject: str, relation: str, value: str, block: int, kind: str, sure: bool = True, one_object: bool = True
) -> Iterator[Stated]:
    if is_name(subject) and is_name(relation) and is_name(value) and ">>" not in subject + relation + value:
        yield Stated(Triple(subject, relation, value), block, kind, sure, one_object)
