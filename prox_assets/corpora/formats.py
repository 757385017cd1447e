"""The file formats: which columns hold what, and how to detect a file's format from its name and columns.

A format has two halves. The container (JSON lines or Parquet, and its compression) follows from the file name, so a
converted copy of a published corpus still reads. The layout (which column is the text) follows from the format's name.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from prox_assets.corpora.errors import CorpusError
from prox_assets.corpora.source import CorpusSource, FormatName

Compression = Literal["gzip", "zstd"]

_COMPRESSIONS: dict[str, Compression] = {".gz": "gzip", ".gzip": "gzip", ".zst": "zstd", ".zstd": "zstd"}
_PARQUET_SUFFIXES = {".parquet", ".pq"}
_LINES_SUFFIXES = {".json", ".jsonl", ".ndjson"}


@dataclass(frozen=True, slots=True)
class Container:
    """How rows are stored in a file."""

    kind: Literal["lines", "parquet"]
    compression: Compression | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """Which columns hold what a Document needs.

    Attributes:
        text: Column of the text.
        url_paths: Where to look for the URL; the first hit wins. A path of two names leads into an object, or into a
            string that contains one as JSON.
        id: Column to repeat in the metadata as "id", if any.
    """

    text: str = "text"
    url_paths: tuple[tuple[str, ...], ...] = (("url",),)
    id: str | None = None


# C4: allenai/c4. RedPajama-V2: top-level `url` in the document files, inside `meta` in the published sample.
# DCLM: the baseline has `url`, earlier stages of the pool have only the WARC header.
_LAYOUTS: dict[FormatName, Layout] = {
    "c4": Layout(),
    "redpajama_v2": Layout(text="raw_content", url_paths=(("url",), ("meta", "url"))),
    "fineweb": Layout(),
    "openwebmath": Layout(),
    "dclm": Layout(url_paths=(("url",), ("metadata", "WARC-Target-URI"))),
}
_DCLM_COLUMNS = {"warcinfo", "bff_contained_ngram_count_before_dedupe", "language_id_whole_page_fasttext"}


def container_from_name(file_name: str) -> Container | None:
    """Return the container that a file's suffixes indicate, or None if they indicate none."""
    suffixes = [suffix.lower() for suffix in PurePosixPath(file_name).suffixes]
    if not suffixes:
        return None
    if suffixes[-1] in _PARQUET_SUFFIXES:
        return Container("parquet")
    compression = _COMPRESSIONS.get(suffixes[-1])
    inner = suffixes[-1] if compression is None else (suffixes[-2] if len(suffixes) > 1 else "")
    return Container("lines", compression) if inner in _LINES_SUFFIXES else None


def container_from_head(head: bytes) -> Container | None:
    """Return the container that a file's first bytes indicate, or None."""
    if head.startswith(b"PAR1"):
        return Container("parquet")
    if head.startswith(b"\x1f\x8b"):
        return Container("lines", "gzip")
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        return Container("lines", "zstd")
    return Container("lines") if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{") else None


def decide_container(source: CorpusSource, url: str, head: bytes) -> Container:
    """Return a file's container, from its name or else from its first bytes.

    Args:
        source: The corpus.
        url: The file's URL, also for error messages.
        head: The first bytes of the file; used only if the name is inconclusive.

    Raises:
        CorpusError: Both are inconclusive, or the result contradicts the corpus's configured format.
    """
    container = container_from_name(url) or container_from_head(head)
    if container is None and source.format in ("jsonl", "parquet"):
        container = Container("parquet" if source.format == "parquet" else "lines")
    if container is None:
        message = (
            f"cannot tell the format of {url}: its name does not end in .json, .jsonl or .ndjson (plain, .gz or .zst) "
            "or .parquet, and its first bytes match none of these. Rename it, leave it out of `urls`, or set `format`."
        )
        raise CorpusError(message)
    if (source.format, container.kind) in (("jsonl", "parquet"), ("parquet", "lines")):
        message = (
            f"{url} is named like a {container.kind} file, but the corpus says format {source.format!r}. "
            "Correct `format` (`auto` decides for each file) or rename the file."
        )
        raise CorpusError(message)
    return container


def configured_layout(source: CorpusSource) -> Layout | None:
    """Return the layout that the configuration fixes, or None if it must be detected from each file's columns."""
    if source.columns is not None or source.format in ("jsonl", "parquet"):
        if source.columns is None:
            return Layout()
        url_paths = ((source.columns.url,),) if source.columns.url else ()
        return Layout(text=source.columns.text, url_paths=url_paths, id=source.columns.id)
    return _LAYOUTS.get(source.format)


def detect_format(columns: Collection[str]) -> FormatName | None:
    """Return the format that a row's columns indicate, `jsonl` for any other row with a `text`, or None."""
    names = set(columns)
    if "raw_content" in names:
        return "redpajama_v2"
    if "text" not in names:
        return None
    if {"url", "timestamp"} <= names:
        return "c4"
    if {"id", "dump", "file_path"} <= names:
        return "fineweb"
    if names & _DCLM_COLUMNS:
        return "dclm"
    if {"url", "date", "metadata"} <= names:
        return "openwebmath"
    return "jsonl"


def detect_layout(columns: Collection[str]) -> Layout | None:
    """Return the layout that a row's columns indicate, or None if there is no text column."""
    name = detect_format(columns)
    return None if name is None else _LAYOUTS.get(name, Layout())


def undecidable(url: str, seen: str) -> CorpusError:
    """Return the error for a file whose columns do not show where the text is.

    Args:
        url: The file's URL.
        seen: A human-readable description of what was found instead.
    """
    return CorpusError(
        f"cannot tell which column of {url} holds the text ({seen}). Set the corpus's `format`, or map the columns: "
        "`columns: {text: NAME, url: NAME}`. JSON files need one object per line."
    )
