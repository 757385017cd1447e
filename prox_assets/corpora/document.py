"""The types that every format reader yields, the canonical document and the reject, and the document id."""

from dataclasses import dataclass

import xxhash


@dataclass(frozen=True, slots=True)
class Document:
    """One raw document; the fields are columns of the lake table `documents`.

    Attributes:
        doc_id: `document_id(...)` of its place in the corpus.
        text: The raw text, valid Unicode without NUL characters.
        url: URL of the page, if the format has one.
        source_file: Path relative to the corpus's glob root.
        source_row: Physical 0-based row in that file, counting rejected rows.
        metadata: Every native column other than text, as a JSON object; if a file has several columns with one name,
            all but the first are numbered (`x`, `x_2`).
    """

    doc_id: str
    text: str
    url: str | None
    source_file: str
    source_row: int
    metadata: str


@dataclass(frozen=True, slots=True)
class Reject:
    """One raw row that could not become a document; the fields are columns of the lake table `rejects`.

    Attributes:
        source_file: Path relative to the corpus's glob root.
        source_row: Physical 0-based row in that file.
        reason: One of a closed set: broken_json (including a blank line between rows), not_an_object, invalid_utf8,
            missing_text, text_not_a_string, nul_character, lone_surrogate, line_too_long (over the source's
            `max_row_bytes`).
        detail: A human-readable explanation.
        excerpt: The first 200 characters of the row, made printable.
    """

    source_file: str
    source_row: int
    reason: str
    detail: str
    excerpt: str


def document_id(corpus: str, source_file: str, source_row: int) -> str:
    """Return the 32-hex-digit id of a document: a hash of its place, so that it stays the same in every re-run.

    Args:
        corpus: Name of the corpus.
        source_file: Path relative to the corpus's glob root.
        source_row: Physical 0-based row, counting rejected rows.
    """
    return xxhash.xxh3_128_hexdigest("\x00".join((corpus, source_file, str(source_row))).encode())


def text_hash(text: str) -> str:
    """Return the 32-hex-digit hash of a text's UTF-8 bytes."""
    return xxhash.xxh3_128_hexdigest(text.encode())
