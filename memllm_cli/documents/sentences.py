"""Rule-based sentence splitting that keeps character offsets.

Works for English, German, French and Spanish, and more roughly for other languages with full stops. A boundary that
is missed costs little (a longer sentence); one that is invented tears a fact in two: doubtful cases are no boundary.
"""

from __future__ import annotations

import re

from memllm_cli.documents.base import words

MAX_CHARS = 600
_MIN_CUT = 200

# Never the end of a sentence: something always follows.
_ALWAYS = words(
    "mr mrs ms messrs mx dr prof st ste mt ft gen col sgt capt lt cmdr adm maj rev hon sen rep gov pres "
    "vs v e.g i.e eg ie cf viz approx ca resp incl excl esp ed eds trans al "
    "bzw vgl bzgl inkl exkl zzgl ggf evtl einschl sog dipl nr med jur hrsg "
    "mm mme mmes mlle mlles mgr sra sras srta sres dra dña sta sto gral cnel lic ej"
)
# An abbreviation only before a number or a single letter: "No. 5", "Art. IV", "p. 12", "Ex. A".
_BEFORE_NUMBER = words(
    "no nos fig figs eq eqs sec secs sect art arts ch chap vol vols pp p para paras cl tab ex app ver v "
    "jan feb mar apr jun jul aug sep sept oct nov dec abs kap bd bde ziff anm núm pág págs cap fol"
)
# May end a sentence: they do when the next word commonly starts one.
_SOMETIMES = words(
    "inc ltd co corp llc llp plc bros jr sr esq etc dept est univ assn ave blvd rd hwy ph.d m.d b.a m.a a.m p.m "
    "b.c a.d s.a n.v u.s u.k u.n e.u d.c jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat "
    "sun mio mrd tsd usw rd geb gest gegr verh str fa fr hr frl abs abt kap bd ziff mwst "
    "okt dez env av tél tel janv févr juil déc éd núm pág ee uu ud uds vd vds cía ene abr dic dpto ing"
)
_STARTERS = words(
    "the this that these those it its he she they we you i a an in on at as by for from to with when while where "
    "if although though after before since however but and or so then there here his her their our my what who why "
    "how no not yes one some many most all each every both another other nobody everybody such also according under "
    "during until because upon once today now meanwhile moreover furthermore "
    "der die das dem den des ein eine einen einem einer er sie es wir ich ihr ihre sein seine dies diese dieser dieses "
    "am im bei beim mit nach vor seit seitdem danach dann dort hier auch aber und oder wenn weil als wer wie wo was "
    "warum alle andere beide manche viele niemand nicht nein ja "
    "le la les l un une des il elle ils elles on nous vous je ce cet cette ces cela son sa ses leur leurs dans en au "
    "aux avec pour par sur après avant depuis puis mais et ou si quand qui que où comment personne tout toutes tous "
    "oui el lo uno una unos unas él ella ellos ellas yo nosotros este esta esto estos estas ese esa eso su sus con por "
    "para desde luego después pero si cuando quien quién qué cómo dónde nadie todo todos todas sí"
)

_CLOSERS = "\"'”’»)\\]}›"
# A run of stops is tried once, from its first, and never given back: hostile runs stay linear.
_STOP = re.compile(
    rf"(?P<latin>(?<![.!?…])[.!?…]++(?:[{_CLOSERS}“«]|\[\d{{1,3}}\]|[ \xa0\u202f]»(?=\s|$))*+)(?=\s|$)"
    r"|(?P<wide>[。！？｡]++[」』”’）】]*+)"
    rf"|(?P<other>(?<![।॥۔؟])[।॥۔؟]++[{_CLOSERS}]*+)(?=\s|$)"
)
_NEXT_WORD = re.compile(r"\s+([\"'“„‘«»(\[{‹¿¡*_–—-]*)\s?(\w+)[\w'’]*(\.?)")
_CLOSER_NEXT = re.compile(rf"\s+[{_CLOSERS}](?<![\"'])")
_ENUMERATOR = re.compile(r"[(\[]?(?:\d{1,3}(?:\.\d{1,3})*|[A-Za-z]|[ivxlcIVXLC]{1,6})[.)]+")
_DOTTED = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]")
_ROMAN = re.compile(r"[IVXLC]+")
# In German a number with a full stop is an ordinal: what stands before it, or the month after it, says so.
_ORDINAL_AFTER = words(
    "am im vom zum zur der die das dem den des bis ab seit und oder ein eine einen einem einer ihr ihre ihren sein "
    "seine seinen jede jeder jedes jeden beim ins"
)
_MONTHS = words(
    "januar jänner februar märz april mai juni juli august september oktober november dezember jan feb mär apr jun jul "
    "aug sept sep okt nov dez"
)
_QUESTION = re.compile(
    r"\W*¿|\W*(?:who|whom|whose|what|which|when|where|why|how|is|are|was|were|do|does|did|has|have|had|can|could|will|"
    r"would|should|may|must|wer|wen|wem|was|welche[rsn]?|wann|wo|warum|wie|ist|sind|war|hat|haben|kann|qui|que|quel(?:le)?s?|"
    r"quand|où|pourquoi|comment|combien|est|a-t|quién|qué|cuál|cuándo|dónde|cómo|cuánto)\b",
    re.I,
)


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
    opening, word, dotted = following.groups() if following else ("", "", "")
    if word[:1].islower() or _CLOSER_NEXT.match(text, match.end(), end):
        return False
    # "A." and "I." are initials.
    starter = word.lower() in _STARTERS and not (len(word) == 1 and dotted)
    stop = match.group("latin")
    if stop[0] in "!?":
        if starter or not word or "¿" in opening or "¡" in opening:
            return True
        # '"Stop!" Ann shouted': what a quotation mark closes may be followed by its speaker.
        return bool(opening) if stop[-1] in "\"'”’»“«" else not _in_name(text, begin, match.start(), stop)
    if stop[0] != "." or stop.startswith(".."):
        return True
    if _ENUMERATOR.fullmatch(text, begin, match.end()):
        return False
    token = _token_before(text, begin, match.start())
    if not token:
        return True
    if token.isdigit() and len(token) <= 2:
        return not _is_ordinal(text, begin, match.start() - len(token), word, starter)
    if len(token) == 1 and token.islower() and not dotted and text[begin : match.start() - 1].rstrip()[-1:].isdigit():
        return True  # a unit: "took 5 s."
    # "Gamma Ltd. (the Seller)": a bracket after an abbreviation belongs to it.
    return _ends_sentence(token, word, starter=starter and "(" not in opening and "[" not in opening)


def _token_before(text: str, begin: int, stop: int) -> str:
    """The word that the full stop at `stop` belongs to, without opening brackets and quotes."""
    index = stop
    limit = max(begin, stop - 40)
    while index > limit and not text[index - 1].isspace():
        index -= 1
    return text[index:stop].lstrip("\"'“„‘«»([{‹*_–—-")


def _in_name(text: str, begin: int, stop: int, marks: str) -> bool:
    """Whether "!" or "?" may belong to a name that goes on after it ("Wham! Records").

    No more than one mark, at a word in capitals; not where a question is asked.
    """
    return (
        len(marks) == 1
        and _token_before(text, begin, stop)[:1].isupper()
        and "¡" not in text[begin:stop]
        and not (marks == "?" and _QUESTION.match(text, begin, stop))
    )


def _is_ordinal(text: str, begin: int, start: int, word: str, starter: bool) -> bool:
    """Whether the number at `start`, of one or two digits, stands for an ordinal with the full stop after it."""
    if word[:1].isdigit() or word.lower() in _MONTHS:
        return True
    before = text[max(begin, start - 40) : start].split()
    return not starter and bool(before) and before[-1].lower().strip('(„"') in _ORDINAL_AFTER


def _ends_sentence(token: str, word: str, *, starter: bool) -> bool:
    lower = token.lower()
    if lower in _BEFORE_NUMBER:
        roman = len(word) <= 4 and bool(_ROMAN.fullmatch(word))
        if word[:1].isdigit() or roman or (len(word) == 1 and lower != "no"):
            return False
    last = lower.removeprefix("l'").removeprefix("l’").rpartition("-")[2]
    if last in _ALWAYS:
        # "et al. The" ends one all the same.
        return lower == "al" and starter
    if last in _SOMETIMES or last.endswith("str") or _DOTTED.fullmatch(token):
        return starter
    if len(last) == 1 and last.isalpha():
        # "M. Le Pen" is a man; "z. B." and "d. h." are letters as initials are.
        return starter and not (token == "M" and word in ("Le", "La"))
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
