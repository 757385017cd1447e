"""`make refiner`: materialize a lab's assets for both levels, on the instance that `make ui` shows afterwards.

A killed run resumes where it stopped: steps that are done for this configuration are not repeated, and training resumes
from its newest checkpoint. Delete the lab's folder to start over.
"""

import argparse
import os
import shutil
import sys
from pathlib import Path
from typing import cast

import dagster as dg
import yaml
from rich.console import Console

from prox_assets.orchestration.assets.lab_assets import (
    EVALUATION,
    MODEL,
    SEED_ANNOTATIONS,
    TRAINING_SET,
    LabSettings,
    build_lab_assets,
)
from prox_assets.orchestration.instance import PROJECT_FILE, default_home, prepare_instance, process_tag
from prox_assets.orchestration.resources import DEFAULTS, LabResource
from prox_assets.refiners.folder import LEVELS
from prox_assets.refiners.model.files import model_folder
from prox_assets.refiners.presets import BUNDLED, LINES, SHIPPED
from prox_assets.refiners.prompts.formats import Level
from prox_assets.training.data.pages import PAGES_VARIABLE
from prox_assets.training.lab.settings import LabFolder

# By the kind of refiner: the lab that makes it, and the preset that its refiners can become.
LABS = {"model": ("refiner_lab", BUNDLED), "classifier": ("lines_lab", LINES)}
LOG_INFO = {"loggers": {"console": {"config": {"log_level": "INFO"}}}}


def main() -> int:
    """Make the refiners; return the process's exit code."""
    parser = argparse.ArgumentParser(description="Train and evaluate the lab's refiners.")
    parser.add_argument("--bundle", action="store_true", help="Put the finished refiners into the package.")
    parser.add_argument("--kind", choices=LABS, default="model", help="The kind of refiner (model).")
    arguments = parser.parse_args()
    lab, shipped = LABS[arguments.kind]
    console = Console(highlight=False, soft_wrap=True)
    if not os.environ.get(PAGES_VARIABLE):
        console.print(f"[bold red]error:[/] {PAGES_VARIABLE} names no labelled pages: make refiner PAGES=file.parquet")
        return 1
    instance = prepare_instance(default_home(), Path(PROJECT_FILE))
    defs = lab_definitions(lab)
    folder = LabResource().folder(lab)
    for key in defs.resolve_asset_graph().toposorted_asset_keys:
        name = key.path[-1]
        if not _is_done(defs, instance, folder, key) and not _materialize(defs, instance, key):
            console.print(f"[bold red]{name} failed[/]; the same command resumes here")
            return 1
        console.print(f"{name}: done")
    for level in LEVELS:
        console.print(f"refiner: {folder.model(level)}; evaluation: {folder.evaluation(level)}")
    if arguments.bundle:
        _bundle(folder, SHIPPED[shipped], console)
    return 0


def lab_definitions(lab: str) -> dg.Definitions:
    """Return only a lab's definitions: corpora may need the very refiners that this command makes."""
    file = Path(__file__).parent.parent / "defs" / lab / "defs.yaml"
    attributes = yaml.safe_load(file.read_text(encoding="utf-8"))["attributes"]
    settings = LabSettings.model_validate(attributes)
    return dg.Definitions(assets=build_lab_assets(settings), resources={"lab": DEFAULTS["lab"]})


def _is_done(defs: dg.Definitions, instance: dg.DagsterInstance, folder: LabFolder, key: dg.AssetKey) -> bool:
    """Tell whether a step's result exists, has this configuration, and is newer than its inputs."""
    level, asset = cast("tuple[Level, str]", tuple(key.path[-1].split("_", 1)))
    results = {
        SEED_ANNOTATIONS: folder.annotations(level),
        TRAINING_SET: folder.training_set(level),
        MODEL: folder.model(level),
        EVALUATION: folder.evaluation(level),
    }
    newest = _newest(instance, key)
    if newest is None or newest.asset_materialization is None or not results[asset].exists():
        return False
    made = (newest.asset_materialization.tags or {}).get("dagster/code_version")
    node = defs.resolve_asset_graph().get(key)
    upstream = [_newest(instance, parent) for parent in node.parent_keys]
    return made == node.code_version and all(
        record is not None and record.storage_id < newest.storage_id for record in upstream
    )


def _newest(instance: dg.DagsterInstance, key: dg.AssetKey) -> dg.EventLogRecord | None:
    return next(iter(instance.fetch_materializations(key, limit=1).records), None)


def _materialize(defs: dg.Definitions, instance: dg.DagsterInstance, key: dg.AssetKey) -> bool:
    job = defs.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(
        instance=instance, asset_selection=[key], run_config=LOG_INFO, tags=process_tag(), raise_on_error=False
    )
    return result.success


def _bundle(folder: LabFolder, shipped: str, console: Console) -> None:
    for level in LEVELS:
        place = model_folder(f"{shipped}/{level}")
        place.parent.mkdir(exist_ok=True)
        fresh = place.with_name(f".{level}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(folder.model(level), fresh)
        shutil.rmtree(place, ignore_errors=True)
        fresh.replace(place)
        size = sum(file.stat().st_size for file in place.rglob("*")) / 1e6
        console.print(f"bundled: {place} ({size:.1f} MB)")


if __name__ == "__main__":
    sys.exit(main())
