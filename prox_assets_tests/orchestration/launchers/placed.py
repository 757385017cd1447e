"""A corpus whose steps run as jobs: its definitions, and how to run them as a backfill does.

`python -m ... FOLDER PLACEMENT ASSET...` runs one step over all shards in a process of its own, to be killed.
"""

import json
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from prox_assets.lake.lake import Lake
from prox_assets.testing.comparable_rows import COMPARED, comparable_rows
from prox_assets.testing.dagster_deployment import wait_for
from prox_assets_tests.orchestration.conftest import CORPUS, Town
from prox_assets_tests.orchestration.test_assets import write_pages
from prox_assets_tests.placement.corpora import PROX, ROOT

STEPS = (("raw_shards",), ("doc_programs", "chunk_programs"), ("refined_shards", "quality_metrics"))
PROGRAMS = STEPS[1]
# One document per window: many checkpoints in a short time.
SLOW = {"window_documents": 1}


def cluster(kind: str, **settings: Any) -> dict[str, Any]:
    """Return a placement on this machine: jobs import this checkout, and are looked at often."""
    environment = {"PYTHONPATH": ROOT, "PYTHONWARNINGS": "ignore", **settings.pop("environment", {})}
    return {"kind": kind, "command": PROX, "environment": environment, "poll_seconds": 0.2, **settings}


def everywhere(placement: Mapping[str, Any]) -> dict[str, Any]:
    """Return the placements of a corpus all of whose steps are placed alike."""
    return dict.fromkeys(("raw_shards", "programs", "refinement"), placement)


def write_raw(folder: Path, shards: int, pages: int) -> Path:
    """Write raw files; return their folder."""
    raw = folder / "raw"
    raw.mkdir(parents=True)
    for shard in range(shards):
        write_pages(raw / f"part-{shard}.json.gz", pages + shard)
    return raw


def town_over(raw: Path, lake: Path, placement: Mapping[str, Any], **attributes: Any) -> Town:
    """Return the corpus of some raw files, its shards discovered in a lake."""
    instance = dg.DagsterInstance.ephemeral()
    town = Town(raw, Lake(str(lake)), instance, {"placement": dict(placement), **attributes})
    town.discover()
    return town


def run_step(town: Town, *assets: str) -> Any:
    """Make assets of all shards in one ranged run."""
    keys = town.instance.get_dynamic_partitions("town_shards")
    return town.run(*assets, shards=(keys[0], keys[-1]))


def run_all(town: Town) -> None:
    """Make everything of all shards."""
    for step in STEPS:
        result = run_step(town, *step)
        assert result.success, problems(result)


def problems(result: Any) -> str:
    """Return why a run failed."""
    return " ".join(
        str(event.step_failure_data.user_failure_data or event.step_failure_data.error)
        for event in result.all_events
        if event.is_step_failure
    )


def rows(lake: Lake) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Return all rows of a lake that two runs over the same corpus must agree on."""
    return {
        (table, shard): list(comparable_rows(lake, CORPUS, table, shard))
        for table in COMPARED
        for shard in lake.shards(CORPUS, table)
    }


def local_rows(raw: Path, lake: Path, **attributes: Any) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Refine raw files in this process, undisturbed; return the rows."""
    town = town_over(raw, lake, {}, **attributes)
    run_all(town)
    return rows(town.lake)


def windows(lake: Path, shard: str = "*") -> int:
    """Count the windows of inference that are finished and not yet in a table."""
    return len(list(lake.glob(f"_resume/*/*_programs/{shard}/*/*.parquet")))


def disturbed(town: Town, disturb: Callable[[], None], after_windows: int = 3) -> Any:
    """Infer all shards while, after some windows, something happens; return the run's result."""
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(run_step(town, *PROGRAMS)))
    thread.start()
    try:
        lake = Path(town.lake.url)
        wait_for(lambda: windows(lake) >= after_windows or results, 240, "windows", every=0.01)
        assert not results, "it ended before it could be disturbed"
        disturb()
    finally:
        thread.join()
    return results[0]


def inferred_from(town: Town, asset: str) -> dict[str, tuple[int, int]]:
    """Return, for each shard of an inferred asset, the windows that were resumed and the documents inferred."""
    found: dict[str, tuple[int, int]] = {}
    for record in town.instance.fetch_materializations(town.settings.key(asset), limit=1000).records:
        event = record.asset_materialization
        assert event is not None
        assert event.partition is not None
        assert event.partition not in found, "one event for each shard"
        resumed, inferred = (event.metadata[name].value for name in ("windows_resumed", "documents_inferred"))
        assert isinstance(resumed, int)
        assert isinstance(inferred, int)
        found[event.partition] = (resumed, inferred)
    return found


def without_retry_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the retries of steps come at once: they wait for seconds."""
    monkeypatch.setattr(dg.RetryPolicy, "calculate_delay", lambda *_: 0.0)


def nothing_is_left(lake: Lake) -> bool:
    """Tell whether jobs have left no message, window or lease in a lake."""
    folders = (Path(lake.url, name) for name in ("_jobs", "_resume", "_leases"))
    return not [path for folder in folders for path in folder.rglob("*") if path.is_file()]


if __name__ == "__main__":
    _folder, _placement, *_assets = sys.argv[1:]
    _town = town_over(Path(_folder, "raw"), Path(_folder, "lake"), json.loads(_placement), **SLOW)
    run_step(_town, *_assets)
