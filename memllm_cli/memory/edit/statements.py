"""Rows of one operation, collected on top of a snapshot and kept together by `edit.memory.Memory`."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from memllm_cli.errors import NotFound, UsageError
from memllm_cli.memory.disk.tables import (
    USE,
    Alias,
    Assertion,
    BlockRow,
    DocumentRow,
    Entity,
    EvidenceRow,
    RelationRow,
    Rows,
    SentenceRow,
)
from memllm_cli.memory.history.facts import Key
from memllm_cli.memory.history.snapshot import Snapshot
from memllm_cli.memory.values.literals import ENTITY, normalise, space
from memllm_cli.memory.values.names import abbreviates, is_role, normal, pointed, role_word
from memllm_cli.memory.values.relations import DOCUMENTS, Relation
from memllm_cli.types import READER, Document, Sentence, flat

if TYPE_CHECKING:
    import duckdb

LONGEST_NAME = 2000  # characters; longer ones are text, not names
LONGEST_RELATION = 100
_POINTING = re.compile(r"\b(?:this|said|the present|such)\s+$", re.IGNORECASE)


def is_name(text: str) -> bool:
    """Whether a name can be kept: it has a letter or a digit, and is not too long."""
    shown = " ".join(text.split())
    return bool(normal(shown)) and any(c.isalnum() for c in shown) and len(shown) <= LONGEST_NAME


def is_sayable(text: str) -> bool:
    """Whether a person can ask for a name: it has no `>>` in it, and is no variable such as `?x`."""
    return ">>" not in text and re.fullmatch(r"\s*\?\w*\s*", text) is None


class Writer:
    """Collects entities, assertions and evidence of one operation on top of a snapshot.

    `connection` is needed only to find sentences of documents read before.
    """

    def __init__(
        self, snapshot: Snapshot, source: str | None = None, connection: duckdb.DuckDBPyConnection | None = None
    ) -> None:
        self.connection = connection
        self.snapshot = snapshot
        self.operation = snapshot.history.last + 1
        self.document_id: int | None = None
        self.scope: int | None = None
        """The document to which names such as 'the Tenant' belong; None when a person or a table speaks."""
        self.rows = Rows()
        self._source = source
        self._next_entity = snapshot.last_entity + 1
        self._next_assertion = snapshot.history.last_statement + 1
        self._fresh: dict[tuple[str, str, int | None], int] = {}
        self._relations: dict[str, tuple[Relation, bool]] = {}
        """Relations that this operation makes, by the compared form of their names."""
        self._used: set[int] = set()
        self._called: dict[str, int] = {}
        """What the names that this operation gives, in compared form, mean."""
        self._text = ""
        self._day_first: bool | None = None

    def entity(self, name: str, kind: str) -> int:
        """Id of a name or literal, new if nothing is called exactly so."""
        shown = " ".join(name.split())
        plain = normal(shown)
        form = plain if kind in (ENTITY, "text") else normalise(shown, kind, self._day_first)
        if not plain:
            raise UsageError("A name is empty.", 'Write: "subject >> relation >> object"')
        if len(shown) > LONGEST_NAME:
            raise UsageError(f"A name has {len(shown)} characters; at most {LONGEST_NAME} are kept.", "Shorten it.")
        if kind == ENTITY and self.scope is not None:
            shown, form = self._of_document(shown, form)
        if kind == ENTITY and form in self._called:  # what a document calls a thing it means by that name
            return self._called[form]
        scope = self.scope if kind == ENTITY and is_role(form) else None
        found = self.snapshot.of_form(form, kind)
        if found and (known := self._meant(found, scope, shown)) is not None:
            return self.snapshot.own(shown, known, kind)
        key = (space(kind), form, scope)
        if key not in self._fresh:
            self._fresh[key] = self._next_entity
            self.rows.entities.append(Entity(self._next_entity, shown, form, kind, scope, self.operation))
            self._next_entity += 1
        return self._fresh[key]

    def _of_document(self, shown: str, form: str) -> tuple[str, str]:
        """A name as its document has it, with its compared form: "This Supply Agreement" is its Supply Agreement.

        What is named by a role alone (this agreement, the agreement) is called as that was called first in it. A name
        that only looks so, such as that of a film, stays as it is.
        """
        if is_role(form):
            ways = (form, *(w + role_word(form) for w in ("", "the ", "this ", "said ", "such ")))
            return next(((w, w) for w in ways if self._has_role(w)), (shown, form))
        bare = pointed(shown)
        if not bare or not (role_word(normal(bare)) or self._stands_alone(bare)):
            return shown, form
        return bare, normal(bare)

    def _has_role(self, form: str) -> bool:
        """Whether the document being read calls somebody by this role already."""
        known = self.snapshot.of_form(form)
        return (ENTITY, form, self.scope) in self._fresh or any(
            self.snapshot.entity(i).scope == self.scope for i in known
        )

    def _stands_alone(self, bare: str) -> bool:
        """Whether the document being read has a name without pointing at it, too."""
        found = (m.start() for m in re.finditer(rf"(?<!\w){re.escape(bare)}(?!\w)", self._text))
        return any(not _POINTING.search(self._text, max(0, at - 20), at) for at in found)

    def relation(self, phrase: str, one_object: bool = True) -> tuple[Relation, bool]:
        """The relation a phrase names, and whether from the object's side; a new one in these words if none does.

        `one_object` is what a new one is taken for: whether a subject has one object at a time. Raises UsageError for
        a phrase that cannot name a relation.
        """
        name = " ".join(phrase.split())
        form = normal(name)
        found = self.snapshot.relations.find(name) or self._relations.get(form)
        if found is None:
            if not is_name(name) or not is_sayable(name) or len(name) > LONGEST_RELATION:
                raise UsageError(f"'{name[:60]}' cannot name a relation.", "Use a few words.")
            rows = self.snapshot.history.relations
            before = next((r for r in rows if r.domain == DOCUMENTS and not r.is_use and normal(r.name) == form), None)
            id_ = before.id if before is not None else max((r.id for r in rows), default=0) + 1 + len(self._relations)
            made = Relation(id_, name, self._inverse(name), (), "", False, one_object, "text", DOCUMENTS)
            self.rows.relations.append(RelationRow.of(made, self.operation))
            found = self._relations[form] = (made, False)
            self._used.add(made.id)
        self.use(found[0])
        return found

    def known(self, phrase: str) -> tuple[Relation, bool]:
        """The relation a phrase names, and whether from the object's side. Raises NotFound, UsageError."""
        found = self.snapshot.relations.get(phrase)
        self.use(found[0])
        return found

    def use(self, relation: Relation) -> None:
        """Say that this operation needs a relation, which then stays as long as it counts."""
        if relation.is_own and relation.id not in self._used:
            self._used.add(relation.id)
            self.rows.relations.append(RelationRow.of(relation, self.operation)._replace(external=USE))

    def _inverse(self, name: str) -> str:
        for inverse in (f"{name} of", f"is {name} of", f"is the {name} of"):
            if self.snapshot.relations.find(inverse) is None:
                return inverse
        return f"has as {name}"

    def _meant(self, found: list[int], scope: int | None, name: str) -> int | None:
        """Which of the entities with a name is meant here; None for a new one.

        A document means its own, or one that belongs to none; a person means the one that belongs to no document, or
        the only one there is.
        """
        snapshot = self.snapshot
        if len(found) == 1 and self.scope is None:
            return found[0]
        if scope is not None:
            return next((i for i in found if snapshot.entity(i).scope == scope), None)
        free = [i for i in found if snapshot.entity(i).scope is None]
        things = [i for i in free if snapshot.entity(i).kind == ENTITY] or free  # not a text that says the same
        own = [i for i in things if snapshot.is_own(name, i)] or things
        if len(own) == 1 or (own and snapshot.is_own(name, own[0])):
            return own[0]
        if self.scope is not None:  # none, or several are called so: what this document means is its own
            return None
        many = f"can mean {len(own)} things" if own else f"is a name in {len(found)} documents"
        raise UsageError(
            f"'{name}' {many}.",
            f"Say which: {', '.join(map(snapshot.shown, (own or found)[:4]))}",
        )

    def state(
        self,
        action: str,
        subject: str,
        relation: Relation,
        object: str,
        person: bool = False,
        clears_objects: bool = False,
        clears_subjects: bool = False,
        probability: float | None = None,
        proposed: bool = False,
        valid_from: str | None = None,
        valid_to: str | None = None,
        qualifiers: str = "{}",
    ) -> int:
        """Add an assertion in the relation's canonical direction; returns its id."""
        s, o = self.entity(subject, ENTITY), self.entity(object, relation.object_type)
        made = self._next_assertion
        self._next_assertion += 1
        written = self._written(s, subject), self._written(o, object)
        self.rows.assertions.append(
            Assertion(made, self.operation, action, s, relation.id, o, *written, person, clears_objects,
                      clears_subjects, probability, proposed, valid_from, valid_to, qualifiers)
        )  # fmt: skip
        return made

    def _written(self, entity: int, text: str) -> str | None:
        """A text as it was written; None when that is the entity's first name, which costs nothing to keep."""
        shown = " ".join(text.split())
        known = self.snapshot.history.entity(entity)
        if known is None:  # new with this operation
            made = self.rows.entities[entity - self.snapshot.last_entity - 1]
            return None if made.name == shown else shown
        if known.scope is not None and normal(shown) != known.normal:  # "the Tenant (lease.md)"
            return None
        return None if known.name == shown else shown

    def restate(self, action: str, key: Key) -> None:
        """Add an assertion about a fact that is already there, as a person."""
        fact = self.snapshot.fact(key)
        if fact is None:
            raise NotFound("That fact is no longer there.", "See: memllm fact list")
        newest = fact.newest
        qualifiers = newest.qualifiers if newest.truth == "stated" else "{}"
        self.use(self.snapshot.relations.by_id[key[1]])
        begin, end = fact.valid if action == "add" else (None, None)
        self.rows.assertions.append(
            Assertion(self._next_assertion, self.operation, action, *key, None, newest.object_text, person=True,
                      valid_from=begin, valid_to=end, qualifiers=qualifiers)
        )  # fmt: skip
        self._next_assertion += 1

    def document(self, document: Document) -> int:
        """Record the document this operation reads."""
        from memllm_cli.memory.values.dates import day_first

        known = self.snapshot.history.documents
        self._text = document.text
        self._day_first = day_first([document.text])
        self.document_id = max(known, default=0) + 1
        # Versions of one document share its names: the first version stands for all.
        self.scope = min((d.id for d in known.values() if d.uri == document.uri), default=self.document_id)
        self.rows.documents.append(
            DocumentRow(self.document_id, document.uri, document.title, document.media_type, document.sha256,
                        document.text, self.operation, READER)
        )  # fmt: skip
        self.rows.blocks += [
            BlockRow(self.document_id, n, b.parent, b.kind, b.start, b.end, b.line, b.page, b.level, b.label, b.note,
                     b.row, b.column)
            for n, b in enumerate(document.blocks or flat(document))
        ]  # fmt: skip
        self.rows.sentences += [
            SentenceRow(self.document_id, s.start, s.end, s.line, s.page, s.heading) for s in document.sentences
        ]
        return self.document_id

    def evidence(self, assertion: int, document: Document, sentence: Sentence) -> None:
        """Point an assertion to a sentence of the document being read."""
        s = sentence
        self._point(assertion, s.start, s.end, s.line, s.page, s.heading, document.block_at(s.start))

    def evidence_of_block(self, assertion: int, document: Document, number: int) -> None:
        """Point an assertion to the block of the document being read that says it; a cell to its whole row."""
        block = shown = document.blocks[number]
        if block.kind == "cell" and block.parent is not None:
            shown = document.blocks[block.parent]
        heading = (document.path(number) or ("",))[-1]
        self._point(assertion, shown.start, shown.end, block.line, block.page, heading, number)

    def _point(
        self, assertion: int, start: int, end: int, line: int, page: int | None, heading: str, block: int | None
    ) -> None:
        assert self.document_id is not None
        self.rows.evidence.append(EvidenceRow(assertion, self.document_id, start, end, line, page, heading, block))

    def alias(self, entity: str, name: str) -> None:
        """Give an entity another name, unless that is its own or another one's.

        Initials it gets also where others have them: they mean it in the document that says so.
        """
        shown = " ".join(name.split())
        if not is_name(shown) or not is_sayable(shown) or normal(shown) == normal(entity):
            return
        known, others = self.entity(entity, ENTITY), self.snapshot.named(shown)
        again = others == [known]  # said again, it outlives the reading that said it first
        if not others or again or abbreviates(shown, entity):
            self._called[normal(shown)] = known
            self.rows.aliases.append(Alias(known, shown, self.operation))

    def find_evidence(self, assertion: int, name: str, sentence: str) -> bool:
        """Point an assertion to where a sentence stands in a document read before (by file name); True if found."""
        assert self.connection is not None
        for document in sorted(self.snapshot.history.documents.values(), key=lambda d: -d.id):
            if name and name not in (document.uri, os.path.basename(document.uri), document.title):
                continue
            row = self.connection.execute(
                "SELECT instr(text, ?) FROM documents WHERE id = ?", [sentence, document.id]
            ).fetchone()
            if row and row[0]:
                start = row[0] - 1
                place = self.connection.execute(
                    "SELECT line, page, heading FROM sentences WHERE document = ? AND span_start <= ? "
                    "ORDER BY span_start DESC LIMIT 1",
                    [document.id, start],
                ).fetchone()
                line, page, heading = place or (1, None, "")
                end = start + len(sentence)
                self.rows.evidence.append(EvidenceRow(assertion, document.id, start, end, line, page, heading))
                return True
        return False
