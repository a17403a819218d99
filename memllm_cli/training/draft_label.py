"""Texts labelled by a drafter, to train the next one on: what it is sure of, either way, and what it is not.

Self-training: unlabelled texts get names and relations; texts with incomplete labels keep them and get the rest.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from memllm_cli.corpora.annotated import Annotated, Label, Mention, Name
from memllm_cli.drafting.draft import Drafter
from memllm_cli.drafting.layout import LONGEST, Window, windows
from memllm_cli.drafting.names import Mention as Seen
from memllm_cli.drafting.names import by_surface, mentions

HOLDS, FAILS = 1.0, -1.5
"""Margins from which on, and up to which, a relation is taken to hold, or not to."""
SURE_NAME = -0.2
"""Mean log probability of its tags below which a name makes a text doubtful; such texts are left out."""


def labelled(
    drafts: Drafter,
    texts: Iterable[Annotated],
    relations: list[str],
    holds: float = HOLDS,
    fails: float = FAILS,
    only: Collection[str] = (),
) -> Iterator[Annotated]:
    """Each text with the drafter's labels. Texts without names of their own get the drafter's; those of more than
    one window, and those with doubtful names, are left out. `only` names the relations to label; of the others nothing
    is said."""
    wanted = [i for i, r in enumerate(relations) if r in only or not only]
    for text in texts:
        found = windows(text.text, text.sentences, drafts.vocabulary, LONGEST)
        if len(found) != 1:
            continue
        (window,) = found
        x = drafts.encoder(window.ids, drafts.heads.added(window.shapes, window.first))
        tags = drafts.heads.tags(x)
        if text.names:
            names, groups = list(text.names), [_seen(window, name) for name in text.names]
        else:
            seen = by_surface(text.text, mentions(window, tags))
            if any(float(tags[m.place.start : m.place.end].max(-1).mean()) < SURE_NAME for g in seen for m in g):
                continue
            groups = list(seen)
            names = [Name(g[0].kind, tuple(Mention(m.start, m.end, m.place.sentence) for m in g)) for g in seen]
        kept = [i for i, g in enumerate(groups) if g]
        if len(kept) < 2:
            continue
        places = [[m.place for m in groups[i]] for i in kept]
        margins = drafts.heads.pairs(x, tags, places, drafts.rows[wanted], drafts.bias[wanted]).margins
        given = {(label.head, label.relation, label.tail) for label in text.labels}
        labels = list(text.labels)
        unsure: list[Label] = []
        for a, i in enumerate(kept):
            for b, j in enumerate(kept):
                if i == j:
                    continue
                for r in (margins[a, b] > fails).nonzero()[0]:
                    key = (i, relations[wanted[r]], j)
                    if key not in given:
                        (labels if margins[a, b, r] > holds else unsure).append(Label(*key))
        yield Annotated(
            text.title,
            text.text,
            text.sentences,
            tuple(names),
            tuple(labels),
            frozenset(relations[r] for r in wanted),
            True,
            tuple(unsure),
        )


def _seen(window: Window, name: Name) -> list[Seen]:
    places = [(m, window.place(m.start, m.end)) for m in name.mentions]
    return [Seen(m.start, m.end, name.kind, place) for m, place in places if place]
