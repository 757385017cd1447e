"""The resume ledger: finished windows of an unfinished shard, kept until the final file is published.

A shard's documents are split into windows of `window_documents` consecutive rows. Once every document of a window has
its programs, the window is published atomically as one small Parquet file. A run that resumes after a kill finds the
finished windows and infers only the others; the final file concatenates the windows in order. Working in windows keeps
rows in source order and memory flat, because only unfinished windows are held in memory.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from prox_assets.lake.errors import RetryableLakeError
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import ADDED_COLUMNS, SCHEMAS, Table

_COST = b"prox.cost"
# Apart from the cost, of which earlier releases read exactly two numbers.
_ATTEMPT = b"prox.attempt"


@dataclass(frozen=True)
class WindowCost:
    """What a window's inference cost.

    Attributes:
        seconds: Wall time.
        prompt_tokens: Tokens shown to the model.
        generated_tokens: Tokens that it generated.
        attempt: The attempt that finished it (records/compute.py); None if an earlier release did.
    """

    seconds: float
    prompt_tokens: int
    generated_tokens: int = 0
    attempt: str | None = None


class ResumeLedger:
    """Work in progress on one table of one shard, under `_resume/{corpus}/{table}/{shard}/{identity}/`.

    Args:
        lake: The lake.
        corpus: Corpus name.
        table: DOC_PROGRAMS or CHUNK_PROGRAMS.
        shard: Shard key.
        identity: Identity of the final file: another refiner or other documents start a new ledger.
        window_documents: Documents per window; an existing ledger keeps the number that it started with.
        fixed: Columns that are the same in every row (corpus, shard, run_id, ...).
    """

    def __init__(
        self,
        lake: Lake,
        corpus: str,
        table: Table,
        shard: str,
        identity: str,
        window_documents: int,
        fixed: dict[str, Any],
    ) -> None:
        self._storage = lake.storage
        self._schema = SCHEMAS[table]
        self._may_lack = ADDED_COLUMNS.get(table, frozenset())
        self._fixed = fixed
        self._shard_folder = _shard_folder(corpus, table, shard)
        self._folder = f"{self._shard_folder}/{identity}"
        settings = self._storage.read_bytes(f"{self._folder}/ledger.json")
        if settings is None:
            self._remove_other_ledgers()
            self._storage.write_bytes(
                f"{self._folder}/ledger.json", json.dumps({"window_documents": window_documents}).encode()
            )
            self.window_documents = window_documents
        else:
            self.window_documents = int(json.loads(settings)["window_documents"])

    def _remove_other_ledgers(self) -> None:
        """Remove ledgers of earlier configurations, which will never be finished."""
        for name in self._storage.list_folders(self._shard_folder):
            self._storage.remove(f"{self._shard_folder}/{name}")

    def finished_windows(self) -> set[int]:
        """Return the indices of the windows that need no more inference."""
        names = self._storage.list_files(self._folder)
        return {int(name.removesuffix(".parquet")) for name in names if name.endswith(".parquet")}

    def write_window(self, window: int, rows: Sequence[dict[str, Any]], cost: WindowCost) -> None:
        """Record a finished window: the rows of all its documents, in order, and their cost.

        A row that has its own run_id or code_version keeps it: an earlier run inferred it, and it is being reused.
        """
        columns = {
            name: [row[name] if name in row else self._fixed[name] for row in rows] for name in self._schema.names
        }
        table = pa.table(columns, schema=self._schema)
        table = table.replace_schema_metadata(
            {
                _COST: json.dumps([cost.seconds, cost.prompt_tokens]),
                _ATTEMPT: json.dumps([cost.generated_tokens, cost.attempt]),
            }
        )
        with self._storage.new_files([self._window_path(window)]) as [temporary]:
            pq.write_table(table, temporary, compression="zstd")

    def windows(self, count: int) -> Iterator[tuple[pa.Table, WindowCost]]:
        """Yield the rows and the cost of windows 0 to count - 1, in order.

        Raises:
            RetryableLakeError: A window is missing or damaged; it will be inferred again.
        """
        for window in range(count):
            yield self._read_window(window)

    def _read_window(self, window: int) -> tuple[pa.Table, WindowCost]:
        path = self._window_path(window)
        # Read outside the try block: if the store does not answer, the window must survive.
        data = self._storage.read_bytes(path)
        try:
            table = pq.read_table(pa.BufferReader(data or b""))
            cost = _cost(table.schema.metadata or {})
            for name in self._may_lack - set(table.schema.names):  # an earlier release wrote the window
                table = table.append_column(name, pa.nulls(table.num_rows, self._schema.field(name).type))
            table = table.replace_schema_metadata(None).select(self._schema.names).cast(self._schema)
            return table, cost
        except (KeyError, pa.ArrowException, OSError) as error:
            self._storage.remove(path)
            raise RetryableLakeError(
                f"window {window} of {self._folder} is missing or damaged; it has been removed, "
                "run the step again to infer it"
            ) from error

    def _window_path(self, window: int) -> str:
        return f"{self._folder}/{window:08d}.parquet"

    def remove(self) -> None:
        """Remove the ledger, once the final file is published."""
        self._storage.remove(self._shard_folder)


def costs_so_far(lake: Lake, corpus: str, table: Table, shard: str) -> dict[str, WindowCost]:
    """Return what each attempt has spent on the finished windows of an unfinished shard.

    Raises:
        LakeError: The lake cannot be read.
    """
    spent: dict[str, WindowCost] = {}
    for ledger in lake.storage.list_folders(_shard_folder(corpus, table, shard)):
        folder = f"{_shard_folder(corpus, table, shard)}/{ledger}"
        for name in lake.storage.list_files(folder):
            data = lake.storage.read_bytes(f"{folder}/{name}") if name.endswith(".parquet") else None
            # A window that is damaged, or goes as it is looked at, is the affair of who resumes the shard.
            with suppress(KeyError, pa.ArrowException, OSError):
                cost = _cost(pq.read_schema(pa.BufferReader(data or b"")).metadata or {})
                if cost.attempt is not None:  # else an earlier release wrote it
                    before = spent.get(cost.attempt, WindowCost(0.0, 0))
                    spent[cost.attempt] = WindowCost(
                        before.seconds + cost.seconds,
                        before.prompt_tokens + cost.prompt_tokens,
                        before.generated_tokens + cost.generated_tokens,
                        cost.attempt,
                    )
    return spent


def _cost(metadata: Mapping[bytes, bytes]) -> WindowCost:
    """Return the cost in a window's metadata; raise KeyError if it is not there."""
    return WindowCost(*json.loads(metadata[_COST]), *json.loads(metadata.get(_ATTEMPT, b"[0, null]")))


def remove_leftover_ledgers(lake: Lake, corpus: str, table: Table, shard: str) -> None:
    """Remove the ledgers of a run that was killed after it published its file and before it cleaned up."""
    folder = _shard_folder(corpus, table, shard)
    if lake.storage.exists(folder):
        lake.storage.remove(folder)


def shorten_ledgers(lake: Lake, corpus: str, table: Table, shard: str, documents: int) -> None:
    """Keep the windows of a shard's first documents only, because later documents are about to change places.

    Args:
        lake: The lake.
        corpus: The corpus.
        table: DOC_PROGRAMS or CHUNK_PROGRAMS.
        shard: The shard.
        documents: How many of the first documents stay as they are.
    """
    for ledger in lake.storage.list_folders(_shard_folder(corpus, table, shard)):
        folder = f"{_shard_folder(corpus, table, shard)}/{ledger}"
        settings = lake.storage.read_bytes(f"{folder}/ledger.json")
        size = int(json.loads(settings)["window_documents"]) if settings else 1
        stay = documents // size if settings else 0
        for name in lake.storage.list_files(folder):
            if name.endswith(".parquet") and int(name.removesuffix(".parquet")) >= stay:
                lake.storage.remove(f"{folder}/{name}")


def _shard_folder(corpus: str, table: Table, shard: str) -> str:
    return f"_resume/{corpus}/{table}/{shard}"
