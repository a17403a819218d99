"""Lines that say more than their words: `Key: value`, `Name: what was said`. Found in the parts of any format.

Which of them a line is follows from its neighbours, not from its words: the keys of a form differ and its values are
short, the speakers of a talk come again, one line alone is text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from memllm_cli.documents.base import Line, Part

_KEY = re.compile(
    r"(?:\(?(?:\d{1,3}|[a-z]|[ivx]{1,4})[.)]\s+)?"
    r"(?P<key>(?:\d[\d.]*\s)?[^\W\d_](?:(?:[^:\n|>\"“”;.!?]|[.!?](?!\s)){0,48}?[\w)\].])?)"
    r"(?:\s?:{1,2}|\s=)(?:\s+(?P<value>\S.*))?$",
    re.S,
)
_FIELD = re.compile(r"(?P<key>[^\W\d_][\w /-]{0,40})::\s+(?P<value>\S.*)$", re.S)
_STAMP = (
    r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}[,T ]+\d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?:\s?[AaPp]\.?[Mm]\.?)?|"
    r"\d{1,2}:\d{2}(?::\d{2})?(?:\s?[AaPp][Mm])?"
)
_STAMPED = re.compile(
    rf"\[?\(?(?P<time>{_STAMP})\)?\]?\s*(?:[-–—]\s*)?(?P<name>[^:\n]{{1,40}}?):\s+(?P<text>\S.*)$", re.S
)
_SYSTEM = re.compile(rf"\[?\(?(?P<time>{_STAMP})\)?\]?\s*(?:[-–—]\s*)?(?P<text>\S.*)$", re.S)
_PLACEHOLDER = re.compile(r"<[^<>\n]{3,40}>|\{[^{}\n]{3,40}\}")
_SENTENCE = re.compile(r"[.!?…][\"'”’)]*\s+\S|[.!?…][\"'”’)]*$")
_APART = re.compile(r"(?<=\S)(?:[ ]{3,}|[ ]*\t\s*)(?=\S)")
_WORDS = 5
"""Words of a key above which it is a clause."""
_ITEM_WORDS = 6
"""Words behind the colon of an item above which it is a remark."""
_FEW = 8
"""Words up to which a full stop makes no sentence of what follows a key."""
_LONGEST_VALUE = 140
"""Characters above which what follows a colon is text."""


def recognised(parts: Sequence[Part]) -> list[Part]:
    """Parts with forms, talk and quotes told from running text."""
    lines = [line.text for part in parts if part.kind == "paragraph" for line in part.lines]
    stamped = sum(bool(_STAMPED.match(text.strip())) for text in lines) >= max(3, len(lines) / 4)
    out: list[Part] = []
    for text, group in groupby(parts, key=lambda part: part.kind == "paragraph"):
        if text and stamped:  # what has no stamp goes on with the message before, whatever a reader made of its lines
            out += _stamped([line for part in group for line in part.lines])
        elif text:
            out += [line for part in group for line in _lines_of(part)]
        else:
            out += group
    return list(_forms(_talk(out)))


def _lines_of(part: Part) -> Iterator[Part]:
    """A paragraph as the parts its lines are, where each is one of its own."""
    part = replace(part, lines=tuple(piece for line in part.lines for piece in _beside(line)))
    texts = [line.text.strip() for line in part.lines]
    if len(texts) >= 2 and any(map(_FIELD.match, texts)):  # each says that it is one, whatever stands around it
        for said, group in groupby(part.lines, key=lambda line: bool(_FIELD.match(line.text.strip()))):
            if said:
                yield from (replace(part, lines=(line,)) for line in group)
            else:
                yield replace(part, lines=tuple(group))
        return
    if len(texts) >= 2:
        keyed = [_KEY.match(t) for t in texts]
        first = next((i for i, k in enumerate(keyed) if k is None), len(keyed))
        short = [k for k in keyed[:first] if k is not None]
        if first == len(texts) and len({k["key"].casefold() for k in short}) == len(short):
            for line in part.lines:
                yield replace(part, lines=(line,))
            return
        if first >= 2 and _is_form(short):  # a form whose last value goes on over several lines
            for index in range(first):
                end = first if index < first - 1 else len(texts)
                yield replace(part, lines=part.lines[index : index + 1 if index < first - 1 else end])
            return
    yield part


def _is_apart(text: str) -> bool:
    """Whether things stand side by side in a line, with a gap between; looks for the gap first, which is rare."""
    text = text.strip()
    return ("   " in text or "\t" in text) and _APART.search(text) is not None


def _beside(line: Line) -> list[Line]:
    """A line on which several keys stand side by side, as on forms, as one for each; any other as it is."""
    if not _is_apart(line.text):
        return [line]
    pieces = _APART.split(line.text.strip())
    if len(pieces) < 2 or not all((m := _KEY.match(p)) and m["value"] for p in pieces):
        return [line]
    return [replace(line, text=piece) for piece in pieces]


def _stamped(lines: Sequence[Line]) -> Iterator[Part]:
    """The messages of an exported chat, one for each stamp; lines without one go on with the message before."""
    held: list[Line] = []
    label = time = ""
    for line in lines:
        text = line.text.strip()
        match = _STAMPED.match(text)
        system = None if match else _SYSTEM.match(text)
        if match or system:
            if held:
                yield Part("turn" if label else "paragraph", tuple(held), 0, label, time)
            held, label, time = [], "", ""
        if match:
            label, time = match["name"].strip(), match["time"]
            said = _PLACEHOLDER.sub("", match["text"]).strip()
            held = [replace(line, text=f"{label}: {said}")] if said else []
        elif system:
            time = system["time"]
            held = [replace(line, text=system["text"])]
        elif text:
            held.append(line)
    if held:
        yield Part("turn" if label else "paragraph", tuple(held), 0, label, time)


def _key(part: Part) -> re.Match[str] | None:
    if part.kind not in ("paragraph", "item") or not part.lines:
        return None
    if any(_is_apart(line.text) for line in part.lines):
        return None  # what stands beside it is not told from the value
    return _KEY.match(" ".join(line.text.strip() for line in part.lines))


def _runs(parts: Sequence[Part]) -> Iterator[tuple[bool, list[tuple[Part, re.Match[str] | None]]]]:
    """Stretches of neighbours of one kind and level that all begin with a key, and what is between them."""
    keyed = [(part, None if part.label else _key(part)) for part in parts]
    for (is_keyed, _, _), group in groupby(keyed, key=lambda k: (k[1] is not None, k[0].kind, k[0].level)):
        yield is_keyed, list(group)


def _talk(parts: Sequence[Part]) -> list[Part]:
    """Speakers' turns: lines that begin with a name and a colon, where the names come again and sentences follow."""
    matches = [_key(part) for part in parts]
    counts = Counter(m["key"].casefold() for m in matches if m is not None and m["value"])
    again = {name for name, count in counts.items() if count >= 3 and len(name.split()) <= 4}
    said = [m["value"] for m in matches if m is not None and m["value"] and m["key"].casefold() in again]
    if len(again) < 2 or len(said) < 6 or sum(bool(_SENTENCE.search(v.strip())) for v in said) < 0.4 * len(said):
        return list(parts)
    out = []
    for part, match in zip(parts, matches, strict=True):
        if match is None or not match["value"]:
            out.append(part)
        elif match["key"].casefold() in again or (_named_like(match["key"]) and part.kind == "paragraph"):
            out.append(replace(part, kind="turn", label=match["key"]))
        else:
            out.append(part)
    return out


def _named_like(text: str) -> bool:
    words = text.split()
    return len(words) <= 4 and all(w[:1].isupper() for w in words)


def _forms(parts: Sequence[Part]) -> Iterator[Part]:
    """Key–value lines: neighbours whose keys differ and whose values are short."""
    for keyed, run in _runs(parts):
        matches = [m for _, m in run if m is not None]
        items = run[0][0].kind == "item"  # those are remarks and tasks more often than values
        form = keyed and _is_form(matches, _ITEM_WORDS if items else 0)
        for part, match in run:
            alone = _FIELD.match(" ".join(line.text.strip() for line in part.lines)) if part.lines and keyed else None
            if alone is not None:
                key = alone["key"].strip()
                text = f"{key}: {alone['value']}"
                yield replace(part, kind="pair", label=key, lines=(replace(part.lines[0], text=text),))
            elif (
                form
                and match is not None
                and match["value"]
                and len(match["key"].split()) <= _WORDS
                and not _is_text(match["value"])
                and (not items or len(match["value"].split()) <= _ITEM_WORDS)
            ):
                yield replace(part, kind="pair" if part.kind == "paragraph" else part.kind, label=match["key"].strip())
            else:
                yield part


def _is_form(matches: Sequence[re.Match[str]], most: int = 0) -> bool:
    """Whether lines are key and value: keys differ and are brief, values are short; `most` words of them, if given."""
    keys = [m["key"].casefold() for m in matches]
    values = [m["value"] for m in matches if m["value"]]
    short = sum(_is_value(v) and (not most or len(v.split()) <= most) for v in values)
    brief = sum(len(k.split()) <= _WORDS for k in keys)
    return len(values) >= 2 and len(set(keys)) >= 0.9 * len(keys) and min(short, brief) >= 0.7 * len(values)


def _is_text(text: str) -> bool:
    """Whether what follows a key is a sentence, or several."""
    return len(text.split()) > _FEW and bool(_SENTENCE.search(text.strip()))


def _is_value(text: str) -> bool:
    """Whether what follows a key is a value: short, and no sentences."""
    text = text.strip()
    return len(text) <= _LONGEST_VALUE and not _is_text(text)
