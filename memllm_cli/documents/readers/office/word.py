"""Word documents (docx) to parts, by mammoth: the text as accepted, without what was deleted and without comments."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path
from typing import IO, Any
from xml.etree.ElementTree import Element, SubElement, tostring
from zipfile import ZipFile

from memllm_cli.documents.base import Limits, Parsed
from memllm_cli.documents.readers import html
from memllm_cli.documents.readers.office.formulas import formula
from memllm_cli.documents.readers.office.package import Package, local, walk
from memllm_cli.errors import DocumentError

_BACK = re.compile(r'<a href="#[^"]*(?:footnote|endnote)-ref-[^"]*">[^<]*</a>')
_BOX = re.compile(r'<input [^>]*type="checkbox"[^>]*>')
_ENDS = re.compile(r"(</(?:p|li|h[1-6]|tr)>)")
_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_STYLES = """
p[style-name='Title'] => h1:fresh
p[style-name='Subtitle'] => p:fresh
p[style-name='Quote'] => blockquote > p:fresh
"""
"""How styles become elements; those of headings and lists are mammoth's own."""


def parse(path: Path, name: str, limits: Limits) -> Parsed:
    """Parts of a docx file; a line is a paragraph. Raises DocumentError for one that is broken, locked or too large."""
    import mammoth

    with Package(path, name, limits) as package:
        main = next((place for kind, place in package.targets("").values() if kind == "officeDocument"), "")
        main = main or "word/document.xml"
        if not package.has(main):
            raise package.broken("it has no document")
        root = package.xml(main)  # said in our words where it is broken, and refused where it builds on itself
        title = _title(package)
        try:
            with _with_formulas(package, path, main, root) as file:
                result = mammoth.convert_to_html(
                    file, style_map=_STYLES, convert_image=_no_image, external_file_access=False
                )
        except RecursionError:
            raise DocumentError(f"{name} is nested too deeply", "save it as text") from None
        except Exception:  # a third party's parser on an untrusted file: it raises whatever it met
            raise package.broken() from None
    source = _BOX.sub(lambda m: "[x] " if "checked=" in m[0] else "[ ] ", _BACK.sub("", str(result.value)))
    parsed = html.parse(_ENDS.sub(r"\1\n", source))
    parsed.title = title or parsed.title
    return parsed


def _no_image(_image: Any) -> list[Any]:
    return []


def _title(package: Package) -> str:
    """The title among the file's properties."""
    if not package.has("docProps/core.xml"):
        return ""
    return next((e.text or "" for e, _ in walk(package.xml("docProps/core.xml")) if local(e) == "title"), "")


def _with_formulas(package: Package, path: Path, main: str, root: Element) -> IO[bytes]:
    """The file, or one like it in memory in which formulas, which mammoth leaves out, are text."""
    if not any(local(e) == "oMath" for e, _ in walk(root)):
        return path.open("rb")
    for parent, _ in walk(root):
        for at, child in enumerate(parent):
            if local(child) in ("oMath", "oMathPara"):
                parent[at] = _run(formula(child))
    out = BytesIO()
    with ZipFile(out, "w") as archive:
        for member in package.members:
            archive.writestr(member, tostring(root) if member == main else package.bytes(member))
    out.seek(0)
    return out


def _run(text: str) -> Element:
    run = Element(f"{{{_W}}}r")
    SubElement(run, f"{{{_W}}}t").text = text
    return run
