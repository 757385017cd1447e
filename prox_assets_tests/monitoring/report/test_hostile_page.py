"""Nothing of the web gets out of its place in the report."""

from pathlib import Path

import pytest

from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.lake.table_files import FileStamp
from prox_assets_tests.monitoring.report.lakes import (
    CORPUS,
    TEXTS,
    add_measurement,
    measured_row,
    measured_run,
)
from prox_assets_tests.monitoring.report.read_page import assert_harmless, page_of
from prox_assets_tests.stages.shard_runs import KEY

HOSTILE = "</td></table><script>alert(1)</script><img src=x onerror=alert(2)>{{ 70707 * 3 }}\u202e"
HOSTILE_NAME = "<script>alert(3)&lt;\"'><img src=x onerror=alert(4)>"


@pytest.mark.parametrize("place", ["text", "program", "url", "shard", "run", "reason"])
def test_hostile_text_stays_text_wherever_it_comes_from(tmp_path: Path, place: str):
    texts = [f"{HOSTILE}\n{text}" for text in TEXTS] if place == "text" else None
    run = measured_run(
        tmp_path, texts, f"remove_lines(0, 0) # {HOSTILE}" if place == "program" else "remove_lines(0, 0)"
    )
    if place == "shard":
        add_measurement(run.lake, measured_row(run), HOSTILE_NAME.replace("/", "_"), 1)
    if place == "run":
        add_measurement(
            run.lake, measured_row(run), "other", 1, run_id=HOSTILE, doc_refiner=HOSTILE, code_version=HOSTILE
        )
    if place == "url":
        _rewrite(run.lake, Table.DOCUMENTS, url=f"javascript://<script>alert(5)<b>/{HOSTILE}")
    if place == "reason":
        _rewrite(run.lake, Table.OUTCOMES, reason=HOSTILE)
    page = page_of(run.lake)
    assert_harmless(page)
    assert "alert(" in page.text
    assert "212121" not in page.text, "it is no template either"
    assert "\u202e" not in page.text, "nothing turns the direction of the text"


def _rewrite(lake: Lake, table: Table, **changes: str) -> None:
    info = lake.require(CORPUS, table, KEY)
    rows = list(lake.rows(CORPUS, table, KEY))
    stamp = FileStamp(info.fingerprint, info.identity, info.run_id, info.code_version, rows[0].get("execution_id"))
    with lake.write(CORPUS, KEY, [table], stamp) as [writer]:
        writer.notes.update(info.notes)
        for row in rows:
            writer.write({**row, **changes})
