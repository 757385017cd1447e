"""Main content of documents as people see it: what a good model predicts well, and what selectors look for."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from prox_assets.corpora.filesystems import package_path
from prox_assets.proof.errors import ProofError
from prox_assets.proof.settings import GoldFile, TextSettings
from prox_assets.refiners.model.files import file_hash

_PACKAGE = "package://"


class GoldTexts:
    """The main content of documents: from a column of their source, or from a file by address.

    Attributes:
        columns: Columns of the lake's documents that `of` reads.
        seen: Names of the native columns of the documents that were asked for.
    """

    def __init__(self, settings: TextSettings) -> None:
        """Read the file, if there is one.

        Raises:
            ProofError: The file is not there, cannot be read, or lacks a column.
        """
        self._source = settings.gold
        self.columns = ("url",) if isinstance(settings.gold, GoldFile) else ("metadata",)
        self.seen: set[str] = set()
        self._by_url = _read(settings.gold) if isinstance(settings.gold, GoldFile) else {}

    def of(self, row: Mapping[str, Any]) -> str | None:
        """Return a document's main content, or None where nobody has told it.

        Args:
            row: The document with `columns`.
        """
        if isinstance(self._source, GoldFile):
            return self._by_url.get(row["url"])
        values = json.loads(row["metadata"] or "{}")
        self.seen.update(values)
        found = values.get(self._source)
        return found if isinstance(found, str) else None


def gold_identity(settings: TextSettings) -> str:
    """Return a hash of the file with the gold texts, or "" where they are in a column.

    Raises:
        ProofError: The file is not there.
    """
    return file_hash(_path(settings.gold)) if isinstance(settings.gold, GoldFile) else ""


def _path(file: GoldFile) -> Path:
    path = Path(package_path(file.path) if file.path.startswith(_PACKAGE) else file.path).expanduser()
    if not path.is_file():
        raise ProofError(f"{path} of text.gold is not there")
    return path


def _read(file: GoldFile) -> dict[str, str]:
    path = _path(file)
    try:
        frame = pl.scan_parquet(path, glob=False) if path.suffix == ".parquet" else pl.scan_ndjson(path)
        present = frame.collect_schema().names()
        missing = [name for name in (file.url, file.column) if name not in present]
        if missing:
            raise ProofError(f"{path} has no column {', '.join(missing)}; it has {', '.join(present)}")
        return dict(frame.select(file.url, file.column).drop_nulls().collect().iter_rows())
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ProofError(f"{path} cannot be read as Parquet or JSON Lines: {error}") from error
