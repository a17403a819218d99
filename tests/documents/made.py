"""Small office files made for tests, with nothing in them but what a reader needs."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

Table = Sequence[Sequence[str]]
_REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_A = "http://schemas.openxmlformats.org/drawingml/2006/main"
_P = "http://schemas.openxmlformats.org/presentationml/2006/main"
_ODF = "urn:oasis:names:tc:opendocument:xmlns"
_TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/></Types>'
)


def archive(path: Path, members: Mapping[str, str | bytes]) -> Path:
    """A zip archive."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def _relations(*targets: tuple[str, str]) -> str:
    items = "".join(
        f'<Relationship Id="r{n}" Type="{_REL}/{kind}" Target="{target}"/>'
        for n, (kind, target) in enumerate(targets, 1)
    )
    return f'<Relationships xmlns="{_PACKAGE}">{items}</Relationships>'


def docx(path: Path, body: str) -> Path:
    """A Word document with this body (elements with the prefix w)."""
    return archive(
        path,
        {
            "[Content_Types].xml": _TYPES,
            "_rels/.rels": _relations(("officeDocument", "word/document.xml")),
            "word/document.xml": f'<w:document xmlns:w="{_W}" xmlns:m="m"><w:body>{body}</w:body></w:document>',
        },
    )


def run(text: str) -> str:
    """A run of text in a Word document."""
    return f'<w:r><w:t xml:space="preserve">{escape(text)}</w:t></w:r>'


def paragraph(text: str, style: str = "") -> str:
    """A paragraph of a Word document."""
    properties = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{properties}{run(text)}</w:p>"


def docx_table(rows: Table) -> str:
    """A table of a Word document."""
    cells = "".join("<w:tr>" + "".join(f"<w:tc>{paragraph(c)}</w:tc>" for c in row) + "</w:tr>" for row in rows)
    return f"<w:tbl>{cells}</w:tbl>"


def pptx(path: Path, *slides: str) -> Path:
    """A presentation of slides, each its shapes (elements with the prefixes p and a)."""
    members = {
        "[Content_Types].xml": _TYPES,
        "_rels/.rels": _relations(("officeDocument", "ppt/presentation.xml")),
        "ppt/presentation.xml": f'<p:presentation xmlns:p="{_P}" xmlns:r="{_REL}"><p:sldIdLst>'
        + "".join(f'<p:sldId id="{255 + n}" r:id="r{n}"/>' for n in range(1, len(slides) + 1))
        + "</p:sldIdLst></p:presentation>",
        "ppt/_rels/presentation.xml.rels": _relations(
            *(("slide", f"slides/slide{n}.xml") for n in range(1, len(slides) + 1))
        ),
    }
    for number, shapes in enumerate(slides, 1):
        tree = f"<p:cSld><p:spTree>{shapes}</p:spTree></p:cSld>"
        members[f"ppt/slides/slide{number}.xml"] = f'<p:sld xmlns:p="{_P}" xmlns:a="{_A}">{tree}</p:sld>'
    return archive(path, members)


def shape(*texts: str, kind: str = "", y: int = 0) -> str:
    """A shape of a slide with paragraphs."""
    place = f'<p:nvPr><p:ph type="{kind}"/></p:nvPr>' if kind else "<p:nvPr/>"
    body = "".join(f"<a:p><a:r><a:t>{escape(t)}</a:t></a:r></a:p>" for t in texts)
    where = f'<p:spPr><a:xfrm><a:off x="0" y="{y}"/></a:xfrm></p:spPr>'
    return f"<p:sp><p:nvSpPr>{place}</p:nvSpPr>{where}<p:txBody>{body}</p:txBody></p:sp>"


def odf(path: Path, body: str) -> Path:
    """An OpenDocument file with this body (elements with the prefixes office, text, table, draw)."""
    spaces = "".join(f' xmlns:{n}="{_ODF}:{n}:1.0"' for n in ("office", "text", "table"))
    spaces += f' xmlns:draw="{_ODF}:drawing:1.0"'
    content = f"<office:document-content{spaces}><office:body>{body}</office:body></office:document-content>"
    return archive(path, {"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": content})


def odf_table(rows: Table, name: str = "Sheet") -> str:
    """A table of an OpenDocument file."""
    made = "".join(
        "<table:table-row>"
        + "".join(f"<table:table-cell><text:p>{escape(c)}</text:p></table:table-cell>" for c in row)
        + "</table:table-row>"
        for row in rows
    )
    return f'<table:table table:name="{name}">{made}</table:table>'


def xlsx(path: Path, rows: Sequence[Sequence[object]], formats: Mapping[str, str] | None = None) -> Path:
    """A workbook of one sheet; `formats` are number formats by the cell's name."""
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    for row in rows:
        sheet.append(list(row))
    for cell, form in (formats or {}).items():
        sheet[cell].number_format = form
    book.save(path)
    return path


def epub(path: Path, title: str, *pages: str) -> Path:
    """A book of pages, each the body of one of HTML."""
    items = "".join(f'<item id="p{n}" href="p{n}.xhtml"/>' for n in range(len(pages)))
    order = "".join(f'<itemref idref="p{n}"/>' for n in reversed(range(len(pages))))
    members = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<container><rootfile full-path="OPS/book.opf"/></container>',
        "OPS/book.opf": f"<package><metadata><title>{title}</title></metadata><manifest>{items}</manifest>"
        f"<spine>{order}</spine></package>",
    }
    for number, body in enumerate(pages):
        members[f"OPS/p{number}.xhtml"] = f"<html><body>{body}</body></html>"
    return archive(path, members)
