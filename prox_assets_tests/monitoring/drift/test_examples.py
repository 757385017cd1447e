"""The query that comes with a finding runs on the catalog's views, whatever the shard is called."""

from pathlib import Path

import pytest

from prox_assets.catalog.connection import open_catalog
from prox_assets.lake.lake import Lake
from prox_assets.monitoring.drift.messages import examples
from prox_assets.monitoring.drift.settings import Measure
from prox_assets.stages.quality_metrics import measure_shard
from prox_assets_tests.monitoring.metrics.test_watched import SHARED, refined_run


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    folder: Path = tmp_path_factory.mktemp("examples")
    run = refined_run(folder)
    measure_shard(run)
    return run.lake


@pytest.mark.parametrize("measure", Measure)
def test_every_query_runs(lake: Lake, measure: Measure) -> None:
    with open_catalog(lake) as catalog:
        assert catalog.sql(examples(measure, "web", ["pages.jsonl"])).fetchall() is not None
        strange = examples(measure, "web", ["it's {where} ; DROP", "%"])
        assert catalog.sql(strange).fetchall() == []


def test_queries_show_what_they_are_for(lake: Lake) -> None:
    with open_catalog(lake) as catalog:

        def rows(measure: Measure) -> list[tuple[object, ...]]:
            return catalog.sql(examples(measure, "web", ["pages.jsonl"])).fetchall()

        assert [row[4] for row in rows(Measure.NO_OP_PROGRAMS)] == ["keep_chunk()"] * 2
        assert [(row[3], row[5]) for row in rows(Measure.FAILED_PROGRAMS)] == [("refused", "out_of_range")]
        assert {row[0] for row in rows(Measure.DROPPED_DOCUMENTS)} >= {"keep_probability_below_threshold"}
        assert rows(Measure.REPEATED_LINES) == []  # two documents share SHARED; it takes three
        assert SHARED
