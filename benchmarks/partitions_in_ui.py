"""Dagster with many shards: `python -m benchmarks.partitions_in_ui [--shards 1000 10000 50000]`.

Each size gets a deployment of its own (webserver, daemon and code server as processes, on loopback): a corpus of that
many tiny files, each a shard, half of them materialized. Nothing is refined: the queue launches no runs. The table has

- what the first discovery costs, in this process: recording the shards, adding the partitions, observing the files;
- ticks of the sensors `{corpus}_shard_arrivals` and `{corpus}_automation`, the first one and the median of later ones;
- seconds until headless Chromium shows a page, the first time and again;
- the launch of a backfill over all partitions, as the UI asks for it, until its first run is queued;
- resident memory of the processes at the end.

Needs Chromium. `--work DIR --keep` keeps the deployments, so that a second call measures without building them.
"""

import gzip
import json
import re
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import psutil
import yaml
from playwright.sync_api import Page, sync_playwright
from playwright.sync_api import TimeoutError as PageTimeoutError

from benchmarks.support.arguments import command_parser, positive
from prox_assets.lake.lake import Lake
from prox_assets.orchestration.settings.corpus import CorpusSettings
from prox_assets.orchestration.source_sensor import prepare_partitions
from prox_assets.testing.dagster_deployment import (
    LOCATION,
    REPOSITORY,
    Deployment,
    create_deployment,
    serving,
    wait_for,
)

CORPUS = "crawl"
SENSORS = {"discovery": f"{CORPUS}_shard_arrivals", "automation": f"{CORPUS}_automation"}
BACKFILLED = ["doc_programs", "chunk_programs"]
INTERVAL_SECONDS = 30  # of both sensors
TICKS = 3
PATIENCE_SECONDS = 600
PAGE_MILLISECONDS = 120_000
MEBIBYTE = 1 << 20
FIRST = "part-00000"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_Show = Callable[[Page], None]
# A process by a word of its command line.
PROCESSES = {"daemon": "dagster._daemon", "webserver": "dagster_webserver", "code server": "grpc"}


@dataclass
class Measured:
    """What one size took.

    Attributes:
        rows: Cells by the name of their row.
    """

    rows: dict[str, str] = field(default_factory=dict)


def main(arguments: list[str] | None = None) -> int:
    """Measure each size and print a table."""
    parser = command_parser("partitions_in_ui", __doc__, pages=False)
    parser.add_argument("--shards", type=positive, nargs="+", default=[1_000, 10_000, 50_000], help="sizes")
    parser.add_argument("--work", type=Path, help="folder of the deployments (a temporary one)")
    parser.add_argument("--keep", action="store_true", help="keep --work, and use what an earlier call has left there")
    parser.add_argument("--only-build", action="store_true", help="build the deployments and measure nothing else")
    parser.add_argument("--screenshots", type=Path, help="folder for a picture of every page")
    options = parser.parse_args(arguments)
    found: dict[int, Measured] = {}
    with ExitStack() as stack:
        work = options.work or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="prox-partitions-")))
        for shards in options.shards:
            folder = work / str(shards)
            told = folder / "built.json"
            if not told.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(parents=True)
                told.write_text(json.dumps(build(folder, shards)))
            found[shards] = Measured(json.loads(told.read_text()))
            if not options.only_build:
                measure(folder, shards, found[shards], options.screenshots)
            print(f"{shards:,} shards: {found[shards].rows}", flush=True)
            if not options.keep:
                shutil.rmtree(folder)
    names = dict.fromkeys(name for measured in found.values() for name in measured.rows)
    print(f"\n| | {' | '.join(f'{shards:,}' for shards in found)} |\n|---|{'---|' * len(found)}")
    for name in names:
        print(f"| {name} | {' | '.join(measured.rows.get(name, '') for measured in found.values())} |")
    return 0


def build(folder: Path, shards: int) -> dict[str, str]:
    """Write the raw files and a deployment whose instance knows their shards; return what that took."""
    raw = folder / "raw"
    raw.mkdir()
    first = raw / f"{FIRST}.jsonl.gz"
    with gzip.open(first, "wt") as file:
        file.write(json.dumps({"text": "Boats and tides.", "url": "https://partitions.example/1"}) + "\n")
    for number in range(1, shards):
        (raw / f"part-{number:05d}.jsonl.gz").hardlink_to(first)
    attributes = {
        "urls": [str(raw / "*.jsonl.gz")],
        "format": "jsonl",
        "refiners": "rules",
        "shard_bytes": 1,  # each file a shard, however many there are
        "automation": "on_new_shards",
        "automation_interval_seconds": INTERVAL_SECONDS,
        "discovery_interval_seconds": INTERVAL_SECONDS,
        "report_schedule": None,
    }
    create_deployment(folder, {CORPUS: attributes})
    configuration = folder / "home" / "dagster.yaml"
    given = yaml.safe_load(configuration.read_text())
    given["concurrency"]["runs"]["max_concurrent_runs"] = 0  # what is requested stays queued
    configuration.write_text(yaml.safe_dump(given))
    settings = CorpusSettings.model_validate({"corpus": CORPUS, **attributes})
    with dg.DagsterInstance.from_config(str(folder / "home")) as instance:
        began = time.monotonic()
        found = prepare_partitions(instance, Lake(str(folder / "lake")), settings, "benchmark")
        seconds = time.monotonic() - began
        if len(found.added) != shards:
            raise RuntimeError(f"{len(found.added):,} shards were found instead of {shards:,}")
        for shard in found.added[: shards // 2]:
            instance.report_runless_asset_event(dg.AssetMaterialization(settings.key("raw_shards"), partition=shard))
    return {"first discovery, s": f"{seconds:.0f}", "warns of too many shards": "yes" if found.warnings else "no"}


def measure(folder: Path, shards: int, measured: Measured, screenshots: Path | None) -> None:
    """Run a deployment and fill in what its sensors, pages and processes take."""
    began = time.time()
    with serving(folder) as deployment:
        for name, sensor in SENSORS.items():
            measured.rows |= _tick_times(deployment, name, sensor, began)
        with _browser() as page:
            for name, (prepare, show) in _pages(deployment, shards).items():
                times = []
                for _ in range(2):
                    try:
                        prepare(page)
                        times.append(f"{_seconds(lambda show=show: show(page)):.1f}")
                    except PageTimeoutError:
                        times.append(f"over {PAGE_MILLISECONDS // 1000}")
                measured.rows[f"{name}, s"] = " / ".join(times)
                print(f"{shards:,} shards: {name}: {measured.rows[f'{name}, s']} s", flush=True)
                if screenshots is not None:
                    page.wait_for_timeout(1_000)
                    page.screenshot(path=screenshots / f"{shards}-{name.replace(' ', '-')}.png")
        measured.rows |= _backfill_times(deployment, shards)
        measured.rows |= _memory(deployment)


def _tick_times(deployment: Deployment, name: str, sensor: str, began: float) -> dict[str, str]:
    """Wait for a few ticks; return the seconds of the first and the median of the others, or the error."""

    def ended() -> list[dict[str, float | str]]:
        selector = {"repositoryLocationName": LOCATION, "repositoryName": REPOSITORY, "sensorName": sensor}
        answer = deployment.graphql(
            """query($s: SensorSelector!) { sensorOrError(sensorSelector: $s) { ... on Sensor { sensorState {
                 ticks(limit: 50) { status timestamp endTimestamp error { message } } } } } }""",
            s=selector,
        )
        ticks = answer["sensorOrError"]["sensorState"]["ticks"]
        return [tick for tick in reversed(ticks) if tick["endTimestamp"] and tick["timestamp"] >= began]

    def enough() -> list[dict[str, float | str]] | None:
        ticks = ended()
        return ticks if len(ticks) >= TICKS else None

    ticks = wait_for(enough, PATIENCE_SECONDS, f"{TICKS} ticks of {sensor}; see {deployment.log}", every=2)
    seconds = [tick["endTimestamp"] - tick["timestamp"] for tick in ticks]
    failed = sum(tick["status"] == "FAILURE" for tick in ticks)
    times = f"{seconds[0]:.1f} / {statistics.median(seconds[1:]):.1f}"
    return {f"tick of {name}, s": times + (f", {failed} of {len(ticks)} failed" if failed else "")}


@contextmanager
def _browser() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1500, "height": 1000})
        page.set_default_timeout(PAGE_MILLISECONDS)
        yield page
        browser.close()


def _pages(deployment: Deployment, shards: int) -> dict[str, tuple[_Show, _Show]]:
    """Return how each page is opened, after what; the call ends when the page shows what it is for."""
    asset = f"{deployment.url}/assets/{CORPUS}/raw_shards"

    def shows(address: str, text: str | re.Pattern[str]) -> _Show:
        def show(page: Page) -> None:
            page.goto(address)
            page.get_by_text(text).first.wait_for()

        return show

    def nothing(_page: Page) -> None: ...

    def dialog(page: Page) -> None:
        page.get_by_role("button", name="Materialize").first.click()
        page.get_by_role("button", name="All", exact=True).click()
        page.get_by_text(re.compile(f"^({shards}|{shards:,}) partitions$")).wait_for()

    made = re.compile(rf"Materialized \(({shards // 2}|{shards // 2:,})\)")
    partitions = shows(f"{asset}?view=partitions", made)
    return {
        "asset graph": (nothing, shows(f"{deployment.url}/asset-groups/{CORPUS}", "quality_metrics")),
        "asset page": (nothing, shows(asset, "Latest materialization")),
        "its partitions": (nothing, partitions),
        "backfill dialog, all partitions chosen": (partitions, dialog),
        "one partition": (
            nothing,
            shows(f"{asset}?view=partitions&partition={FIRST}", "View all historical events (1)"),
        ),
        "checks of a step": (
            nothing,
            shows(f"{deployment.url}/assets/{CORPUS}/refined_shards?view=checks", "reconciliation"),
        ),
        "runs": (nothing, shows(f"{deployment.url}/runs", "Queued")),
    }


def _backfill_times(deployment: Deployment, shards: int) -> dict[str, str]:
    """Launch a backfill over all partitions; return the seconds of the request and until its first run is queued."""
    keys = deployment.partition_keys(CORPUS)
    began = time.monotonic()
    backfill = deployment.launch_backfill(CORPUS, BACKFILLED, keys)
    asked = time.monotonic() - began
    with dg.DagsterInstance.from_config(str(deployment.home)) as instance:
        of_it = dg.RunsFilter(tags={"dagster/backfill": backfill})
        wait_for(lambda: instance.get_runs_count(of_it), PATIENCE_SECONDS, "its first run", every=1)
    return {
        "launching a backfill over all, s": f"{asked:.1f}",
        "until its first run is queued, s": f"{time.monotonic() - began:.0f}",
    }


def _memory(deployment: Deployment) -> dict[str, str]:
    resident = dict.fromkeys(PROCESSES, 0)
    for process in psutil.Process(deployment.process.pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            words = " ".join(process.cmdline())
            for name, word in PROCESSES.items():
                if word in words:
                    resident[name] = max(resident[name], process.memory_info().rss)
    return {f"{name}, MiB": f"{size / MEBIBYTE:.0f}" for name, size in resident.items()}


def _seconds(call: Callable[[], None]) -> float:
    began = time.monotonic()
    call()
    return time.monotonic() - began


if __name__ == "__main__":
    raise SystemExit(main())
