"""Which HTML elements a reader of the page does not see, or would not call its text, and what raised text says."""

from __future__ import annotations

import re
from collections.abc import Mapping

from memllm_cli.documents.base import words

VOID = words("area base br col embed hr img input link meta param source track wbr")
DROPPED = words(
    "script style template noscript head nav footer select textarea button svg math iframe object canvas audio "
    "video datalist"
)

ELEMENTS = words(
    "a abbr acronym address applet area article aside audio b base basefont bdi bdo big blink blockquote body br "
    "button canvas caption center cite code col colgroup data datalist dd del details dfn dialog dir div dl dt em "
    "embed fieldset figcaption figure font footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr "
    "html i iframe img input ins kbd label legend li link main map mark marquee math menu meta meter nav nobr "
    "noframes noscript object ol optgroup option output p param picture plaintext pre progress q rp rt ruby s "
    "samp script search section select slot small source span strike strong style sub summary sup svg table tbody "
    "td template textarea tfoot th thead time title tr track tt u ul var video wbr xmp "
)
"""Elements of HTML, those of old versions too (HTML Living Standard); another name in angles is text."""

_HIDING = re.compile(r"display:none|visibility:(?:hidden|collapse)")
_CSS_NOISE = re.compile(r"/\*.*?\*/|\s+", re.S)


def is_hidden(attributes: Mapping[str, object]) -> bool:
    """Whether an element's own attributes hide it: `hidden`, `aria-hidden=true`, or its style."""
    if "hidden" in attributes or str(attributes.get("aria-hidden", "")).strip().lower() == "true":
        return True
    style = attributes.get("style")
    return bool(style) and bool(_HIDING.search(_CSS_NOISE.sub("", str(style)).lower()))


_UNREAD = re.compile(r"<!--|<(script|style)(?=[\s/>])", re.I)
_UNREAD_ENDS = {name: re.compile(rf"</{name}(?=[\s/>])[^>]*>", re.I) for name in ("script", "style")}


def tame(source: str) -> tuple[str, bool]:
    """HTML without comments, scripts and styles (their line ends stay), and whether one was never closed.

    What is not closed hides the rest of the page. The standard library's parser needs quadratic time for
    comments and tags that are never closed: here they go before it sees them, in linear time.
    """
    kept: list[str] = []
    at = 0
    unclosed = False
    while match := _UNREAD.search(source, at):
        kept.append(source[at : match.start()])
        if name := match.group(1):
            closing = _UNREAD_ENDS[name.lower()].search(source, match.end())
            end = closing.end() if closing else -1
        else:
            # "<!-->" is a comment, too.
            end = source.find("-->", match.start() + 2)
            end = end + 3 if end >= 0 else -1
        if end < 0:
            unclosed = True
            at = len(source)
            break
        kept.append("\n" * source.count("\n", match.start(), end))
        at = end
    kept.append(source[at:])
    result = "".join(kept)
    last = result.rfind(">") + 1
    return result[:last] + result[last:].replace("<", "&lt;"), unclosed


_SUPERSCRIPTS = str.maketrans("0123456789+-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻")
_UNIT_BEFORE = re.compile(r"(?:^|[\s\d/·(])(?:[kcdmµn]?m|km|ft|in|yd|mi|s|h|sec|hr)$")


def raised(text: str, before: str) -> str:
    """Superscript text, given what stands before it: an exponent, an ordinal's ending, or "" for the mark of a note."""
    bare = text.strip()
    if len(bare) == 1 and bare.isalpha() and before.rstrip()[-1:].isdigit():
        return ""  # the mark of a note; an ordinal's ending has two letters
    if not bare or bare.isalpha():
        return text
    if re.fullmatch(r"[+-]?\d+", bare):
        if _UNIT_BEFORE.search(before) or re.search(r"(?:^|[^\W_]*\d|(?<![^\W_])[^\W\d_]|\))$", before):
            return bare.translate(_SUPERSCRIPTS)
        return ""
    return "" if re.fullmatch(r"[\[(]?(?:\d{1,3}|[a-z]|note \d+)[\])]?|[*†‡§,\s\d]+", bare) else text
