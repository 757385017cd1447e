"""`make refiner`: the lab's assets for both levels, through Dagster, on the instance that `make ui` shows afterwards.

A killed run goes on where it was: steps that are done for this configuration are not repeated, and training resumes
from its newest checkpoint. Delete the lab's folder to begin anew.
"""

import argparse
import os
import shutil
import sys
from pathlib import Path

import dagster as dg
from rich.console import Console

from prox_assets.orchestration.assets.lab_assets import EVALUATION, MODEL, SEED_ANNOTATIONS, TRAINING_SET
from prox_assets.orchestration.build import build_defs
from prox_assets.orchestration.instance import PROJECT_FILE, default_home, prepare_instance
from prox_assets.orchestration.resources import LabResource
from prox_assets.refiners.folder import LEVELS
from prox_assets.refiners.model_files import model_folder
from prox_assets.refiners.presets import BUNDLED_PLACE
from prox_assets.refiners.prompts import Level
from prox_assets.training.lab import LabFolder
from prox_assets.training.pages import PAGES_VARIABLE

LAB = "refiner_lab"
# Chunk first: the document refiner starts from its weights.
ORDER: tuple[tuple[Level, str], ...] = tuple(
    (level, asset) for level in ("chunk", "doc") for asset in (SEED_ANNOTATIONS, TRAINING_SET, MODEL, EVALUATION)
)
LOG_INFO = {"loggers": {"console": {"config": {"log_level": "INFO"}}}}


def main() -> int:
    """Make the refiners; return the process's exit code."""
    parser = argparse.ArgumentParser(description="Train and evaluate the lab's refiners.")
    parser.add_argument("--bundle", action="store_true", help="Put the finished refiners into the package.")
    arguments = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    if not os.environ.get(PAGES_VARIABLE):
        console.print(f"[bold red]error:[/] make refiner PAGES=file.parquet: {PAGES_VARIABLE} names no labelled pages")
        return 1
    instance = prepare_instance(default_home(), Path(PROJECT_FILE))
    defs = build_defs()
    folder = LabResource().folder(LAB)
    for level, asset in ORDER:
        if not _is_done(defs, instance, folder, level, asset) and not _materialize(defs, instance, level, asset):
            console.print(f"[bold red]{asset} of level {level} failed[/]; run the same command again to go on")
            return 1
        console.print(f"{level} {asset}: done")
    for level in LEVELS:
        console.print(f"refiner: {folder.model(level)}; evaluation: {folder.evaluation(level)}")
    if arguments.bundle:
        _bundle(folder, console)
    return 0


def _is_done(defs: dg.Definitions, instance: dg.DagsterInstance, folder: LabFolder, level: Level, asset: str) -> bool:
    """Tell whether the newest materialization is of this configuration, and its result is still there."""
    results = {
        SEED_ANNOTATIONS: folder.annotations(level),
        TRAINING_SET: folder.training_set(level),
        MODEL: folder.model(level),
        EVALUATION: folder.evaluation(level),
    }
    key = dg.AssetKey([LAB, asset])
    records = instance.fetch_materializations(dg.AssetRecordsFilter(key, asset_partitions=[level]), limit=1).records
    if not records or records[0].asset_materialization is None or not results[asset].exists():
        return False
    made = (records[0].asset_materialization.tags or {}).get("dagster/code_version")
    return made == defs.resolve_asset_graph().get(key).code_version


def _materialize(defs: dg.Definitions, instance: dg.DagsterInstance, level: Level, asset: str) -> bool:
    job = defs.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(
        instance=instance,
        partition_key=level,
        asset_selection=[dg.AssetKey([LAB, asset])],
        run_config=LOG_INFO,
        raise_on_error=False,
    )
    return result.success


def _bundle(folder: LabFolder, console: Console) -> None:
    for level in LEVELS:
        place = model_folder(f"{BUNDLED_PLACE}/{level}")
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(folder.model(level), place)
        size = sum(file.stat().st_size for file in place.rglob("*")) / 1e6
        console.print(f"bundled: {place} ({size:.1f} MB)")


if __name__ == "__main__":
    sys.exit(main())
