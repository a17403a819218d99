"""A zip archive of XML as office programs write it: opened with limits, errors in words for people.

Archives are untrusted: what one holds may be enormous once it is unpacked, encrypted, or XML that builds on itself.
Nothing is ever written to a disk.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from posixpath import dirname, normpath
from typing import IO
from xml.etree.ElementTree import Element, ParseError

from memllm_cli.documents.base import MB, Limits
from memllm_cli.errors import DocumentError

_LOCKED = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""How the container begins in which Office keeps encrypted files, and kept all files before 2007."""
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError, OverflowError)
DEEPEST = 400
"""Levels of elements that are followed."""


class Package:
    """The members of an archive. Use as a context; `name` is how errors call the file."""

    def __init__(self, path: Path, name: str, limits: Limits) -> None:
        self.name = name
        with path.open("rb") as file:
            head = file.read(len(_LOCKED))
        if head == _LOCKED:
            raise DocumentError(
                f"{name} is protected by a password, or of an office program from before 2007",
                "open it there and save it anew, without a password",
            )
        try:
            self._zip = zipfile.ZipFile(path)
        except _BROKEN:
            raise self.broken() from None
        infos = self._zip.infolist()
        total = sum(i.file_size for i in infos)
        if len(infos) > limits.package_members or total > limits.package_bytes:
            self._zip.close()
            raise DocumentError(
                f"{name} unpacks to {total / MB:,.0f} MB in {len(infos):,} parts, more than memllm reads",
                "split it, or save what is needed as text",
            )
        if any(i.flag_bits & 1 for i in infos):
            self._zip.close()
            raise self.locked()
        self.members = {i.filename: i for i in infos}

    def __enter__(self) -> Package:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def broken(self, part: str = "") -> DocumentError:
        """The error of a file that cannot be read as what it says it is."""
        where = f" ({part})" if part else ""
        return DocumentError(f"{self.name} is damaged{where}", "open it in the program it is from and save it anew")

    def locked(self) -> DocumentError:
        """The error of a file whose content is encrypted."""
        return DocumentError(f"{self.name} is encrypted", "save a copy without a password")

    def has(self, member: str) -> bool:
        """Whether the archive holds such a member."""
        return member in self.members

    def open(self, member: str) -> IO[bytes]:
        """A member as a stream. Raises DocumentError where there is none."""
        try:
            return self._zip.open(self.members[member])
        except KeyError:
            raise self.broken(f"it has no {member}") from None
        except _BROKEN:
            raise self.broken(member) from None

    def bytes(self, member: str) -> bytes:
        """A member as a whole."""
        try:
            with self.open(member) as file:
                return file.read()
        except _BROKEN:
            raise self.broken(member) from None

    def xml(self, member: str) -> Element:
        """A member as a tree of elements."""
        from defusedxml.common import DefusedXmlException
        from defusedxml.ElementTree import fromstring

        try:
            root: Element = fromstring(self.bytes(member))
        except (ParseError, DefusedXmlException, LookupError):
            raise self.broken(member) from None
        return root

    def targets(self, member: str) -> dict[str, tuple[str, str]]:
        """What a part of an Office file refers to, by id: the last word of the kind, and the member."""
        folder, _, file = member.rpartition("/")
        relations = f"{folder}/_rels/{file}.rels" if folder else f"_rels/{file}.rels"
        if not self.has(relations):
            return {}
        out = {}
        for item in self.xml(relations):
            target = item.get("Target", "")
            place = (
                target.lstrip("/") if target.startswith("/") else normpath(f"{dirname(member)}/{target}").lstrip("/")
            )
            out[item.get("Id", "")] = (item.get("Type", "").rpartition("/")[2], place.lstrip("/"))
        return out


def local(element: Element) -> str:
    """An element's name without its namespace."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def get(element: Element, name: str) -> str:
    """An attribute by its name without namespace, "" where there is none."""
    if (plain := element.get(name)) is not None:
        return plain
    return next((v for k, v in element.attrib.items() if k.endswith(f"}}{name}")), "")


def walk(root: Element, depth: int = 0) -> Iterator[tuple[Element, int]]:
    """Elements in the order of the document, with their depth, without recursion; what is nested deeper is left out."""
    stack = [(root, depth)]
    while stack:
        element, level = stack.pop()
        yield element, level
        if level < DEEPEST:
            stack += [(child, level + 1) for child in reversed(element)]
