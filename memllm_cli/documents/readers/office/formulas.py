"""Formulas of Word (OMML) as text in the notation of LaTeX, which people and models read."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from memllm_cli.documents.readers.office.package import get, local

DEEPEST = 60
"""Levels of a formula that are followed."""


def formula(element: Element, depth: int = 0) -> str:
    """A formula, or a part of one, as text."""
    name = local(element)
    if name in ("t", "delText"):
        return element.text or ""
    if name.endswith("Pr") or depth > DEEPEST:
        return ""

    def part(which: str) -> str:
        return " ".join(formula(e, depth + 1) for e in element if local(e) == which).strip()

    if name == "f":
        return rf"\frac{{{part('num')}}}{{{part('den')}}}"
    if name in ("sSup", "sSub", "sSubSup"):
        return part("e") + "".join(f"{m}{{{v}}}" for m, v in (("_", part("sub")), ("^", part("sup"))) if v)
    if name == "rad":
        degree = part("deg")
        return rf"\sqrt[{degree}]{{{part('e')}}}" if degree else rf"\sqrt{{{part('e')}}}"
    if name == "nary":
        limits = "".join(f"{m}{{{v}}}" for m, v in (("_", part("sub")), ("^", part("sup"))) if v)
        return f"{_NARY.get(_property(element, 'chr', '∫'), '∫')}{limits} {part('e')}"
    if name == "d":
        left, right = _property(element, "begChr", "("), _property(element, "endChr", ")")
        return rf"\left{left} {part('e')} \right{right}"
    if name == "func":
        function = part("fName")
        return (rf"\{function}" if function.isalpha() and function.isascii() else function) + f" {part('e')}"
    return "".join(formula(e, depth + 1) for e in element)


_NARY = {"∑": r"\sum", "∏": r"\prod", "∫": r"\int", "⋃": r"\bigcup", "⋂": r"\bigcap"}


def _property(element: Element, name: str, otherwise: str) -> str:
    """A property of a part of a formula; `otherwise` where it is not given."""
    for properties in element:
        if local(properties).endswith("Pr"):
            for one in properties:
                if local(one) == name:
                    return get(one, "val")
    return otherwise
