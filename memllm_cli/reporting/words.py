"""What every page says of itself, in the same words whatever it is written in."""

from __future__ import annotations

from memllm_cli.reporting.page import Page
from memllm_cli.terminal import count

COLUMNS = ("", "Subject", "Relation", "Object", "Holds", "Sources")
_KINDS = {"name": "What memory holds about a name", "pattern": "What memory holds", "document": "What {} states"}


def meant(page: Page) -> str:
    """What the page is, of which memory, and when it was made."""
    checksum = f" The document's SHA-256 begins with {page.checksum[:12]}." if page.checksum else ""
    of = f"knowledge base '{page.kb}' as of operation {page.operation}"
    return f"{_KINDS[page.kind].format(page.file)}: {of}, {page.made}.{checksum}"


def counts(page: Page) -> str:
    """How much is on the page."""
    facts, documents = count(len(page.lines), "fact"), count(len(page.documents), "document")
    return f"{facts}, {count(len(page.notes), 'source')} in {documents}, {count(len(page.clashes), 'conflict')}"


def left_out(page: Page) -> str:
    """What is not on the page."""
    proposals = f"{count(page.proposals, 'proposal')} that nobody has accepted"
    unstated = f"{count(page.unstated, 'statement')} that documents deny, plan, ask or report"
    return (
        f"Left out: {proposals}, and {unstated}. Facts were read by a program: the sentence of each is among the "
        "sources, and decides. Made by memllm."
    )
