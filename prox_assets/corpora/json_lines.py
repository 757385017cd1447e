"""Reads files with one JSON object per line."""

import json
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

from prox_assets.corpora.document import Document, Reject
from prox_assets.corpora.formats import Layout, detect_layout, undecidable
from prox_assets.corpora.rows import RowConverter
from prox_assets.corpora.source import CorpusSource
from prox_assets.corpora.streams import Line

_ROWS_TO_DETECT = 100
_BYTES_TO_DETECT = 16 * 1024 * 1024


def read_lines(
    source: CorpusSource,
    source_file: str,
    url: str,
    lines: Iterable[Line],
    layout: Layout | None,
    rows: range | None,
) -> Iterator[Document | Reject]:
    """Yield a document or reject for each requested line.

    Args:
        source: The corpus.
        source_file: Path relative to the glob root.
        url: The file's URL, for error messages.
        lines: The file's lines from row 0 on; consumed no further than the last requested row.
        layout: Which keys hold what; None detects it from the first rows.
        rows: The requested rows; rows past the end of the file are ignored. None means all.

    Raises:
        CorpusError: There are rows, but the first ones do not show where the text is.
    """
    lines = iter(lines)
    if layout is None:
        layout, lines = detect_keys(url, lines, source.max_row_bytes)
        if layout is None:
            return
    converter = RowConverter(source.name, source_file, layout)
    for line in islice(lines, rows.start, rows.stop) if rows is not None else lines:
        yield _convert(converter, line, source.max_row_bytes)


def detect_keys(url: str, lines: Iterator[Line], max_row_bytes: int) -> tuple[Layout | None, Iterator[Line]]:
    """Return the layout (None for a file without rows) and all lines again, including the inspected ones.

    Args:
        url: The file's URL, for error messages.
        lines: The file's lines from row 0 on.
        max_row_bytes: Longest line in bytes.

    Raises:
        CorpusError: There are rows, but the first ones do not show where the text is.
    """
    looked_at: list[Line] = []
    seen: set[str] = set()
    held = 0
    for line in lines:
        looked_at.append(line)
        columns, _ = _parse(line, max_row_bytes)
        layout = detect_layout(columns) if columns is not None else None
        if layout is not None:
            return layout, chain(looked_at, lines)
        seen.update(columns or ())
        held += len(line.data)
        if len(looked_at) == _ROWS_TO_DETECT or held > _BYTES_TO_DETECT:
            break
    if not looked_at:
        return None, lines
    keys = f"keys of the first rows: {', '.join(sorted(seen)[:20])}" if seen else "no JSON object in the first rows"
    raise undecidable(url, keys)


def _convert(converter: RowConverter, line: Line, max_row_bytes: int) -> Document | Reject:
    columns, problem = _parse(line, max_row_bytes)
    if columns is None:
        return converter.reject(line.row, *problem, line.data)
    try:
        return converter.convert(line.row, columns)
    except RecursionError:
        return converter.reject(line.row, "broken_json", "nested too deeply", line.data)


def _parse(line: Line, max_row_bytes: int) -> tuple[dict[str, Any] | None, tuple[str, str]]:
    """Return the line's object, or None and (reason, detail)."""
    if line.length > max_row_bytes:
        return None, ("line_too_long", f"{line.length} bytes, max_row_bytes is {max_row_bytes}")
    if not line.length:
        return None, ("broken_json", "the line is blank")
    try:
        value = json.loads(line.data.decode("utf-8"))
    except UnicodeDecodeError as error:
        return None, ("invalid_utf8", f"byte 0x{line.data[error.start]:02x} at byte {error.start}: {error.reason}")
    except ValueError as error:
        return None, ("broken_json", str(error))
    except RecursionError:
        return None, ("broken_json", "nested too deeply")
    if not isinstance(value, dict):
        return None, ("not_an_object", f"the line holds {type(value).__name__}, not an object")
    return value, ("", "")
