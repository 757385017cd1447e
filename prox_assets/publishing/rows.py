"""The rows of a data set, read from the lake a row group at a time: which documents, which columns, which split."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from prox_assets.lake.lake import Lake
from prox_assets.lake.records.withdrawn import Withdrawn
from prox_assets.lake.schemas import Table
from prox_assets.proof.texts.documents import sites_of_documents
from prox_assets.proof.texts.outcomes import RefinedShard
from prox_assets.publishing.settings import PublishSettings
from prox_assets.tokens.splits import TRAIN, split_of

SPLIT = "split"

_READ = ["doc_id", "url", "text", "metadata", "raw_hash", "refined_hash"]


@dataclass
class PublishedRows:
    """Reads the documents of shards that are published.

    Attributes:
        lake: The lake.
        settings: What is published.
        withdrawn: What must not be.
        has_site: Whether any document has the column of `site`.
    """

    lake: Lake
    settings: PublishSettings
    withdrawn: Withdrawn
    has_site: bool = False

    def of(self, shard: RefinedShard, withheld: list[str] | None = None) -> Iterator[pl.DataFrame]:
        """Yield a shard's rows: the columns of the lake, and `split`.

        Args:
            shard: The shard.
            withheld: Is given the doc_id of every document that is left out because it is withdrawn.

        Raises:
            ReplacedTableError: Another run has replaced the shard meanwhile.
        """
        frames = self.lake.frames(
            shard.corpus, Table.REFINED, shard.shard, _READ, shard.identity, execution=shard.execution
        )
        for frame in frames:
            if self.withdrawn:
                documents = frame.select("doc_id", "url", "raw_hash").iter_rows()
                gone = pl.Series([self.withdrawn.of(*each) is not None for each in documents], dtype=pl.Boolean)
                if withheld is not None:
                    withheld += frame.filter(gone)["doc_id"].to_list()
                frame = frame.filter(~gone)
            if frame.height:
                yield frame.with_columns(pl.Series(SPLIT, self._splits_of(frame), dtype=pl.String))

    def _splits_of(self, frame: pl.DataFrame) -> list[str]:
        if not self.settings.splits:
            return [TRAIN] * frame.height
        sites, has_site = sites_of_documents(frame, self.settings.site)
        self.has_site |= has_site
        splits = {site: split_of(site, self.settings.splits, self.settings.seed) for site in set(sites)}
        return [splits[site] for site in sites]


class MetadataColumns:
    """Columns of the source, each with the one type that all its values have; anything else becomes text."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._kinds: dict[str, Counter[str]] = {name: Counter() for name in names}

    def look(self, frame: pl.DataFrame) -> None:
        """Take note of the values of some rows."""
        for values in map(_object, frame["metadata"] if self.names else ()):
            for name in self.names:
                self._kinds[name][_kind(values.get(name))] += 1

    @property
    def dtypes(self) -> dict[str, str]:
        """The type of each column: int64, float64, bool or string."""
        return {name: _common(kinds) for name, kinds in self._kinds.items()}

    @property
    def empty(self) -> list[str]:
        """Columns that no document has."""
        return [name for name, kinds in self._kinds.items() if set(kinds) <= {"null"}]


_POLARS: dict[str, type[pl.DataType]] = {
    "int64": pl.Int64,
    "float64": pl.Float64,
    "bool": pl.Boolean,
    "string": pl.String,
}


def published_frame(frame: pl.DataFrame, columns: Sequence[str], metadata: Mapping[str, str]) -> pl.DataFrame:
    """Return the columns of a data file.

    Args:
        frame: Rows of `PublishedRows.of`.
        columns: Columns of the lake.
        metadata: Columns of the source, with their types.
    """
    if not metadata:
        return frame.select(columns)
    objects = [_object(values) for values in frame["metadata"]]
    added = [
        pl.Series(name, [_cast(values.get(name), dtype) for values in objects], dtype=_POLARS[dtype])
        for name, dtype in metadata.items()
    ]
    return frame.select(columns).with_columns(added)


def _object(metadata: str | None) -> dict[str, Any]:
    return json.loads(metadata or "{}")


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int64" if -(2**63) <= value < 2**63 else "string"
    return "float64" if isinstance(value, float) else "string"


def _common(kinds: Counter[str]) -> str:
    found = set(kinds) - {"null"}
    if found == {"int64", "float64"}:
        return "float64"
    return found.pop() if len(found) == 1 else "string"


def _cast(value: Any, dtype: str) -> Any:  # noqa: ANN401 - what JSON holds
    if value is None or dtype in ("bool", "int64"):
        return value
    if dtype == "float64":
        return float(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
