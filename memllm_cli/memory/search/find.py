"""Finding facts for a partial triple: names exactly first, then by similarity within thresholds (paper, section 3).

A query knows one entity and a relation. Candidates for both are pairs of a thing and a cosine distance; a pair
counts when the mean of its two distances is below the third threshold. If any pair is exact, only exact pairs
count. A person's facts come first. Names that differ in a digit, an ordinal, a roman numeral or a negation never
match by similarity.
"""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from memllm_cli.calibration.finding import Thresholds
from memllm_cli.memory.disk.cache import Sidecar
from memllm_cli.memory.disk.files import NAMES, RELATIONS
from memllm_cli.memory.edit.memory import Memory
from memllm_cli.memory.history.facts import Fact, Key
from memllm_cli.memory.history.snapshot import belongs
from memllm_cli.memory.values.names import may_match, normal
from memllm_cli.memory.values.relations import Relation
from memllm_cli.types import Encoder, Query

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from memllm_cli.memory.search.index import VectorIndex

EXACT = 0.001


@dataclass(frozen=True, slots=True)
class Hit:
    """A fact that answers a query. `value` is the side asked for, `side` says which (`subject`, `object`)."""

    fact: Fact
    value: str
    side: str
    distance: float

    @property
    def entity(self) -> int:
        """The entity that `value` names."""
        return self.fact.key[2 if self.side == "object" else 0]

    @property
    def exact(self) -> bool:
        """Whether both names were found as written."""
        return self.distance < EXACT


class Pair(NamedTuple):
    """A name on a side of a relation, by the mean of how far both are from what was asked."""

    distance: float
    entity: int
    relation: int
    side: str


@dataclass(frozen=True, slots=True)
class Found:
    """Answers of a query, best first. `too_many` when the query was too broad and nothing is returned."""

    query: Query
    hits: tuple[Hit, ...]
    too_many: bool = False
    proposals: int = 0
    """Proposals that would answer; reads do not see what they say."""
    otherwise: int = 0
    """Facts that would answer, and hold on other days."""


class Finder:
    """Looks partial triples up in a memory. The encoder is made by `encoder` when a name is not found exactly."""

    def __init__(
        self,
        memory: Memory,
        encoder: Callable[[], Encoder] | None = None,
        thresholds: Thresholds | None = None,
        most: int = 30,
    ) -> None:
        self.memory = memory
        self.thresholds = thresholds or Thresholds()
        self.most = most
        self._make = encoder
        self._encoder: Encoder | None = None
        self._index: VectorIndex | None = None
        self._at, self._kb = -1, ""
        self.day: int | None = None
        """The day (an ordinal) on which facts must hold. None: today's come alone, where there are any."""
        self.progress: Callable[[int, int], None] | None = None
        """Called with names encoded and names to encode while that goes on."""
        self._phrases: tuple[int, list[tuple[str, Relation, bool]], NDArray[np.float32]] | None = None

    def encoder(self) -> Encoder | None:
        """The encoder, made at first use; None when there is none."""
        if self._encoder is None and self._make is not None:
            self._encoder = self._make()
        return self._encoder

    def find(self, query: Query) -> Found:
        """Facts that answer the query. Only what reads may see: no proposals, nothing retracted."""
        relations = self.relations(query.relation)
        known = query.subject if query.subject is not None else query.object
        assert known is not None
        side = "subject" if query.subject is not None else "object"
        groups: dict[tuple[str, tuple[tuple[int, float], ...]], list[tuple[Relation, bool, float]]] = {}
        for relation, flipped, far in relations:
            at = _other(side) if flipped else side
            groups.setdefault((at, tuple(self.entities(known, relation, at))), []).append((relation, flipped, far))
        pairs = [
            Pair(mean, entity, relation, at)
            for (at, names), some in groups.items()
            for mean, entity, relation in self.pairs(names, [(r.id, far) for r, _, far in some], at)
        ]
        return self.answer(query, sorted(pairs, key=lambda p: p.distance))

    def answer(self, query: Query, pairs: Sequence[Pair]) -> Found:
        """The facts of pairs, nearest first. Pairs further away than exact ones are not looked at, and nothing is once
        there are too many."""
        snapshot = self.memory.snapshot
        today = date.today().toordinal() if self.day is None else self.day
        best: dict[Key, tuple[Fact, Pair]] = {}
        waiting: set[Key] = set()
        held = 0
        exact = False
        for pair in pairs:
            if exact and pair.distance >= EXACT:
                break
            subject, object_ = (pair.entity, None) if pair.side == "subject" else (None, pair.entity)
            for fact in snapshot.group(pair.relation, subject, object_):
                if fact.proposed:
                    if fact.truth == "stated":
                        waiting.add(fact.key)
                elif fact.key not in best:
                    best[fact.key] = fact, pair
                    held += fact.holds(today)
                    exact = exact or pair.distance < EXACT
            if held > self.most:
                return Found(query, (), too_many=True)
        otherwise = len(best) - held
        found = list(best.values())
        if self.day is not None or held:
            found = [(f, p) for f, p in found if f.holds(today)]
        if len(found) > self.most:
            return Found(query, (), too_many=True)
        hits = []
        for fact, pair in found:
            texts = snapshot.texts(fact)
            value = texts[2] if pair.side == "subject" else texts[0]
            hits.append(Hit(fact, value, _other(pair.side), pair.distance))
        hits.sort(key=lambda h: (not h.fact.person, h.distance, tuple(-int(x) for x in h.fact.rank)))
        return Found(query, tuple(hits), proposals=len(waiting), otherwise=otherwise)

    def pairs(
        self, names: Sequence[tuple[int, float]], relations: Sequence[tuple[int, float]], side: str
    ) -> list[tuple[float, int, int]]:
        """Mean distance, entity and relation of every pair of a name (id, distance) on a side and a relation (id,
        distance) that is near enough and under which something was ever stated."""
        if not names or not relations:
            return []
        snapshot = self.memory.snapshot
        if snapshot.merged_or_split:
            return self._pairs_of_members(names, relations, side)
        return snapshot.history.near_pairs(names, relations, 2 * self.thresholds.pair, side == "object")

    def _pairs_of_members(
        self, names: Sequence[tuple[int, float]], relations: Sequence[tuple[int, float]], side: str
    ) -> list[tuple[float, int, int]]:
        """Like `pairs`, where a name can be several entities and a statement can have been given another one."""
        snapshot = self.memory.snapshot
        out = []
        for entity, distance in names:
            stated = {k[1] for k in snapshot.keys_about(entity) if k[0 if side == "subject" else 2] == entity}
            for relation, far in relations:
                if relation in stated and (mean := (distance + far) / 2) <= self.thresholds.pair:
                    out.append((mean, entity, relation))
        return out

    def relations(self, phrase: str) -> list[tuple[Relation, bool, float]]:
        """Relations a phrase can mean, with whether from the object's side, nearest first. Exact scan."""
        snapshot = self.memory.snapshot
        if (exact := snapshot.relations.find(phrase)) is not None:
            return [(*exact, 0.0)]
        encoder = self.encoder()
        if encoder is None:
            return []
        import numpy as np

        phrases, vectors = self.relation_vectors()
        distances = 1.0 - vectors @ encoder.embed([phrase])[0]
        nearest: dict[tuple[int, bool], float] = {}
        for i in np.flatnonzero(distances <= self.thresholds.relation):
            _, relation, flipped = phrases[i]
            key = (relation.id, flipped)
            nearest[key] = min(nearest.get(key, 2.0), float(distances[i]))
        ordered = sorted(nearest.items(), key=lambda item: item[1])[:25]
        return [(snapshot.relations.by_id[i], flipped, max(EXACT, d)) for (i, flipped), d in ordered]

    def entities(self, name: str, relation: Relation, side: str) -> list[tuple[int, float]]:
        """Entities a name can mean on a side of a relation, with their cosine distance, nearest first."""
        snapshot = self.memory.snapshot
        if exact := snapshot.known(name, relation, side):
            return [(i, 0.0) for i in exact]
        if called := snapshot.called(name):
            return [(i, 0.0) for i in called]
        return self.similar(name)

    def similar(self, name: str) -> list[tuple[int, float]]:
        """Entities whose names are near by vector, may be the same name, and share characters."""
        encoder = self.encoder()
        if encoder is None or not normal(name):
            return []
        index = self.index()
        snapshot = self.memory.snapshot
        out = []
        for entity, distance in index.within(encoder.embed([name])[0], self.thresholds.entity):
            entity = snapshot.canonical(entity)
            if any(may_match(name, surface) for surface in snapshot.surfaces(entity)):
                out.append((entity, max(EXACT, distance)))
        return out

    def relation_vectors(self) -> tuple[list[tuple[str, Relation, bool]], NDArray[np.float32]]:
        """Every phrase of every relation with its unit vector (phrases, dimensions); needs an encoder.

        Kept in `relations.npz` beside the database, a cache that is made anew when phrases or encoder changed.
        """

        encoder = self.encoder()
        assert encoder is not None
        snapshot = self.memory.snapshot
        if self._phrases is None or self._phrases[0] != len(snapshot.relations):
            phrases = snapshot.relations.phrases()
            texts = [p for p, _, _ in phrases]
            vectors = self._cached_vectors(encoder, texts)
            self._phrases = (len(snapshot.relations), phrases, vectors)
        return self._phrases[1], self._phrases[2]

    def _cached_vectors(self, encoder: Encoder, texts: list[str]) -> NDArray[np.float32]:
        """Vectors of phrases out of the cache, or made and put there."""
        import numpy as np

        history = self.memory.snapshot.history
        said = hashlib.sha256("\n".join(texts).encode()).hexdigest()
        sidecar = Sidecar(self.memory.database.folder, RELATIONS, history.id, encoder=encoder.identity, phrases=said)
        if sidecar.read() is not None and (kept := _vectors(sidecar.payload)) is not None:
            return kept
        vectors = encoder.embed(texts)

        def write(path: Path) -> None:
            with path.open("wb") as file:
                np.savez(file, vectors=vectors)

        def verify(path: Path) -> None:
            if (kept := _vectors(path)) is None or kept.shape != vectors.shape:
                raise OSError("the vectors of relations are not whole")

        sidecar.save(write, verify, last=history.last, count=len(texts))
        return vectors

    def index(self) -> VectorIndex:
        """The entity index, brought up to date: new names are encoded and their vectors stored first."""
        from memllm_cli.memory.search.index import VectorIndex
        from memllm_cli.memory.search.vectors import Vectors

        encoder = self.encoder()
        assert encoder is not None
        snapshot = self.memory.snapshot
        if self._index is not None and self._at >= snapshot.last_entity and self._kb == snapshot.id:
            return self._index
        vectors = Vectors(self.memory, encoder)
        count = vectors.complete(self.progress)
        if self._index is None or self._kb != snapshot.id:
            folder, identity = self.memory.database.folder, encoder.identity
            self._index = VectorIndex(folder, NAMES, snapshot.id, identity, encoder.dimensions)
            self._kb = snapshot.id
            self._index.restore(lambda head: belongs(snapshot, head) and head["count"] <= count)
        before = self._index.count
        for ids, some in vectors.after(self._index.last):
            self._index.add(ids, some)
        if self._index.count != before:
            last = snapshot.history.operation(snapshot.history.last)
            self._index.save(snapshot.history.last, last.at if last else "")
        self._at = snapshot.last_entity
        return self._index

    def reindex(self, encode: bool = False) -> int:
        """Rebuild the index from the stored vectors, or with `encode` from the names; returns how many names."""
        if encode:
            with self.memory.open() as connection:
                connection.execute("BEGIN")
                connection.execute("DELETE FROM vectors")
                connection.execute("DELETE FROM meta WHERE key = 'encoder'")
                connection.execute("COMMIT")
            self.memory.outdate()
        self._index = None
        Sidecar(self.memory.database.folder, NAMES).drop()
        return self.index().count


def _other(side: str) -> str:
    return "object" if side == "subject" else "subject"


def _vectors(path: Path) -> NDArray[np.float32] | None:
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as stored:
            return np.asarray(stored["vectors"], dtype=np.float32)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
