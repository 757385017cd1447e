"""The assets of a refiner lab: see `prox_assets.training.lab.stages`. Each level, doc and chunk, has its own four.

The levels are no partitions: the document model starts from the chunk model, and Dagster lets only partitions in time
depend on partitions of the same asset (measured with 1.13).
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field, model_validator

from prox_assets import __version__
from prox_assets.lake.identity import fingerprint
from prox_assets.orchestration.failures import RETRY_POLICY, no_retry_when_useless
from prox_assets.orchestration.metadata import link, numbers
from prox_assets.orchestration.process import die_with_run_worker
from prox_assets.orchestration.resources import LabResource
from prox_assets.refiners.folder import LEVELS
from prox_assets.refiners.prompts.formats import Level
from prox_assets.training.data.pages import PAGES_VARIABLE, SILVER_VARIABLE
from prox_assets.training.lab.settings import LabFolder, LabPlan

SEED_ANNOTATIONS = "seed_annotations"
TRAINING_SET = "training_set"
MODEL = "refiner"
EVALUATION = "evaluation"

LOGGED_STEPS = 50

Step = tuple[Level, str]
Progress = Callable[[int, int], None]
Announce = Callable[[str], None]
Work = Callable[[LabPlan, LabFolder, Level, Progress, Announce], dict[str, Any]]


class LabSettings(LabPlan):
    """The attributes of a RefinerLab: its plan's, and how Dagster shows and runs it."""

    pool: str = Field(default="gpu", description="Pool of the training and evaluation steps.")
    group: str = Field(default="refiner_lab", description="Asset group.")
    owners: list[str] = Field(default_factory=list, description="Owners of the assets: e-mail addresses or team:name.")
    tags: dict[str, str] = Field(default_factory=dict, description="Tags of every asset.")

    @model_validator(mode="before")
    @classmethod
    def _pages_of_the_environment(cls, values: Any) -> Any:  # noqa: ANN401 (pydantic hands over whatever it was given)
        if isinstance(values, dict) and not values.get("pages"):
            named = (os.environ.get(PAGES_VARIABLE), os.environ.get(SILVER_VARIABLE))
            return {**values, "pages": [path for path in named if path]}
        return values

    def key(self, level: Level, asset: str) -> dg.AssetKey:
        """Return the key of one of the lab's assets; a graph shows only its last part, so that names the level."""
        return dg.AssetKey([self.name, f"{level}_{asset}"])


def build_lab_assets(plan: LabSettings) -> list[dg.AssetsDefinition]:
    """Build the four assets of each level."""
    return [asset for level in LEVELS for asset in _assets_of_level(plan, level)]


def _assets_of_level(plan: LabSettings, level: Level) -> list[dg.AssetsDefinition]:
    spec = plan.spec(level)
    tools = {"lightgbm" if spec.refiner.kind == "classifier" else "pytorch"}
    # A language model is shown the chunks of documents that it has said to keep; people's labels need no such order.
    decided: list[Step] = [("doc", SEED_ANNOTATIONS)] if level == "chunk" and plan.annotator is not None else []
    start: list[Step] = [(spec.start_from, MODEL)] if spec.start_from is not None else []
    return [
        _asset(
            plan,
            level,
            SEED_ANNOTATIONS,
            decided,
            "Decisions and programs to learn from, by people who labelled pages and by a strong language model.",
            {
                "pages": _stamps(plan.pages),
                "seed_documents": _stamps(plan.seed_documents),
                "annotator": plan.annotator.model_dump(mode="json") if plan.annotator else None,
                "seed": plan.seed,
            },
            _annotate,
            {"parquet"},
        ),
        _asset(
            plan,
            level,
            TRAINING_SET,
            [(level, SEED_ANNOTATIONS)],
            "Annotations without duplicates and errors, split by site, with softened targets.",
            {"seed": plan.seed, **(_targets_of_chunks(plan) if level == "chunk" else {})},
            _build_examples,
            {"parquet"},
        ),
        _asset(
            plan,
            level,
            MODEL,
            [(level, TRAINING_SET), *start],
            "The trained refiner: a folder that engines load, and that `refiners:` of a corpus may name.",
            {level: spec.model_dump(mode="json")},
            _train,
            tools,
        ),
        _asset(
            plan,
            level,
            EVALUATION,
            [(level, MODEL)],
            "The refiner on validation sites, compared with keep-all, the rules and the previous refiner.",
            {"previous": plan.previous, "pages": _stamps(plan.pages), "seed": plan.seed},
            _evaluate,
            tools,
        ),
    ]


def _targets_of_chunks(plan: LabSettings) -> dict[str, Any]:
    """Return the settings that decide what a chunk refiner learns, besides the annotations."""
    refiner = plan.chunk.refiner
    return {
        "distillation": plan.distillation,
        "decoding": refiner.decoding,
        "inline": refiner.line_labels.inline is not None,
    }


def _stamps(paths: Sequence[str]) -> list[tuple[str, int, int]]:
    """Return name, size and time of files, so an overwritten file shows as changed; 0 for a missing file."""
    found = [(path, Path(path).stat() if Path(path).is_file() else None) for path in paths]
    return [(path, stat.st_size if stat else 0, stat.st_mtime_ns if stat else 0) for path, stat in found]


def _asset(
    plan: LabSettings,
    level: Level,
    name: str,
    deps: Sequence[Step],
    description: str,
    configuration: Mapping[str, Any],
    work: Work,
    kinds: set[str],
) -> dg.AssetsDefinition:
    @dg.asset(
        key=plan.key(level, name),
        deps=[plan.key(*dep) for dep in deps],
        group_name=plan.group,
        owners=plan.owners,
        tags={"lab": plan.name, "level": level, **plan.tags},
        kinds=kinds,
        code_version=f"{__version__}-{fingerprint(dict(configuration))}",
        description=description,
        retry_policy=RETRY_POLICY,
        pool=plan.pool,
    )
    def lab_asset(context: dg.AssetExecutionContext, lab: LabResource) -> dg.MaterializeResult:
        die_with_run_worker()

        def progress(done: int, total: int) -> None:
            if done % LOGGED_STEPS == 0 or done == total:
                context.log.info("%s %s: %s of %s", level, name, done, total)

        with no_retry_when_useless():
            folder = lab.folder(plan.name)
            return dg.MaterializeResult(metadata=work(plan, folder, level, progress, context.log.info))

    return lab_asset


def _annotate(plan: LabPlan, folder: LabFolder, level: Level, progress: Progress, announce: Announce) -> dict[str, Any]:
    from prox_assets.training.lab.stages import annotate_seeds

    shown = annotate_seeds(plan, folder, level, progress, announce)
    return {**numbers(shown), "file": link(str(folder.annotations(level)))}


def _build_examples(
    plan: LabPlan, folder: LabFolder, level: Level, progress: Progress, announce: Announce
) -> dict[str, Any]:
    from prox_assets.training.lab.stages import build_examples

    shown = build_examples(plan, folder, level)
    return {**numbers(shown), "statistics": shown, "file": link(str(folder.training_set(level)))}


def _train(plan: LabPlan, folder: LabFolder, level: Level, progress: Progress, announce: Announce) -> dict[str, Any]:
    from prox_assets.training.fit.curves import curve_report
    from prox_assets.training.lab.training import train_refiner

    shown = train_refiner(plan, folder, level, progress)
    return {
        **numbers(shown),
        "curves": dg.MetadataValue.md(curve_report(shown["curves"])),
        "folder": link(str(folder.model(level))),
    }


def _evaluate(plan: LabPlan, folder: LabFolder, level: Level, progress: Progress, announce: Announce) -> dict[str, Any]:
    from prox_assets.training.lab.evaluation import evaluate_lab

    shown = evaluate_lab(plan, folder, level)
    return {
        **numbers(shown["measures"]),
        "report": dg.MetadataValue.md(shown["report"]),
        "file": link(str(folder.evaluation(level))),
    }
