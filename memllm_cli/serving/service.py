"""What both doors do with one memory: look facts, texts and documents up, ask, and, where that was allowed, change it.

One caller at a time: every method holds one lock, and what answers is opened at the first question and kept. Results
are plain data in the shapes of `data`; errors are the program's own. Knows nothing of how either door is spoken to.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from threading import RLock
from typing import TYPE_CHECKING, Any

from memllm_cli.app import App
from memllm_cli.errors import MemllmError, NotFound, UsageError
from memllm_cli.serving.data import (
    answer_data,
    change_data,
    evidence_data,
    fact_data,
    stated_data,
    why_data,
)
from memllm_cli.serving.meant import sentences
from memllm_cli.terminal import clean

if TYPE_CHECKING:
    from memllm_cli.answering.answer import Answerer
    from memllm_cli.answering.options import Options
    from memllm_cli.memory.search.texts import Texts
    from memllm_cli.reading.events import Event
    from memllm_cli.reading.reads import Conversation
    from memllm_cli.types import Triple

MOST = 200
"""Rows that one call can give."""
LONGEST = 10_000
"""Characters of a question or a fact; what is longer was not typed by anybody."""


class ReadOnly(MemllmError):
    """Something was to be changed through a door that was opened for reading."""


def given(text: str, what: str) -> str:
    """What a caller says, without what no memory takes. Raises UsageError when nothing is left, or far too much."""
    said = clean(text, lines=True).strip()
    if not said:
        raise UsageError(f"The {what} is empty.", "Say what it is about.")
    if len(said) > LONGEST:
        raise UsageError(f"The {what} has {len(said)} characters.", f"At most {LONGEST} are taken.")
    return said


class Service:
    """One memory, for callers of both doors.

    `options` say how questions are answered, `door` is what the log calls the way a change came. Without `writes` the
    memory must exist, and the methods that change it raise ReadOnly.
    """

    def __init__(self, app: App, options: Options, door: str, writes: bool = False) -> None:
        self.app = app
        self.writes = writes
        self._options = options
        self._door = door
        self._memory = app.memory(create=writes)
        self._finder = app.finder(self._memory)
        self._lock = RLock()
        self._texts_: Texts | None = None
        self._answerer: Answerer | None = None

    def close(self) -> None:
        """Wait for the call that is being answered, and give the models' memory back."""
        with self._lock:
            if self._answerer is not None:
                self._answerer.close()
                self._answerer = None

    # -- looking ------------------------------------------------------------------------------------------------------

    def search_facts(self, query: str, limit: int = 20) -> dict[str, Any]:
        """Find facts by a pattern or by words, each with the sentences that state it.

        `query` is a pattern "subject >> relation >> object", in which an empty field stands for anything and names are
        meant exactly ("Harbour Lease >> notice period >>"), or words to look for in names and in sentences.
        """
        from memllm_cli.memory.search.words import search
        from memllm_cli.memory.views.query import join, pattern
        from memllm_cli.protocol.grammar import parse_pattern

        query, limit = given(query, "query"), _most(limit)
        with self._lock:
            memory, snapshot = self._memory, self._memory.snapshot
            if ">>" in query:
                ways = join(snapshot, [pattern(snapshot, parse_pattern(query))])
                facts = list({f.key: f for _, (f,) in ways}.values())
                evidence = memory.evidence(facts[:limit])
                rows = [fact_data(snapshot, f, evidence[f.key]) for f in facts[:limit]]
                return {"total": len(facts), "rows": rows}
            matches = search(memory, query)
            evidence = memory.evidence([m.fact for m in matches[:limit]])
            rows = [
                fact_data(snapshot, m.fact, evidence[m.fact.key]) | {"matched": m.text, "score": round(m.score, 4)}
                for m in matches[:limit]
            ]
            return {"total": len(matches), "rows": rows}

    def get_fact(self, fact: str) -> dict[str, Any]:
        """Look a fact up with everything that supports it and everything that was ever stated about it.

        `fact` is "subject >> relation >> object"; an empty field stands for anything ("Freedonia >> capital >>").
        `status` tells facts from proposals that wait to be accepted and from what is only said.
        """
        from memllm_cli.memory.views.fact_history import events
        from memllm_cli.memory.views.query import facts_of

        fact = given(fact, "fact")
        with self._lock:
            snapshot = self._memory.snapshot
            found = sorted(facts_of(snapshot, fact, every=True), key=lambda f: f.proposed)
            stated = events(snapshot, fact)
            if not found and not stated:
                raise NotFound(f"Memory has nothing that fits '{fact}'.", "Look for words of it with search_facts.")
            evidence = self._memory.sources(found[:MOST])
            return {
                "facts": [why_data(snapshot, f, evidence[f.key]) for f in found[:MOST]],
                "history": [stated_data(e) for e in stated[:MOST]],
            }

    def search_text(self, words: str, limit: int = 10) -> dict[str, Any]:
        """Find the sentences of documents that fit some words or a question best, each with its place."""
        words, limit = given(words, "search"), _most(limit)
        with self._lock:
            found = sentences(self._memory, self._texts, words, limit)
            return {"texts": [evidence_data(e) for e in found]}

    def about(self, name: str) -> dict[str, Any]:
        """Tell what memory has about a name: facts, and the sentences that say most; or what carries a document.

        `name` is the name of a thing, or of a document: its file name, path or title.
        """
        from memllm_cli.memory.search.texts import confined
        from memllm_cli.memory.views.about import about, summary

        name = given(name, "name")
        with self._lock:
            memory, snapshot = self._memory, self._memory.snapshot
            found = about(memory, self._texts, name)
            documents = sorted(confined(snapshot, [name]))
            head: dict[str, Any] = {"names": list(found.names)}
            facts, said = [f for g in found.groups for f in g.facts], list(found.sentences)
            if not found.groups and len(documents) == 1:
                row = snapshot.history.documents[documents[0]]
                head = {"document": {"uri": row.uri, "title": row.title}}
                facts, said = summary(memory, self._texts, documents[0])
            elif not facts and not said:
                raise NotFound(f"Memory has nothing about '{name}'.", "Look for words of it with search_text.")
            evidence = memory.evidence(facts[:MOST])
            return head | {
                "facts": [fact_data(snapshot, f, evidence[f.key]) for f in facts[:MOST]],
                "sentences": [evidence_data(e) for e in said],
            }

    def documents(self) -> list[dict[str, Any]]:
        """The documents that count now, with how many facts each supports."""
        with self._lock:
            snapshot = self._memory.snapshot
            out = []
            for d in snapshot.documents():
                facts = sum(f.truth == "stated" and not f.proposed for f in snapshot.of_source(d.uri))
                out.append({"id": d.id, "title": d.title, "uri": d.uri, "media_type": d.media_type, "facts": facts})
            return out

    def document(self, id: int) -> dict[str, Any]:
        """One of the documents that count now, with its text as it was read."""
        with self._lock:
            if id not in {d.id for d in self._memory.snapshot.documents()}:
                raise NotFound(f"There is no document {id}.", "List the documents: each has its number.")
            d = self._memory.document(id)
            return {"id": id, "title": d.title, "uri": d.uri, "media_type": d.media_type, "text": d.text}

    @property
    def _texts(self) -> Texts:
        if self._texts_ is None:
            from memllm_cli.memory.search.texts import Texts

            self._texts_ = Texts(self._memory, self._finder.encoder)
        return self._texts_

    # -- asking -------------------------------------------------------------------------------------------------------

    def ask(self, question: str, in_document: str = "") -> dict[str, Any]:
        """Answer a question from memory: the answer, how sure it is, what it rests on, and what was read for it.

        `in_document` names a document (file name, path or title) or a folder to answer from alone. `outcome` is `fact`,
        `text`, `nothing` when memory has no answer, or `talk` for words that rest on nothing.
        """
        events = list(self.answering(question, within=[in_document] if in_document.strip() else []))
        return answer_data(clean(question, lines=True).strip(), events)

    def answering(
        self, question: str, conversation: Conversation | None = None, within: Sequence[str] = ()
    ) -> Generator[Event, None, None]:
        """The events of an answer as they come; nobody else is answered before the last one was taken."""
        from memllm_cli.memory.search.texts import confined_to

        question = given(question, "question")
        with self._lock:
            answerer = self._ready()
            answerer.options = replace(self._options, within=confined_to(self._memory.snapshot, within))
            yield from answerer.ask(question, conversation)

    def _ready(self) -> Answerer:
        """What answers, opened at the first question. Raises ModelMissing."""
        if self._answerer is None:
            from memllm_cli.answering.answer import Answerer

            decider = self.app.decider()
            reader = self.app.reader() if decider is None else None
            self._answerer = Answerer(
                None, self._finder, self._options, reader, decider, self._texts, make=self.app.reader
            )
        return self._answerer

    # -- changing -----------------------------------------------------------------------------------------------------

    def propose_fact(self, fact: str, note: str = "") -> dict[str, Any]:
        """Propose a fact: it waits for a person's word (`memllm fact accept`), and answers do not use it before.

        `fact` is "subject >> relation >> object"; a relation that nothing is called yet is made. `note` says why, for
        the log. Gives what changed and the operation, which `undo` takes back.
        """
        from memllm_cli.memory.edit.memory import ImportRow
        from memllm_cli.memory.views.query import facts_of

        with self._changing(note) as note:
            triple, new = self._statement(fact)
            if facts_of(self._memory.snapshot, fact, proposed=None) if not new else []:
                raise UsageError("Memory has this already, as a fact or as a proposal.", "See it with get_fact.")
            row = ImportRow(triple, proposed=True, own=new)
            change = self._memory.import_facts([row], note, person=False)
            return change_data(change) | {"proposed": [triple.subject, triple.relation, triple.object]}

    def set_fact(self, fact: str, note: str = "") -> dict[str, Any]:
        """State a fact in the person's name; what it contradicts is retracted, as the relation's cardinalities say.

        `fact` is "subject >> relation >> object"; a relation that nothing is called yet is made. `note` says why, for
        the log. Gives the facts before and after and the operation, which `undo` takes back.
        """
        with self._changing(note) as note:
            triple, new = self._statement(fact)
            return change_data(self._memory.set(triple, note=note, own=new))

    def forget_fact(self, fact: str, several: bool = False, note: str = "") -> dict[str, Any]:
        """Remove a fact for good: documents read later do not bring it back; `undo` does.

        `fact` is "subject >> relation >> object"; an empty field stands for anything, and when more than one fact fits
        nothing is removed unless `several` is true. Gives the facts before and after and the operation.
        """
        from memllm_cli.memory.views.query import facts_of

        with self._changing(note) as note:
            fact = given(fact, "fact")
            snapshot = self._memory.snapshot
            found = facts_of(snapshot, fact, proposed=None)
            if not found:
                raise NotFound(f"No fact is '{fact}'.", "Look for it with search_facts.")
            if len(found) > 1 and not several:
                listed = "; ".join(" >> ".join(snapshot.texts(f)) for f in found[:5])
                raise UsageError(f"{len(found)} facts fit '{fact}': {listed}", "Name one, or say that several may go.")
            proposals = [list(snapshot.texts(f)) for f in found if f.proposed]
            return change_data(self._memory.remove([f.key for f in found], note)) | {"proposals": proposals}

    def undo(self, operation: int | None = None) -> dict[str, Any]:
        """Take an operation back, whatever came after it; undoing an undo brings it back again.

        `operation` is its number, as changes and histories give it; without one it is the newest. Gives the facts
        before and after and the operation that this is itself.
        """
        with self._changing():
            undone, change = self._memory.undo(operation)
            return change_data(change) | {"undone": undone.id, "kind": undone.kind}

    @contextmanager
    def _changing(self, note: str = "") -> Iterator[str]:
        """The memory, ours to change, and the note for the log: the caller's, with the door it came through."""
        if not self.writes:
            raise ReadOnly("Memory is open for reading only.", f"To allow it: memllm {self._door} --allow-writes")
        with self._lock:
            yield f"{clean(note)[:LONGEST].strip()} (through memllm {self._door})".strip()

    def _statement(self, fact: str) -> tuple[Triple, bool]:
        """A fact as said, and whether its relation is a new one. Raises UsageError, NotFound for a slip of the pen."""
        from memllm_cli.memory.edit.statements import is_sayable
        from memllm_cli.protocol.grammar import parse_statement

        triple = parse_statement(given(fact, "fact"))
        for value in (triple.subject, triple.object):
            if not is_sayable(value):
                raise UsageError(f"'{value}' is a variable, not a name.", "Write what it is instead.")
        return triple, bool(self._memory.snapshot.relations.unknown(triple.relation))


def _most(limit: int) -> int:
    if not 1 <= limit <= MOST:
        raise UsageError(f"The limit is {limit}.", f"It is from 1 to {MOST}.")
    return limit
