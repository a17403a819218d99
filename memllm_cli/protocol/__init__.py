"""Calls as text and as tokens: their grammar, rendering, parsing, streaming and the constraint on decoding them.

Pure: standard library only, no I/O. Knows nothing of models, memory or documents.
"""

from memllm_cli.protocol.calls import Call, CallError, ReadCall, WriteCall, parse, render, render_open_read, render_text
from memllm_cli.protocol.constraint import (
    Constraint,
    ImpossibleError,
    Tokenizer,
    WriteConstraint,
    WrittenTriple,
)
from memllm_cli.protocol.grammar import (
    ARROW,
    CLOSE,
    FIELD,
    ITEM,
    OPEN,
    READ,
    RESERVED,
    TEXT,
    WRITE,
    as_field,
    collapse,
    is_field,
    parse_pattern,
    parse_question,
    parse_statement,
)
from memllm_cli.protocol.spans import Span, words_of
from memllm_cli.protocol.stream import (
    CallDecoder,
    CallSegment,
    MalformedSegment,
    Segment,
    TextSegment,
    merge,
)

__all__ = [
    "ARROW",
    "CLOSE",
    "FIELD",
    "ITEM",
    "OPEN",
    "READ",
    "RESERVED",
    "TEXT",
    "WRITE",
    "Call",
    "CallDecoder",
    "CallError",
    "CallSegment",
    "Constraint",
    "ImpossibleError",
    "MalformedSegment",
    "ReadCall",
    "Segment",
    "Span",
    "TextSegment",
    "Tokenizer",
    "WriteCall",
    "WriteConstraint",
    "WrittenTriple",
    "as_field",
    "collapse",
    "is_field",
    "merge",
    "parse",
    "parse_pattern",
    "parse_question",
    "parse_statement",
    "render",
    "render_open_read",
    "render_text",
    "words_of",
]
