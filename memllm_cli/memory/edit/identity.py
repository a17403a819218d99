"""Which names are one thing: aliases, merges, splits, and proposals for merges. Nothing is merged silently.

Facts keep the entities they were written with; merges and splits are applied when memory is looked at, so that each
can be undone.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from memllm_cli.errors import NotFound, UsageError
from memllm_cli.memory.disk.tables import Alias, Entity, Merge, Move
from memllm_cli.memory.edit.change import Change
from memllm_cli.memory.edit.memory import Memory
from memllm_cli.memory.edit.statements import LONGEST_NAME, Writer, is_name, is_sayable
from memllm_cli.memory.history.facts import Fact
from memllm_cli.memory.history.snapshot import Snapshot
from memllm_cli.memory.values.literals import ENTITY
from memllm_cli.memory.values.names import distinguishing, normal


def resolve(snapshot: Snapshot, name: str) -> int:
    """The one entity a person means by a name: one that belongs to no document before others, a thing before a text
    that says the same, its own name before one that another has too, and of several the one that is spelled just so.

    Raises NotFound, UsageError.
    """
    found = snapshot.named(name)
    if len(found) > 1:
        free = [i for i in found if snapshot.entity(i).scope is None]
        things = [i for i in free if _is_thing(snapshot, i)]
        own = [i for i in things if snapshot.is_own(name, i)]
        spelled = [i for i in own if snapshot.name(i) == " ".join(name.split())]
        for chosen in (free, things, own, spelled):
            if len(chosen) == 1:
                return chosen[0]
        shown = ", ".join(snapshot.shown(i) for i in found[:5])
        raise UsageError(f"'{name}' can mean {len(found)} things.", f"Say which: {shown}")
    if not found:
        raise NotFound(f"Nothing is called '{name}'.", f'What contains it: memllm entity list "{name}"')
    return found[0]


def _is_thing(snapshot: Snapshot, entity: int) -> bool:
    """Whether it is no mere text: something was said of it."""
    return snapshot.entity(entity).kind == ENTITY or any(k[0] == entity for k in snapshot.keys_about(entity))


def alias(memory: Memory, name: str, aliases: Sequence[str], note: str = "") -> Change:
    """Give an entity more names. Raises UsageError when one is another entity's own name: that wants a merge."""

    def fill(writer: Writer) -> None:
        snapshot = writer.snapshot
        entity = resolve(snapshot, name)
        for text in aliases:
            shown = " ".join(text.split())
            if not is_name(shown) or not is_sayable(shown):
                raise UsageError(
                    f"'{shown[:60]}' cannot be a name.",
                    f"A name has a letter or a digit, no >>, and at most {LONGEST_NAME} characters.",
                )
            if normal(shown) in {normal(s) for s in snapshot.surfaces(entity)}:
                raise UsageError(f"'{snapshot.shown(entity)}' is called '{shown}' already.", "Nothing to do.")
            for other in snapshot.named(shown):
                raise UsageError(
                    f"'{snapshot.shown(other)}' is a name of its own in memory.",
                    f'If they are one thing: memllm entity merge "{shown}" "{name}"',
                )
            writer.rows.aliases.append(Alias(entity, shown, writer.operation))

    return memory.operate("alias", fill, note=note or f"{name}: {', '.join(aliases)}")


def merge(memory: Memory, sources: Sequence[str], target: str, note: str = "", dry_run: bool = False) -> Change:
    """Make entities one with `target`, whose name they are shown by; their own names stay aliases."""

    def fill(writer: Writer) -> None:
        snapshot = writer.snapshot
        end = resolve(snapshot, target)
        for name in sources:
            source = resolve(snapshot, name)
            if source == end:
                raise UsageError(f"'{name}' and '{target}' are one already.", "See: memllm entity show")
            writer.rows.merges.append(Merge(snapshot.own(name, source), snapshot.own(target, end), writer.operation))

    said = note or f"{', '.join(sources)} into {target}"
    return memory.operate("merge", fill, note=said, dry_run=dry_run)


def split(
    memory: Memory,
    name: str,
    new: str,
    facts: Sequence[Fact],
    note: str = "",
    dry_run: bool = False,
    source: str = "",
) -> Change:
    """Give some facts of an entity to a new one of another name; with `source`, as far as documents with that in their
    path state them. What these documents say again when they are read again goes along: see `history.splits`."""

    def fill(writer: Writer) -> None:
        snapshot = writer.snapshot
        entity = resolve(snapshot, name)
        taken = [i for i in snapshot.named(new) if i != entity]
        if taken:
            raise UsageError(f"'{new}' is a name already.", "Choose another, or merge it later.")
        if normal(new) == normal(snapshot.name(entity)):
            raise UsageError("The new name is the old one.", "Choose one that tells them apart.")
        made = writer.entity(new, ENTITY)
        for fact in facts:
            sides = [s for s, i in (("subject", fact.key[0]), ("object", fact.key[2])) if i == entity]
            for a in dict.fromkeys((*fact.supports, *fact.against)):
                if source.casefold() in (a.source or "").casefold():
                    writer.rows.moves += [Move(a.id, side, made, writer.operation) for side in sides]

    return memory.operate("split", fill, note=note or f"{name} and {new}", dry_run=dry_run)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two entities that may be one, and why; `doubt` says what speaks against it."""

    first: int
    second: int
    reason: str
    doubt: str = ""


_SUFFIXES = frozenset(
    "ag bv co company corp corporation gmbh inc incorporated kg limited llc llp ltd nv oy plc pty sa sarl spa".split()
)
_ARTICLES = frozenset(("the", "a", "an"))
_LETTERS = str.maketrans({"ß": "ss", "ø": "o", "æ": "ae", "ł": "l", "ı": "i", "&": " and "})
_TITLES = frozenset("dr mr mrs ms miss prof professor sir dame lord lady president king queen saint st".split())


def folded(name: str) -> str:
    """A name without accents, punctuation, articles in front and legal forms at the end."""
    text = "".join(c for c in unicodedata.normalize("NFKD", normal(name)) if not unicodedata.combining(c))
    text = text.translate(_LETTERS)
    words = re.findall(r"[^\W_]+", re.sub(r"(?<=\w)[.'](?=\w)", "", text))
    while len(words) > 1 and words[0] in _ARTICLES:
        words = words[1:]
    while len(words) > 1 and words[-1] in _SUFFIXES:
        words = words[:-1]
    return " ".join(words)


def duplicates(snapshot: Snapshot) -> Iterator[Pair]:
    """Pairs of entities that may be one, the surest kind first. Names told apart by a number or the like never are."""
    names = {e.id: snapshot.surfaces(e.id) for e in _used(snapshot)}
    aliases = {i: snapshot.aliases(i) for i in names}
    seen: set[tuple[int, int]] = set()
    for reason, keys in _REASONS:
        groups: dict[str, dict[int, bool]] = {}
        for entity, surfaces in names.items():
            for surface in surfaces:
                own = surface not in aliases[entity]
                for key in keys(surface):
                    group = groups.setdefault(key, {})
                    group[entity] = own or group.get(entity, False)
        for group in groups.values():
            if not 2 <= len(group) <= 12:
                continue
            for first, second in combinations(group, 2):
                if (first, second) in seen or not _may(names[first], names[second]):
                    continue
                if not (group[first] or group[second]):  # two things may well have one short name
                    continue
                if reason in _NEED_COMPANY and not _company(snapshot, first, second):
                    continue
                seen.add((first, second))
                called = keys is _same and not (group[first] and group[second])
                yield Pair(first, second, _CALLED if called else reason, _doubt(snapshot, first, second))


def _used(snapshot: Snapshot) -> Iterable[Entity]:
    return (
        e
        for e in snapshot.entities()
        if e.kind == ENTITY and e.scope is None and snapshot.canonical(e.id) == e.id and snapshot.is_used(e.id)
    )


def _may(first: Sequence[str], second: Sequence[str]) -> bool:
    """Not when all their names differ in a number, an ordinal, a negation or the like."""
    return any(distinguishing(x) == distinguishing(y) for x in first for y in second)


def _same(name: str) -> list[str]:
    return [folded(name)]


def _order(name: str) -> list[str]:
    words = sorted(w for w in folded(name).split() if w not in _TITLES)
    return [" ".join(words)] if len(words) > 1 else []


def _letters(name: str) -> list[str]:
    """For acronyms: the letters of `WHO`, and the first letters of `World Health Organization`."""
    if re.fullmatch(r"(?:[A-Z]\.?){2,6}", name.strip()):
        return [name.replace(".", "").strip().casefold()]
    words = [w for w in folded(name).split() if w not in ("of", "the", "and", "for", "in", "on", "de")]
    return ["".join(w[0] for w in words)] if 3 <= len(words) <= 6 else []


def _last(name: str) -> list[str]:
    """For a person called by the last name, a company by the first word: those words."""
    words = folded(name).split()
    words = [w for w in words if w not in _TITLES]
    if len(words) == 1:
        return [words[0]]
    return [words[-1], words[0]] if len(words) <= 3 else []


def _spelling(name: str) -> list[str]:
    """Every way to leave a letter out, and the whole: two names a letter apart share one."""
    text = folded(name).replace(" ", "")
    return [text, *(text[:i] + text[i + 1 :] for i in range(len(text)))] if 7 <= len(text) <= 30 else []


_REASONS = (
    ("same but for accents, punctuation, article or legal form", _same),
    ("same words in another order, or without a title", _order),
    ("one is the initials of the other", _letters),
    ("one letter apart", _spelling),
    ("one is a part of the other, and they share a fact or a document", _last),
)
_CALLED = "one has the other's name among its own"
_NEED_COMPANY = {_REASONS[2][0], _REASONS[4][0]}


def _company(snapshot: Snapshot, first: int, second: int) -> bool:
    """Whether two entities share a document or a neighbour, and one name is not just half of an unrelated pair."""
    words = [set(folded(snapshot.name(i)).split()) for i in (first, second)]
    if not (words[0] <= words[1] or words[1] <= words[0] or min(map(len, words)) == 1):
        return False
    about = [snapshot.about(i) for i in (first, second)]
    sources = [{a.source for f in facts for a in f.supports if a.source} for facts in about]
    near = [
        {x for f in facts for x in (f.key[0], f.key[2]) if x != me}
        for facts, me in zip(about, (first, second), strict=True)
    ]
    return bool(sources[0] & sources[1] or near[0] & near[1])


def _doubt(snapshot: Snapshot, first: int, second: int) -> str:
    """A relation that takes one value and has two among them."""
    for f in snapshot.about(first):
        relation = snapshot.relations.by_id[f.key[1]]
        if f.key[0] == first and relation.one_object:
            others = [o for o in snapshot.values(relation.id, subject=second) if o.key[2] != f.key[2]]
            if others:
                texts = snapshot.texts(f)[2], snapshot.texts(others[0])[2]
                return f"{relation.name}: {texts[0]}, {texts[1]}"
        if second in (f.key[0], f.key[2]):
            return f"a fact names both: {' >> '.join(snapshot.texts(f))}"
    return ""
