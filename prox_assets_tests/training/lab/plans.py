"""A lab that finishes in a minute: small pages, a smaller model, few steps."""

from pathlib import Path
from typing import Any

from prox_assets.training.lab.settings import LabPlan

LINE_LABELS: dict[str, Any] = {"inline": {}}
SHAPE = {"vocabulary": 7000, "hidden": 64, "intermediate": 128, "layers": 2}
RECIPE: dict[str, Any] = {
    "steps": 120,
    "batch_tokens": 2048,
    "learning_rate": 0.003,
    "final_learning_rate": 0.0001,
    "checkpoint_steps": 40,
    "bf16": False,
    "threads": 1,
}


def refiner(level: str) -> dict[str, Any]:
    """Return the settings of a refiner to train."""
    return {
        "name": f"small-{level}",
        "level": level,
        "dialect": "line-labels",
        "window": 1024,
        "dtype": "float32",
        "line_labels": LINE_LABELS,
    }


def small_plan(labelled: Path | None, **changes: Any) -> LabPlan:
    """Return a plan that trains on a file of labelled pages, if there is one."""
    values: dict[str, Any] = {
        "pages": [str(labelled)] if labelled is not None else [],
        "previous": None,
        "distillation": 0.0,
        "chunk": {"refiner": refiner("chunk"), "recipe": {**RECIPE, "shape": SHAPE}},
        "doc": {
            "refiner": refiner("doc"),
            "start_from": "chunk",
            "recipe": {**RECIPE, "steps": 40, "learning_rate": 0.005},
        },
    }
    return LabPlan.model_validate({**values, **changes})
