"""The refiner lab in Dagster: its component, its assets, and what they show."""

from collections.abc import Mapping
from pathlib import Path

import dagster as dg
import pytest

from prox_assets import RefinerLab
from prox_assets.cli.make_refiner import LABS, _is_done, lab_definitions
from prox_assets.orchestration.assets.lab_assets import LabSettings, build_lab_assets
from prox_assets.orchestration.resources import LabResource
from prox_assets_tests.training.lab.plans import RECIPE, SHAPE, refiner
from prox_assets_tests.training.synthetic_pages import write_pages

LAB, _ = LABS["model"]
SHORT = {**RECIPE, "shape": SHAPE, "steps": 6, "checkpoint_steps": 3}
REFINERS = {
    "chunk": {"refiner": refiner("chunk"), "recipe": SHORT},
    "doc": {"refiner": refiner("doc"), "start_from": "chunk", "recipe": {**RECIPE, "steps": 2}},
}


def definitions(folder: Path, **attributes: object) -> dg.Definitions:
    settings = LabSettings.model_validate({"name": "lab", **REFINERS, **attributes})
    return dg.Definitions(assets=build_lab_assets(settings), resources={"lab": LabResource(root=str(folder))})


def run(
    defs: dg.Definitions, instance: dg.DagsterInstance, level: str, *assets: str, lab: str = "lab"
) -> dg.ExecuteInProcessResult:
    return defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance,
        asset_selection=[dg.AssetKey([lab, f"{level}_{asset}"]) for asset in assets],
        raise_on_error=False,
    )


@pytest.mark.slow
def test_the_labs_assets_make_both_refiners_and_show_curves_and_a_report(tmp_path: Path) -> None:
    pages = write_pages(tmp_path / "pages.parquet", 60)
    defs = definitions(tmp_path / "labs", pages=[str(pages)], previous=None, distillation=0.0)
    instance = dg.DagsterInstance.ephemeral()
    everything = defs.resolve_implicit_global_asset_job_def().execute_in_process(instance=instance)
    assert everything.success, "one run makes both, the chunk model first"
    model = instance.get_latest_materialization_event(dg.AssetKey(["lab", "doc_refiner"]))
    assert model is not None
    assert model.asset_materialization is not None
    shown = model.asset_materialization.metadata
    assert shown["steps"].value == 2
    assert "development score" in str(shown["curves"].value)
    assert (tmp_path / "labs" / "lab" / "doc" / "model" / "refiner.json").is_file()
    for level in ("doc", "chunk"):
        assert instance.get_latest_materialization_event(dg.AssetKey(["lab", f"{level}_evaluation"]))


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
    assert LabSettings.model_validate(REFINERS).pages == ("a.parquet", "b.parquet")
    named = LabSettings.model_validate({**REFINERS, "pages": ["c.parquet"]})
    assert named.pages == ("c.parquet",)


def upstream(attributes: Mapping[str, object]) -> dict[str, set[str]]:
    settings = RefinerLab.from_attributes_dict(attributes={"name": "lab", **attributes}).settings
    assets = dg.Definitions(assets=build_lab_assets(settings), resources={"lab": LabResource()})
    graph = assets.resolve_asset_graph()
    return {
        key.path[-1]: {parent.path[-1] for parent in graph.get(key).parent_keys}
        for key in graph.materializable_asset_keys
    }


def test_the_graph_shows_that_the_document_model_starts_from_the_chunk_model() -> None:
    deps = upstream(REFINERS)
    assert deps["doc_refiner"] == {"doc_training_set", "chunk_refiner"}
    assert deps["chunk_refiner"] == {"chunk_training_set"}
    assert deps["chunk_seed_annotations"] == deps["doc_seed_annotations"] == set()
    apart = upstream({**REFINERS, "doc": {"refiner": refiner("doc"), "recipe": SHORT}})
    assert apart["doc_refiner"] == {"doc_training_set"}


def test_the_graph_shows_that_a_language_model_annotates_chunks_of_documents_that_it_kept() -> None:
    annotator = {"base_url": "http://127.0.0.1:1"}
    assert upstream({**REFINERS, "annotator": annotator})["chunk_seed_annotations"] == {"doc_seed_annotations"}


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
        LabSettings.model_validate({**REFINERS, **changes})


def test_a_step_is_done_while_it_is_of_this_configuration_and_newer_than_what_it_was_made_from(tmp_path: Path) -> None:
    pages = write_pages(tmp_path / "pages.parquet", 30)
    settings = {"name": LAB, "pages": [str(pages)], "previous": None, "distillation": 0.0}
    defs = definitions(tmp_path / "labs", **settings)
    instance = dg.DagsterInstance.ephemeral()
    folder = LabResource(root=str(tmp_path / "labs")).folder(LAB)

    def done(asset: str, of: dg.Definitions = defs) -> bool:
        return _is_done(of, instance, folder, dg.AssetKey([LAB, f"chunk_{asset}"]))

    assert not done("seed_annotations")
    run(defs, instance, "doc", "seed_annotations", lab=LAB)
    run(defs, instance, "chunk", "seed_annotations", "training_set", lab=LAB)
    assert done("seed_annotations")
    assert done("training_set")
    assert not done("refiner")
    assert not done("training_set", definitions(tmp_path / "labs", **{**settings, "distillation": 0.1}))
    run(defs, instance, "chunk", "seed_annotations", lab=LAB)
    assert not done("training_set")
    run(defs, instance, "chunk", "training_set", lab=LAB)
    assert done("training_set")
    write_pages(pages, 31)
    assert not done("seed_annotations", definitions(tmp_path / "labs", **settings))


@pytest.mark.parametrize("lab", [lab for lab, _ in LABS.values()])
def test_make_refiner_needs_no_corpus_and_does_every_step_of_both_levels(lab: str) -> None:
    order = [key.path[-1] for key in lab_definitions(lab).resolve_asset_graph().toposorted_asset_keys]
    assert len(order) == 8
    assert order.index("chunk_refiner") < order.index("doc_refiner")
