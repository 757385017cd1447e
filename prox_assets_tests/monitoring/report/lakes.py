"""Small measured lakes for the tests of the report."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.lake.table_files import FileStamp
from prox_assets.stages.execution.refined_shards import refine_shard
from prox_assets.stages.quality_metrics import measure_shard
from prox_assets.stages.run import ShardRun
from prox_assets_tests.stages.fake_refiners import FakeChunks, FakeDocuments
from prox_assets_tests.stages.shard_runs import infer, read_shard_of

CORPUS = "web"
START = datetime(2026, 1, 5, tzinfo=UTC)

TEXTS = ["Home\nThe first text stays as it is.", "Menu\nThe second one too.", "nothing of this stays"]


def measured_run(
    folder: Path, texts: list[str] | None = None, program: str = "remove_lines(0, 0)", probability: float = 0.9
) -> ShardRun:
    """Refine and measure one shard; its last text is dropped as a document."""
    texts = texts or TEXTS
    run = read_shard_of(folder, texts)
    infer(
        run,
        FakeDocuments(probability=lambda text: 0.1 if text == texts[-1] else probability),
        FakeChunks(program=lambda text: program),
    )
    refine_shard(run)
    measure_shard(run)
    return run


def measured_row(run: ShardRun) -> dict[str, Any]:
    [row] = run.lake.rows(CORPUS, Table.SHARD_METRICS, run.shard)
    return row


def add_measurement(lake: Lake, row: dict[str, Any], shard: str, week: int, **changes: Any) -> None:
    """Add a shard of which only the metrics are there, as after its texts were moved to an archive."""
    new = {**row, "shard": shard, "measured_at": START + timedelta(weeks=week), **changes}
    earlier = list(lake.rows(CORPUS, Table.SHARD_METRICS_HISTORY, shard))
    stamp = FileStamp(new["execution_fingerprint"], "identity", new["run_id"], new["code_version"], new["execution_id"])
    with lake.write(CORPUS, shard, [Table.SHARD_METRICS, Table.SHARD_METRICS_HISTORY], stamp) as [latest, history]:
        latest.write(new)
        for row_before in earlier:
            history.write(row_before)
        history.write(new)


def measured_again(run: ShardRun) -> None:
    measure_shard(replace(run, run_id="run-2"))
