"""Turns one raw row from any kind of file into a Document or a Reject."""

import base64
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from prox_assets.corpora.document import Document, Reject, document_id
from prox_assets.corpora.formats import Layout

_EXCERPT_CHARACTERS = 200
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_NOT_IN_A_URL = re.compile(r"[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class RowConverter:
    """Turns the rows of one file into documents and rejects.

    Attributes:
        corpus: Name of the corpus.
        source_file: Path relative to the glob root.
        layout: Which columns hold what.
    """

    corpus: str
    source_file: str
    layout: Layout

    def convert(self, row: int, columns: Mapping[str, Any]) -> Document | Reject:
        """Return the row's document, or a reject that says why there is none; a blank text is a valid document.

        Args:
            row: Physical 0-based row in the file.
            columns: The row's native columns, as read from JSON or Parquet.
        """
        layout = self.layout
        if layout.text not in columns:
            return self._reject_columns(row, "missing_text", f"the row has no {layout.text!r}", columns)
        text = columns[layout.text]
        if not isinstance(text, str):
            kind = "null" if text is None else type(text).__name__
            return self._reject_columns(row, "text_not_a_string", f"{layout.text!r} is {kind}", columns)
        if (position := text.find("\x00")) >= 0:
            return self.reject(row, "nul_character", f"NUL at character {position} of the text", text)
        if (surrogate := _first_surrogate(text)) is not None:
            detail = f"lone surrogate U+{ord(text[surrogate]):04X} at character {surrogate} of the text"
            return self.reject(row, "lone_surrogate", detail, text)
        return Document(
            doc_id=document_id(self.corpus, self.source_file, row),
            text=text,
            url=self._url(columns),
            source_file=self.source_file,
            source_row=row,
            metadata=self._metadata(columns),
        )

    def reject(self, row: int, reason: str, detail: str, raw: str | bytes) -> Reject:
        """Return a reject with a printable excerpt of the raw row."""
        head = raw[: 4 * _EXCERPT_CHARACTERS]
        text = head.decode("utf-8", "backslashreplace") if isinstance(head, bytes) else head
        return Reject(self.source_file, row, reason, detail, printable_excerpt(text))

    def _reject_columns(self, row: int, reason: str, detail: str, columns: Mapping[str, Any]) -> Reject:
        return self.reject(row, reason, detail, _dump(dict(columns)))

    def _url(self, columns: Mapping[str, Any]) -> str | None:
        for path in self.layout.url_paths:
            value: Any = columns
            for name in path:
                value = _as_object(value).get(name)
            if isinstance(value, str) and value:
                return _NOT_IN_A_URL.sub("\ufffd", value)
        return None

    def _metadata(self, columns: Mapping[str, Any]) -> str:
        native = {name: value for name, value in columns.items() if name != self.layout.text}
        if self.layout.id is not None and self.layout.id in columns:
            native.setdefault("id", columns[self.layout.id])
        return _dump(native)


def printable_excerpt(text: str) -> str:
    """Return the first 200 characters of a text with everything unprintable escaped, cut to 200 characters again."""
    head = text[:_EXCERPT_CHARACTERS]
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in head)[:_EXCERPT_CHARACTERS]


def json_safe(value: Any) -> Any:  # noqa: ANN401 - a native column can hold anything
    """Return a value in a form that JSON can hold.

    Dates and times become ISO 8601, durations become seconds, bytes become their UTF-8 text or else base64, mappings
    become objects, numbers that JSON lacks (NaN, infinities) become null, and anything else becomes its text.
    """
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {str(name): json_safe(item) for name, item in value.items()}
        case list() | tuple():
            return [json_safe(item) for item in value]
        case bytes():
            try:
                return value.decode()
            except UnicodeDecodeError:
                return base64.b64encode(value).decode()
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case _:
            return str(value)


def _dump(columns: dict[str, Any]) -> str:
    try:
        text = json.dumps(columns, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError):
        text = json.dumps(json_safe(columns), ensure_ascii=False, allow_nan=False)
    # No UTF-8 column can store a lone surrogate. Outside the text, we replace the character and keep the document.
    return text if _first_surrogate(text) is None else _SURROGATE.sub("\ufffd", text)


def _first_surrogate(text: str) -> int | None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return error.start
    return None


def _as_object(value: Any) -> Mapping[str, Any]:  # noqa: ANN401
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, Mapping) else {}
