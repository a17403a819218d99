"""Books (epub) to parts: the pages in the order of reading, each by the reader of HTML."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from posixpath import dirname, normpath
from urllib.parse import unquote

from memllm_cli.documents.base import Limits, Line, Parsed, Part
from memllm_cli.documents.clean import declared_charset, decode
from memllm_cli.documents.readers import html
from memllm_cli.documents.readers.office.package import Package, get, local, walk


def parse(path: Path, name: str, limits: Limits) -> Parsed:
    """Parts of a book; a page is one of its files. Raises DocumentError for one that is broken or locked."""
    parsed = Parsed()
    with Package(path, name, limits) as package:
        if package.has("META-INF/rights.xml"):
            raise package.locked()
        container = package.xml("META-INF/container.xml")
        main = next((get(e, "full-path") for e, _ in walk(container) if local(e) == "rootfile"), "")
        if not package.has(main):
            raise package.broken("it has no list of pages")
        root = package.xml(main)
        for element, _ in walk(root):
            if local(element) == "title" and element.text:
                parsed.title = element.text.strip()
                break
        for element, _ in walk(root):
            if local(element) in ("creator", "publisher", "date", "language") and (element.text or "").strip():
                key = {"creator": "author"}.get(local(element), local(element))
                value = f"{key}: {' '.join((element.text or '').split())[:300]}"
                parsed.parts.append(Part("pair", (Line(1, value),), 0, key, "front matter"))
        files = {get(e, "id"): (get(e, "href"), get(e, "properties")) for e, _ in walk(root) if local(e) == "item"}
        pages = [files.get(get(e, "idref"), ("", "")) for e, _ in walk(root) if local(e) == "itemref"]
        for number, (place, properties) in enumerate(pages, 1):
            member = normpath(f"{dirname(main)}/{unquote(place)}").lstrip("/")
            if not package.has(member) or "nav" in properties.split():
                continue
            data = package.bytes(member)
            text, _ = decode(data, name, declared_charset(data))
            page = html.parse(text)
            parsed.parts += [_on_page(part, number) for part in page.parts]
    return parsed


def _on_page(part: Part, number: int) -> Part:
    return replace(part, lines=tuple(Line(line.number, line.text, number) for line in part.lines))
