"""Five published corpus formats: file names, columns and containers.

Each `CorpusFormat` has the columns on its data set card, so that readers are tested on realistic files. Values a page
does not have (crawl dates, language scores, digests) are derived from its id, so the same pages always give the same
bytes. write_shards.py decides which page goes into which shard.
"""

import base64
import gzip
import hashlib
import io
import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from benchmarks.support.pages import Page

ROW_GROUP_ROWS = 1000  # as in the published FineWeb files
SEGMENT = (
    "crawl-data/CC-MAIN-2024-10/segments/1707947473347.0/wet/CC-MAIN-20240220211055-20240221001055-{:05d}.warc.wet.gz"
)

Row = dict[str, Any]


class ShardWriter(Protocol):
    """A raw file being written."""

    def write(self, row: Mapping[str, Any]) -> None:
        """Add a row."""
        ...

    def close(self) -> None:
        """Finish the file."""
        ...


@dataclass(frozen=True, slots=True)
class CorpusFormat:
    """A published format.

    Attributes:
        name: Its name in `prox refine --format`.
        text_column: Column with the text.
        file_name: Path of the n-th shard, relative to the corpus's folder.
        row: Converts a page to a row.
        open: Opens a file for writing.
    """

    name: str
    text_column: str
    file_name: Callable[[int], str]
    row: Callable[[Page], Row]
    open: Callable[[Path], ShardWriter]


class _LinesWriter:
    """JSON lines, compressed according to the suffix, with no timestamp or name in the gzip header."""

    def __init__(self, path: Path, *, ascii_only: bool) -> None:
        self._ascii_only = ascii_only
        self._files = ExitStack()
        raw = self._files.enter_context(path.open("wb"))
        if path.suffix == ".gz":
            packed: Any = gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0)
        else:
            packed = zstandard.ZstdCompressor().stream_writer(raw, closefd=False)
        self._text = self._files.enter_context(
            io.TextIOWrapper(self._files.enter_context(packed), encoding="utf-8", newline="\n")
        )

    @classmethod
    def escaped(cls, path: Path) -> Self:
        return cls(path, ascii_only=True)

    @classmethod
    def plain(cls, path: Path) -> Self:
        return cls(path, ascii_only=False)

    def write(self, row: Mapping[str, Any]) -> None:
        self._text.write(json.dumps(row, ensure_ascii=self._ascii_only) + "\n")

    def close(self) -> None:
        self._files.close()


class _ParquetWriter:
    """Parquet in row groups of ROW_GROUP_ROWS."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(path, schema)
        self._schema = schema
        self._pending: list[Mapping[str, Any]] = []

    def write(self, row: Mapping[str, Any]) -> None:
        self._pending.append(row)
        if len(self._pending) == ROW_GROUP_ROWS:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._pending:
            self._writer.write_table(pa.Table.from_pylist(list(self._pending), schema=self._schema))
            self._pending = []


def _number(page: Page, use: str, below: int) -> int:
    """Return a number in [0, below) derived from the page and its use."""
    digest = hashlib.sha256(f"{use}:{page.page_id}".encode()).digest()
    return int.from_bytes(digest[:8]) % below


def _crawled(page: Page) -> datetime:
    """Return a moment in 2023."""
    return datetime(2023, 1, 1, tzinfo=UTC) + timedelta(seconds=_number(page, "crawled", 365 * 24 * 3600))


def _url(page: Page) -> str:
    """Return the page's address, or one in a reserved domain."""
    return page.url or f"https://unknown.invalid/{page.page_id.replace(' ', '-')}"


def _uuid(page: Page) -> str:
    digits = hashlib.sha256(page.page_id.encode()).hexdigest()
    return f"<urn:uuid:{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:32]}>"


def _sha1(text: str) -> str:
    digest = hashlib.sha1(text.encode(), usedforsecurity=False).digest()
    return f"sha1:{base64.b32encode(digest).decode()}"


def _language_score(page: Page) -> float:
    return 0.65 + _number(page, "language", 3500) / 10_000


def _c4(page: Page) -> Row:
    # huggingface.co/datasets/allenai/c4
    return {"text": page.text, "timestamp": f"{_crawled(page):%Y-%m-%dT%H:%M:%SZ}", "url": _url(page)}


def _redpajama_v2(page: Page) -> Row:
    # huggingface.co/datasets/togethercomputer/RedPajama-Data-V2, documents files (the schema of CCNet)
    lines = page.text.split("\n")
    return {
        "url": _url(page),
        "date_download": f"{_crawled(page):%Y-%m-%dT%H:%M:%SZ}",
        "digest": _sha1(page.text),
        "length": len(page.text),
        "nlines": len(lines),
        "source_domain": urlsplit(_url(page)).netloc,
        "title": lines[0][:100],
        "raw_content": page.text,
        "cc_segment": SEGMENT.format(_number(page, "segment", 720)),
        "original_nlines": len(lines),
        "original_length": len(page.text),
        "line_ids": list(range(len(lines))),
        "language": "en",
        "language_score": round(_language_score(page), 2),
        "perplexity": 100 + _number(page, "perplexity", 9000) / 10,
        "bucket": "head",
    }


FINEWEB_SCHEMA = pa.schema(
    [
        ("text", pa.string()),
        ("id", pa.string()),
        ("dump", pa.string()),
        ("url", pa.string()),
        ("date", pa.string()),
        ("file_path", pa.string()),
        ("language", pa.string()),
        ("language_score", pa.float64()),
        ("token_count", pa.int64()),
    ]
)


def _fineweb(page: Page) -> Row:
    # huggingface.co/datasets/HuggingFaceFW/fineweb
    return {
        "text": page.text,
        "id": _uuid(page),
        "dump": "CC-MAIN-2024-10",
        "url": _url(page),
        "date": f"{_crawled(page):%Y-%m-%dT%H:%M:%SZ}",
        "file_path": "s3://commoncrawl/" + SEGMENT.format(_number(page, "segment", 720)),
        "language": "en",
        "language_score": _language_score(page),
        "token_count": len(page.text) // 4,  # the published counts are GPT-2 tokens, of about four characters each
    }


OPENWEBMATH_SCHEMA = pa.schema(
    [("url", pa.string()), ("text", pa.string()), ("date", pa.string()), ("metadata", pa.string())]
)


def _openwebmath(page: Page) -> Row:
    # huggingface.co/datasets/open-web-math/open-web-math
    metadata = {
        "extraction_info": {"found_math": False, "script_math_tex": 0, "math_annotations": 0},
        "config": {"markdown_headings": True, "markdown_code": True, "boilerplate_config": {"enable": True}},
    }
    return {
        "url": _url(page),
        "text": page.text,
        "date": f"{_crawled(page):%Y-%m-%d %H:%M:%S}",
        "metadata": json.dumps(metadata),
    }


def _dclm(page: Page) -> Row:
    # huggingface.co/datasets/mlfoundations/dclm-baseline-1.0
    return {
        "bff_contained_ngram_count_before_dedupe": _number(page, "ngrams", 50),
        "language_id_whole_page_fasttext": {"en": _language_score(page)},
        "metadata": {
            "Content-Length": str(len(page.text.encode())),
            "Content-Type": "application/http; msgtype=response",
            "WARC-Date": f"{_crawled(page):%Y-%m-%dT%H:%M:%SZ}",
            "WARC-Identified-Payload-Type": "text/html",
            "WARC-Payload-Digest": _sha1(page.text),
            "WARC-Record-ID": _uuid(page),
            "WARC-Target-URI": _url(page),
            "WARC-Type": "response",
        },
        "previous_word_count": len(page.text.split()),
        "text": page.text,
        "url": _url(page),
        "warcinfo": "robots: classic\r\nhostname: crawler.invalid\r\nformat: WARC File Format 1.1\r\n",
        "fasttext_openhermes_reddit_eli5_vs_rw_v2_bigram_200k_train_prob": _number(page, "quality", 10_000) / 10_000,
    }


FORMATS: tuple[CorpusFormat, ...] = (
    CorpusFormat("c4", "text", "c4-train.{:05d}-of-01024.json.gz".format, _c4, _LinesWriter.escaped),
    CorpusFormat(
        "redpajama_v2", "raw_content", "2023-06/{:04d}/en_head.json.gz".format, _redpajama_v2, _LinesWriter.plain
    ),
    CorpusFormat(
        "fineweb",
        "text",
        "CC-MAIN-2024-10/000_{:05d}.parquet".format,
        _fineweb,
        lambda path: _ParquetWriter(path, FINEWEB_SCHEMA),
    ),
    CorpusFormat(
        "openwebmath",
        "text",
        "train-{:05d}-of-00114.parquet".format,
        _openwebmath,
        lambda path: _ParquetWriter(path, OPENWEBMATH_SCHEMA),
    ),
    CorpusFormat(
        "dclm",
        "text",
        "global-shard_01_of_10/local-shard_0_of_10/shard_{:08d}_processed.jsonl.zst".format,
        _dclm,
        _LinesWriter.plain,
    ),
)
