"""Rule-based sentence splitting that keeps character offsets.

Works for English and, more roughly, for other languages with full stops. A boundary that is missed costs little
(a longer sentence); one that is invented tears a fact in two: doubtful cases are no boundary.
"""

from __future__ import annotations

import re

from memllm_cli.documents.base import words

MAX_CHARS = 600
_MIN_CUT = 200

# Never the end of a sentence: something always follows.
_ALWAYS = words(
    "mr mrs ms messrs mx dr prof st ste mt ft gen col sgt capt lt cmdr adm maj rev hon sen rep gov pres "
    "vs v e.g i.e eg ie cf viz approx ca resp incl excl esp ed eds trans al"
)
# An abbreviation only before a number or a single letter: "No. 5", "Art. IV", "p. 12".
_BEFORE_NUMBER = words(
    "no nos fig figs eq eqs sec secs sect art arts ch chap vol vols pp p para paras cl tab ex app ver v "
    "jan feb mar apr jun jul aug sep sept oct nov dec"
)
# May end a sentence: they do when the next word commonly starts one.
_SOMETIMES = words(
    "inc ltd co corp llc llp plc bros jr sr esq etc dept est univ assn ave blvd rd hwy ph.d m.d b.a m.a a.m p.m "
    "b.c a.d s.a n.v u.s u.k u.n e.u d.c jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat "
    "sun"
)
_STARTERS = words(
    "the this that these those it its he she they we you i a an in on at as by for from to with when while where "
    "if although though after before since however but and or so then there here his her their our my what who why "
    "how no not one some many most all each every both another other such also according under during until "
    "because upon once today now meanwhile moreover furthermore"
)

_CLOSERS = "\"'”’»)\\]}›"
# A run of stops is tried once, from its first, and never given back: hostile runs stay linear.
_STOP = re.compile(
    rf"(?P<latin>(?<![.!?…])[.!?…]++(?:[{_CLOSERS}]|\[\d{{1,3}}\])*+)(?=\s|$)"
    r"|(?P<wide>[。！？｡]++[」』”’）】]*+)"
    rf"|(?P<other>(?<![।॥۔؟])[।॥۔؟]++[{_CLOSERS}]*+)(?=\s|$)"
)
_NEXT_WORD = re.compile(r"\s+[\"'“‘«(\[{‹¿¡*_–—-]*\s?(\w[\w'’]*)(\.?)")
_CLOSER_NEXT = re.compile(rf"\s+[{_CLOSERS}](?<![\"'])")
_ENUMERATOR = re.compile(r"[(\[]?(?:\d{1,3}(?:\.\d{1,3})*|[A-Za-z]|[ivxlcIVXLC]{1,6})[.)]+")
_DOTTED = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]")
_ROMAN = re.compile(r"[IVXLC]+")


def split(text: str) -> list[tuple[int, int]]:
    """Sentences of `text` as (start, end) in characters, in order.

    They do not overlap, begin and end with a character that is no white space, and cover every such character.
    A newline always ends a sentence; none is longer than MAX_CHARS.
    """
    spans: list[tuple[int, int]] = []
    start = 0
    while start < len(text):
        newline = text.find("\n", start)
        end = len(text) if newline < 0 else newline
        for piece in _split_line(text, start, end):
            spans.extend(_cut_long(text, *piece))
        start = end + 1
    return spans


def ends_with_abbreviation(text: str) -> bool:
    """Whether the text ends with an abbreviation that something must follow, as "Dr." and "No."."""
    token = _token_before(text, 0, len(text) - 1).lower() if text.endswith(".") else ""
    return token in _ALWAYS or token in _BEFORE_NUMBER


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def _split_line(text: str, start: int, end: int) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    begin, _ = _trim(text, start, end)
    for match in _STOP.finditer(text, start, end):
        if match.end() <= begin or not _is_boundary(text, begin, match, end):
            continue
        span = _trim(text, begin, match.end())
        if span[0] < span[1]:
            spans.append(span)
        begin = match.end()
        while begin < end and text[begin].isspace():
            begin += 1
    span = _trim(text, begin, end)
    if span[0] < span[1]:
        spans.append(span)
    return spans


def _is_boundary(text: str, begin: int, match: re.Match[str], end: int) -> bool:
    if match.group("latin") is None or match.end() >= end:
        return True
    following = _NEXT_WORD.match(text, match.end(), end)
    word = following.group(1) if following else ""
    if word[:1].islower() or _CLOSER_NEXT.match(text, match.end(), end):
        return False
    stop = match.group("latin")
    if not stop.startswith(".") or stop.startswith(".."):
        return True
    if _ENUMERATOR.fullmatch(text, begin, match.end()):
        return False
    token = _token_before(text, begin, match.start())
    if not token:
        return True
    return _ends_sentence(token, word, starter=_starts(word, following))


def _token_before(text: str, begin: int, stop: int) -> str:
    """The word that the full stop at `stop` belongs to, without opening brackets and quotes."""
    index = stop
    limit = max(begin, stop - 40)
    while index > limit and not text[index - 1].isspace():
        index -= 1
    return text[index:stop].lstrip("\"'“‘«([{‹*_–—-")


def _starts(word: str, following: re.Match[str] | None) -> bool:
    """Whether the next word commonly starts a sentence; "A." and "I." are initials."""
    return word.lower() in _STARTERS and not (len(word) == 1 and following is not None and following.group(2))


def _ends_sentence(token: str, word: str, *, starter: bool) -> bool:
    lower = token.lower()
    if lower in _BEFORE_NUMBER and (word[:1].isdigit() or (len(word) <= 4 and bool(_ROMAN.fullmatch(word)))):
        return False
    if lower in _ALWAYS:
        # "et al. The" ends one all the same.
        return lower == "al" and starter
    if lower in _SOMETIMES or _DOTTED.fullmatch(token):
        return starter
    if len(token) == 1 and token.isalpha() and token.isupper():
        return starter
    return True


def _cut_long(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Run-ons in pieces of at most MAX_CHARS: cut after a semicolon, else a comma, else at a space."""
    spans: list[tuple[int, int]] = []
    while end - start > MAX_CHARS:
        cut = -1
        for mark in ("; ", ", ", " "):
            cut = text.rfind(mark, start + _MIN_CUT, start + MAX_CHARS)
            if cut >= 0:
                cut += len(mark)
                break
        if cut < 0:
            cut = start + MAX_CHARS
        span = _trim(text, start, cut)
        if span[0] < span[1]:
            spans.append(span)
        start, _ = _trim(text, cut, end)
    if start < end:
        spans.append((start, end))
    return spans
