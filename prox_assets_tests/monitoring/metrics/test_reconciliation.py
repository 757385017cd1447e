"""Every kind of damage is reported, with an example; a sound shard has no problem."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import SCHEMAS, Table
from prox_assets.monitoring.metrics.reconciliation import SHARD_TABLES, reconcile, schema_problems
from prox_assets.stages.execution.refined_shards import refine_shard
from prox_assets_tests.stages.fake_refiners import FakeChunks, FakeDocuments
from prox_assets_tests.stages.shard_runs import KEY, infer, read_shard_of

Rows = list[dict[str, Any]]


@pytest.fixture
def lake(tmp_path) -> Lake:
    """Pages 0 to 9: 1 is dropped, 2 is edited, 3 is quarantined, the others are kept as they are."""
    run = read_shard_of(tmp_path, [f"menu\npage {number}" for number in range(10)])
    infer(
        run,
        FakeDocuments(program=lambda text: "drop_doc()" if "page 1" in text else "keep_doc()"),
        FakeChunks(
            program=lambda text: "remove_lines(0, 0)" if "page 2" in text else "keep_chunk()",
            error=lambda text: "broken" if "page 3" in text else None,
        ),
    )
    refine_shard(run)
    return run.lake


def alter(lake: Lake, table: Table, change: Callable[[Rows], Rows], schema: pa.Schema | None = None) -> None:
    """Rewrite a file with other rows, as a bug or a wrong hand might."""
    path = lake.uri("web", table, KEY)
    footer = pq.read_metadata(path).metadata or {}
    own = {key: value for key, value in footer.items() if key.startswith(b"prox.")}
    altered = pa.Table.from_pylist(change(pq.read_table(path).to_pylist()), schema=schema or SCHEMAS[table])
    pq.write_table(altered.replace_schema_metadata(own), path)


def test_a_sound_shard_adds_up(lake):
    result = reconcile(lake, "web", KEY)
    assert (result.documents, result.kept, result.dropped, result.quarantined) == (10, 8, 1, 1)
    assert result.problems == ()
    assert schema_problems(lake, "web", KEY) == ()


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (Table.DOCUMENTS, "1 outcomes refer to unknown documents"),
        (Table.OUTCOMES, "1 documents have no outcome"),
        (Table.REFINED, "1 kept documents are missing in refined"),
        (Table.DOC_PROGRAMS, "1 documents have no document program"),
        (Table.CHUNK_PROGRAMS, "1 kept documents have no chunk programs"),
    ],
)
def test_a_lost_row_is_reported(lake, table, message):
    alter(lake, table, lambda rows: rows[1:])
    assert any(message in problem and "e.g." in problem for problem in reconcile(lake, "web", KEY).problems)


@pytest.mark.parametrize("table", [Table.DOCUMENTS, Table.DOC_PROGRAMS, Table.OUTCOMES, Table.REFINED])
def test_a_doubled_row_is_reported(lake, table):
    alter(lake, table, lambda rows: [*rows, rows[0]])
    problems = reconcile(lake, "web", KEY).problems
    assert any(f"1 doc_ids occur more than once in {table}" in problem for problem in problems)


def test_a_lost_outcome_upsets_the_sum(lake):
    alter(lake, Table.OUTCOMES, lambda rows: rows[1:])
    assert "10 documents, but 7 kept + 1 dropped + 1 quarantined" in reconcile(lake, "web", KEY).problems


def test_an_unknown_outcome_upsets_the_sum(lake):
    alter(lake, Table.OUTCOMES, lambda rows: [{**rows[0], "outcome": "mislaid"}, *rows[1:]])
    problems = reconcile(lake, "web", KEY).problems
    assert "10 documents, but 7 kept + 1 dropped + 1 quarantined" in problems
    assert any("1 refined documents are not kept" in problem for problem in problems)


def test_a_lost_manifest_is_reported(lake):
    lake.storage.remove(lake.manifest_path("web", KEY))
    assert any("10 documents have no outcome" in problem for problem in reconcile(lake, "web", KEY).problems)


def test_missing_and_differing_files_are_schema_problems(lake):
    lake.storage.remove(lake.table_path("web", Table.EDITS, KEY))
    refined = SCHEMAS[Table.REFINED]
    numbers = refined.set(refined.get_field_index("url"), pa.field("url", pa.int64()))
    alter(lake, Table.REFINED, lambda rows: [{**row, "url": 1} for row in rows], numbers)
    problems = schema_problems(lake, "web", KEY)
    assert len(problems) == 2
    assert "edits has no file" in problems
    assert any("refined differs from the schema in [('url', 'int64'), ('url', 'string')]" in text for text in problems)
    assert len(schema_problems(lake, "web", "other")) == len(SHARD_TABLES)
