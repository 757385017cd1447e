"""The order in which shards are judged."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from prox_assets.lake.errors import LakeError
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.monitoring.drift.arrivals import arrivals
from prox_assets.monitoring.drift.settings import DriftSettings
from prox_assets_tests.lakes import lake_at, table_file
from prox_assets_tests.monitoring.metric_lakes import add_metrics, metric_lake
from prox_assets_tests.monitoring.metric_rows import week, weeks


def shards(lake: Lake, **settings: object) -> list[str]:
    return [row["shard"] for row in arrivals(lake, "web", DriftSettings.model_validate(settings))]


def test_shards_come_in_the_order_of_their_first_measurement(tmp_path: Path) -> None:
    lake = metric_lake(tmp_path, [week(number) for number in (3, 1, 2)])
    assert shards(lake) == ["week-03", "week-01", "week-02"]
    assert shards(lake, order="key") == ["week-01", "week-02", "week-03"]


def test_measuring_a_shard_again_does_not_move_it_and_its_latest_row_counts(tmp_path: Path) -> None:
    lake = metric_lake(tmp_path, weeks(3))
    [row] = lake.rows("web", Table.SHARD_METRICS, "week-00")
    add_metrics(lake, "web", "week-00", {**row, "measured_at": datetime(2026, 6, 1, tzinfo=UTC), "documents_in": 7})
    assert shards(lake) == ["week-00", "week-01", "week-02"]
    assert arrivals(lake, "web", DriftSettings())[0]["documents_in"] == 7


def test_only_the_last_shards_are_read_and_those_that_are_pinned(tmp_path: Path) -> None:
    lake = metric_lake(tmp_path, weeks(8))
    pinned = ["week-00", "week-01", "week-07"]
    chosen = shards(lake, history_shards=3, pinned_baseline=pinned, min_baseline_shards=3)
    assert chosen == ["week-00", "week-01", "week-05", "week-06", "week-07"]


def test_a_corpus_without_metrics_has_no_arrivals(tmp_path: Path) -> None:
    assert shards(lake_at(tmp_path)) == []


def test_a_damaged_file_is_named_with_the_remedy(tmp_path: Path) -> None:
    lake = metric_lake(tmp_path, weeks(2))
    table_file(lake, "web", Table.SHARD_METRICS, "week-01").write_bytes(b"PAR1 no more")
    with pytest.raises(LakeError, match=r"week-01.*run quality_metrics again"):
        shards(lake)
