"""Discovery of a corpus of a million objects: `python -m benchmarks.million_files [--files N]`.

Lists a bucket through a stand-in for S3's ListObjectsV2 (moto sorts the bucket for every page) and records its shards:
into a new lake, again with nothing new, and with a thousand objects more. Each discovery runs in its own process, whose
peak memory the kernel reports. Fails if one takes more than RESIDENT_MEBIBYTES, makes more than 5,000 shards, or plans
a file twice.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO, cast

from benchmarks.support.arguments import command_parser, positive
from benchmarks.support.peak import peak_bytes
from prox_assets.corpora.source import CorpusSource
from prox_assets.lake.lake import Lake
from prox_assets.refiners.presets import preset
from prox_assets.stages.plan import RefinementPlan
from prox_assets.stages.reading.discovery import discover_shards
from prox_assets.testing.servers.listing_server import BUCKET
from prox_assets.testing.servers.object_store import S3_CREDENTIALS

FILES = 1_000_000
LATER = 1_000
RESIDENT_MEBIBYTES = 500
MAX_SHARDS = 5_000
MEBIBYTE = 1 << 20


def main(arguments: list[str] | None = None) -> int:
    """Discover three times and print a table; return 1 if a limit is exceeded."""
    parser = command_parser("million_files", __doc__, pages=False)
    parser.add_argument("--files", type=positive, default=FILES, help=f"objects in the bucket ({FILES:,})")
    parser.add_argument("--discover", nargs=2, metavar=("LAKE", "URL"), help="what a subprocess does")
    options = parser.parse_args(arguments)
    if options.discover:
        return _discover(*options.discover)
    faults: list[str] = []
    print("| discovery | shards | new shards | seconds | CPU s | peak, MiB |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="prox-files-") as folder:
        lake, later = Path(folder) / "lake", options.files + LATER
        faults += _measure("new lake", options.files, lake, new=options.files)
        faults += _measure("nothing new", options.files, lake, new=0)
        faults += _measure(f"{LATER:,} objects later", later, lake, new=LATER)
    print("\n".join(faults) or f"every discovery took at most {RESIDENT_MEBIBYTES} MiB")
    return 1 if faults else 0


def _measure(name: str, files: int, lake: Path, new: int) -> list[str]:
    """Run a discovery in a process of its own and print its row; return what is wrong with it."""
    serve = [sys.executable, "-m", "prox_assets.testing.servers.listing_server", str(files)]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True) as server:
        url = cast("TextIO", server.stdout).readline().strip()
        command = [sys.executable, "-m", "benchmarks.million_files", "--discover", str(lake), url]
        found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        server.kill()
    resident = found["peak_bytes"] / MEBIBYTE
    print(
        f"| {name} | {found['shards']:,} | {found['added']:,} | {found['seconds']:.0f} | {found['cpu']:.0f} "
        f"| {resident:.0f} |",
        flush=True,
    )
    faults = []
    if resident > RESIDENT_MEBIBYTES:
        faults.append(f"{name}: {resident:.0f} MiB")
    if found["shards"] > MAX_SHARDS:
        faults.append(f"{name}: {found['shards']:,} shards")
    if (found["files"], found["added_files"]) != (files, new):
        faults.append(f"{name}: {found['files']:,} files, {found['added_files']:,} of them planned")
    return faults


def _files(keys: Iterable[str]) -> int:
    return sum(int(key.rpartition("~")[2]) if "~" in key else 1 for key in keys)


def _discover(lake: str, url: str) -> int:
    os.environ |= S3_CREDENTIALS
    source = CorpusSource(
        name="crawl",
        urls=[f"s3://{BUCKET}/documents/**/*.json.gz"],
        storage_options={"endpoint_url": url},
    )
    opened = Lake(lake)
    began = time.monotonic()
    found = discover_shards(opened, RefinementPlan(source=source, refiners=preset("rules")), "benchmark")
    seconds = time.monotonic() - began
    peak = peak_bytes()
    figures = {
        "shards": len(found.shards),
        "added": len(found.added),
        "files": _files(shard.key for shard in found.shards),
        "added_files": _files(found.added),
        "seconds": seconds,
        "cpu": time.process_time(),
        "peak_bytes": peak,
    }
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
