"""Refine the same corpora plainly, on two devices of this machine and as jobs of Ray, and compare the lakes.

    python -m benchmarks.placements --pages FILE [--refiner lines] [--documents N] [--shards 20]

The corpora are the bundled sample and shards of real pages. Two devices: `prox refine --gpus 2` over logical devices,
or `--workers 2` for a refiner without a model. Ray: the assets of Dagster with `placement:` ray, on a real cluster of a
head and two nodes, each with a logical GPU. Prints the rows that were compared; fails if a lake differs.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import dagster as dg

from benchmarks.support.arguments import command_parser, positive
from benchmarks.support.commands import PROX, prox
from benchmarks.support.pages import Page, read_pages
from prox_assets.lake.lake import Lake
from prox_assets.machine.devices import DECLARED_VARIABLE
from prox_assets.machine.leases import FOLDER_VARIABLE
from prox_assets.orchestration.components.refined_corpus import corpus_definitions
from prox_assets.orchestration.resources import EnginesResource, LakeResource
from prox_assets.orchestration.settings.corpus import CorpusSettings
from prox_assets.orchestration.source_sensor import prepare_partitions
from prox_assets.refiners.presets import named_refiners
from prox_assets.testing.clusters.ray_cluster import ray_cluster
from prox_assets.testing.comparable_rows import PROBABILITY_TOLERANCE, compare_lakes

SAMPLE = "package://prox_assets/corpora/sample/shards/*"
STEPS = (("raw_shards",), ("doc_programs", "chunk_programs"), ("refined_shards", "quality_metrics"))
ROOT = Path(__file__).parent.parent


class RunFailedError(RuntimeError):
    """A step of Dagster failed."""


def main() -> int:
    """Print a line for each lake; return 1 if one differs from the plain one."""
    parser = command_parser("placements", __doc__)
    parser.add_argument("--refiner", default="lines", help="a preset (lines)")
    parser.add_argument("--documents", type=positive, help="only the first N pages of FILE")
    parser.add_argument("--shards", type=positive, default=20, help="shards of the real pages (20)")
    parser.add_argument("--only", choices=("sample", "pages"), help="this corpus alone")
    options = parser.parse_args()
    os.environ["NO_PROXY"] = "127.0.0.1"
    same = True
    with tempfile.TemporaryDirectory(prefix="placements-") as folder:
        work = Path(folder)
        _write_shards(list(islice(read_pages(options.pages), options.documents)), work / "raw", options.shards)
        for corpus, urls in {"sample": SAMPLE, "pages": f"{work}/raw/*"}.items():
            if options.only not in (None, corpus):
                continue
            for told, differences in _compared(work / corpus, corpus, urls, options.refiner):
                print(told, *differences[:5], sep="\n  ", flush=True)
                same = same and not differences
    return 0 if same else 1


def _compared(work: Path, corpus: str, urls: str, refiner: str) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield, for each lake that is not the plain one, what was compared and how it differs."""
    refiners = named_refiners(refiner)
    engines = any(each is not None and each.needs_engine for each in (refiners.doc, refiners.chunk))
    devices = {DECLARED_VARIABLE: "2", FOLDER_VARIABLE: str(work / "device-locks")}
    command = ("refine", urls, "--corpus", corpus, "--refiner", refiner)
    took: dict[str, float] = {}
    took["plain"] = prox(*command, "--lake", work / "plain").wall_seconds
    two = "--gpus" if engines else "--workers"
    took[f"{two} 2"] = prox(*command, "--lake", work / f"{two} 2", two, "2", environment=devices).wall_seconds
    began = time.monotonic()
    _refine_on_ray(work / "ray", corpus, urls, refiner, devices)
    took["ray"] = time.monotonic() - began
    for name in list(took)[1:]:
        tolerance = PROBABILITY_TOLERANCE if engines else 0.0
        found = compare_lakes(Lake(str(work / name)), Lake(str(work / "plain")), corpus, tolerance=tolerance)
        rows = sum(found.rows.values())
        told = "differs" if found.differences else "the same rows"
        yield (
            f"{corpus}, {refiner}, {name} ({took[name]:.0f} s; plain {took['plain']:.0f} s): "
            f"{rows:,} rows in {len([each for each in found.rows.values() if each])} tables: {told}",
            found.differences,
        )


def _refine_on_ray(lake: Path, corpus: str, urls: str, refiner: str, environment: dict[str, str]) -> None:
    """Take all shards through Dagster's assets, a job for every four of them.

    Raises:
        RunFailedError: A step failed.
    """
    with ray_cluster() as nodes, dg.DagsterInstance.ephemeral() as instance:
        placement: dict[str, Any] = {
            "kind": "ray",
            "address": nodes.address,
            "command": list(PROX),
            "shards_per_job": 4,
            "environment": {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore", **environment},
            "poll_seconds": 1,
        }
        placements = {"raw_shards": placement, "programs": {**placement, "gpus": 1}, "refinement": placement}
        settings: CorpusSettings = CorpusSettings.model_validate(
            {"corpus": corpus, "urls": [urls], "refiners": refiner, "placement": placements}
        )
        resources = {"lake": LakeResource(url=str(lake)), "engines": EnginesResource()}
        definitions = dg.Definitions.merge(corpus_definitions(settings), dg.Definitions(resources=resources))
        keys = [shard.key for shard in prepare_partitions(instance, Lake(str(lake)), settings, "placements").shards]
        job = definitions.resolve_implicit_global_asset_job_def()
        for step in STEPS:
            result = job.execute_in_process(
                instance=instance,
                tags={"dagster/asset_partition_range_start": keys[0], "dagster/asset_partition_range_end": keys[-1]},
                asset_selection=[settings.key(asset) for asset in step],
                raise_on_error=False,
            )
            if not result.success:
                raise RunFailedError(f"{', '.join(step)} failed: see above")


def _write_shards(pages: Sequence[Page], folder: Path, shards: int) -> None:
    folder.mkdir()
    rows = [json.dumps({"text": page.text, "url": page.url}) for page in pages]
    for number in range(shards):
        (folder / f"part-{number:03}.jsonl").write_text("".join(f"{row}\n" for row in rows[number::shards]))


if __name__ == "__main__":
    sys.exit(main())
