"""The refiner lab in Dagster: its component, its assets, and what they show."""

from pathlib import Path

import dagster as dg
import pytest

from prox_assets import RefinerLab
from prox_assets.orchestration.assets.lab_assets import LEVELS
from prox_assets.orchestration.lab_component import RefinerLabAttributes
from prox_assets.orchestration.resources import LabResource
from prox_assets_tests.training.lab_plans import RECIPE, SHAPE, refiner
from prox_assets_tests.training.synthetic_pages import write_pages

SHORT = {**RECIPE, "shape": SHAPE, "steps": 6, "checkpoint_steps": 3}
REFINERS = {
    "chunk": {"refiner": refiner("chunk"), "recipe": SHORT},
    "doc": {"refiner": refiner("doc"), "start_from": "chunk", "recipe": {**RECIPE, "steps": 2}},
}


def definitions(folder: Path, **attributes: object) -> dg.Definitions:
    from prox_assets.orchestration.assets.lab_assets import build_lab_assets

    settings = RefinerLabAttributes.model_validate({"name": "lab", **REFINERS, **attributes}).settings()
    return dg.Definitions(assets=build_lab_assets(settings), resources={"lab": LabResource(root=str(folder))})


def run(defs: dg.Definitions, instance: dg.DagsterInstance, level: str, *assets: str) -> dg.ExecuteInProcessResult:
    return defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance,
        partition_key=level,
        asset_selection=[dg.AssetKey(["lab", asset]) for asset in assets],
        raise_on_error=False,
    )


@pytest.mark.slow
def test_the_labs_assets_make_both_refiners_and_show_curves_and_a_report(tmp_path: Path) -> None:
    pages = write_pages(tmp_path / "pages.parquet", 60)
    defs = definitions(tmp_path / "labs", pages=[str(pages)], previous=None, distillation=0.0)
    instance = dg.DagsterInstance.ephemeral()
    names = ("seed_annotations", "refiner_training_set", "refiner_model", "refiner_evaluation")
    for level in ("chunk", "doc"):
        assert run(defs, instance, level, *names).success, level
    model = instance.get_latest_materialization_event(dg.AssetKey(["lab", "refiner_model"]))
    assert model is not None
    assert model.asset_materialization is not None
    shown = model.asset_materialization.metadata
    assert shown["steps"].value == 2
    assert "development score" in str(shown["curves"].value)
    assert (tmp_path / "labs" / "lab" / "doc" / "model" / "refiner.json").is_file()
    assert set(instance.get_materialized_partitions(dg.AssetKey(["lab", "refiner_evaluation"]))) == {"doc", "chunk"}


def test_a_lab_without_pages_fails_at_once_and_says_what_to_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PROX_LABELLED_PAGES", raising=False)
    result = run(definitions(tmp_path), dg.DagsterInstance.ephemeral(), "doc", "seed_annotations")
    assert not result.success
    [failure] = [event for event in result.all_events if event.is_step_failure]
    assert "PROX_LABELLED_PAGES" in str(failure.event_specific_data)
    assert not any(event.is_step_up_for_retry for event in result.all_events)


def test_pages_that_are_not_named_are_those_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROX_LABELLED_PAGES", "a.parquet")
    monkeypatch.setenv("PROX_SILVER_PAGES", "b.parquet")
    assert RefinerLabAttributes.model_validate(REFINERS).settings().plan.pages == ("a.parquet", "b.parquet")
    named = RefinerLabAttributes.model_validate({**REFINERS, "pages": ["c.parquet"]})
    assert named.settings().plan.pages == ("c.parquet",)


def test_a_lab_is_a_component_partitioned_by_level() -> None:
    lab = RefinerLab.from_attributes_dict(attributes={"name": "lab", **REFINERS})
    assert lab.settings.plan.chunk.refiner.dialect == "line-labels"
    assert LEVELS.get_partition_keys() == ["doc", "chunk"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"chunk": {"refiner": refiner("doc"), "recipe": SHORT}}, "has level 'doc'"),
        ({"chunk": {"refiner": refiner("chunk"), "recipe": RECIPE}}, "exactly one of"),
        ({"colour": "green"}, "colour"),
    ],
)
def test_a_wrong_attribute_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RefinerLabAttributes.model_validate({**REFINERS, **changes})
