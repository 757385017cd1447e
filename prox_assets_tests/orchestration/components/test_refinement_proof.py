"""A proof in Dagster: what its assets record, a run over several models, and what is said when it cannot go on."""

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from prox_assets.catalog.connection import ask_catalog
from prox_assets.lake.lake import Lake
from prox_assets.orchestration.components.refinement_proof import proof_definitions
from prox_assets.orchestration.resources import LakeResource, ProofsResource
from prox_assets.orchestration.settings.proof import ProofAssetsSettings
from prox_assets.proof.folder import ProofFolder
from prox_assets_tests.orchestration.conftest import materialization
from prox_assets_tests.orchestration.test_assets import failures
from prox_assets_tests.proof.refined_sample import refine

ATTRIBUTES: dict[str, Any] = {
    "corpora": ["sample"],
    "arms": [{"kind": "raw"}, {"kind": "refined"}],
    "tokenizer": {"vocabulary": 600},
    "text": {"gold": {"path": "package://prox_assets/corpora/sample/gold.jsonl"}, "held_out": 0.4},
    "tokens": 8000,
    "budgets": ["tokens"],
    "models": [{"kind": "ngram", "name": "2gram", "order": 2, "seeds": 2, "curve": [0.5]}],
}
DOCUMENTS = 87  # of the sample's 128, those whose sites serve no evaluation
ARMS = ["raw", "refined", "refined_random_lines", "refined_random_documents"]


class Proof:
    """A proof's definitions over a lake and a folder of the test's own, and how to run its assets."""

    def __init__(self, lake: Lake, root: Path, instance: dg.DagsterInstance, **attributes: Any) -> None:
        self.settings = ProofAssetsSettings.model_validate({**ATTRIBUTES, **attributes})
        self.folder = ProofFolder(root / self.settings.name)
        self.instance = instance
        resources = {"lake": LakeResource(url=lake.url), "proofs": ProofsResource(root=str(root))}
        self.definitions = dg.Definitions.merge(proof_definitions(self.settings), dg.Definitions(resources=resources))

    def run(self, *assets: str, key: str | None = None, keys: tuple[str, str] | None = None) -> Any:
        tags = {}
        if keys is not None:
            tags = {"dagster/asset_partition_range_start": keys[0], "dagster/asset_partition_range_end": keys[1]}
        return self.definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=self.instance,
            partition_key=key,
            tags=tags,
            asset_selection=[self.settings.key(asset) for asset in assets],
            raise_on_error=False,
        )

    def events(self, asset: str) -> list[dg.AssetMaterialization]:
        records = self.instance.fetch_materializations(self.settings.key(asset), limit=100).records
        return [record.asset_materialization for record in records if record.asset_materialization is not None]


@pytest.fixture
def proof(lake: Lake, tmp_path: Path, instance: dg.DagsterInstance) -> Proof:
    refine(lake)
    return Proof(lake, tmp_path / "proofs", instance)


def test_a_proof_goes_from_arms_to_a_report_and_says_that_the_sample_is_too_small(proof: Proof, lake: Lake) -> None:
    assert [arm.name for arm in proof.settings.arms] == ARMS
    result = proof.run("arms")
    assert result.success
    shown = materialization(result, "proof", "arms").metadata
    assert str(shown["documents"].value) == str(DOCUMENTS)
    assert "| refined_random_lines |" in str(shown["arms"].value)
    for arm in ARMS:
        assert proof.run("arm_tokens", key=arm).success
    keys = list(proof.settings.runs)
    assert keys[0] == "raw.2gram-tokens-0"
    assert len(keys) == 8
    # Six models in one run, as a backfill asks for them, and two runs of one model.
    assert proof.run("arm_models", "arm_scores", keys=(keys[0], keys[5])).success
    for key in keys[6:]:
        assert proof.run("arm_models", "arm_scores", key=key).success
    for asset in ("arm_models", "arm_scores"):
        assert sorted(event.partition or "" for event in proof.events(asset)) == sorted(keys)
    [model] = [event for event in proof.events("arm_models") if event.partition == keys[0]]
    tokens = next(event for event in proof.events("arm_tokens") if event.partition == "raw")
    inputs = {
        name: value for name, value in (model.tags or {}).items() if name.startswith("dagster/input_data_version")
    }
    assert inputs == {"dagster/input_data_version/proof/arm_tokens": (tokens.tags or {})["dagster/data_version"]}
    assert model.metadata["tokens"].value == 8000
    [scores] = [event for event in proof.events("arm_scores") if event.partition == keys[0]]
    assert 1 < float(scores.metadata["gold bits_per_byte"].value) < 8  # pyright: ignore[reportArgumentType]

    result = proof.run("proof_report")
    assert result.success
    shown = materialization(result, "proof", "proof_report").metadata
    assert "too small to conclude" in str(shown["verdicts"].value)
    [check] = result.get_asset_check_evaluations()
    assert (check.check_name, check.passed) == ("up_to_date", True), check.description
    assert proof.folder.report().is_file()
    arms = ask_catalog(lake, lambda con: con.sql("SELECT arm FROM proof_arms ORDER BY arm").fetchall())
    assert [name for (name,) in arms] == sorted(ARMS)
    spent = ask_catalog(lake, lambda con: con.sql("SELECT count(*) FROM compute WHERE stage = 'arm_models'").fetchall())
    assert spent == [(8,)]


def test_what_is_current_is_not_trained_again(proof: Proof) -> None:
    assert proof.run("arms").success
    assert proof.run("arm_tokens", key="raw").success
    key = "raw.2gram-tokens-0"
    assert proof.run("arm_models", key=key).success
    model = proof.folder.model(proof.settings.runs[key])
    before = {file: file.stat().st_mtime_ns for file in model.iterdir()}
    assert proof.run("arm_models", key=key).success
    assert {file: file.stat().st_mtime_ns for file in model.iterdir()} == before
    first, second = proof.events("arm_models")
    assert first.tags["dagster/data_version"] == second.tags["dagster/data_version"]  # pyright: ignore[reportOptionalSubscript]


def test_what_is_missing_is_named_with_what_makes_it_and_not_retried(
    lake: Lake, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    proof = Proof(lake, tmp_path / "proofs", instance)
    for asset, key, said in (
        ("arms", None, "sample"),
        ("arm_tokens", "raw", "materialize arms first"),
        ("arm_models", "raw.2gram-tokens-0", "materialize arm_tokens for it first"),
        ("arm_scores", "raw.2gram-tokens-0", "arm_models"),
    ):
        result = proof.run(asset, key=key)
        assert not result.success
        assert said in failures(result), asset
        assert not any(event.is_step_up_for_retry for event in result.all_events), asset


def test_a_llama_with_a_tokenizer_of_its_own_that_has_not_learned_gives_no_verdict(
    lake: Lake, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    refine(lake)
    tiny = {
        "kind": "llama",
        "name": "tiny",
        "shape": {"hidden": 16, "heads": 2, "layers": 1, "intermediate": 32, "tied": True},
        "vocabulary": 300,
        "context": 64,
        "batch_tokens": 1280,
        "tokens": 6400,
        "seeds": 2,
        "curve": [0.5],
        "checkpoint_steps": 10,
    }
    proof = Proof(lake, tmp_path / "proofs", instance, models=[tiny], tokenizer={"vocabulary": 600})
    assert proof.run("arms").success
    for arm in ARMS:
        assert proof.run("arm_tokens", key=arm).success
    keys = list(proof.settings.runs)
    assert proof.run("arm_models", "arm_scores", keys=(keys[0], keys[-1])).success
    own = json.loads((proof.folder.own_tokenizer("tiny") / "tokenizer.json").read_text())
    assert len(own["model"]["vocab"]) == 300
    assert [event.metadata["learned"].value for event in proof.events("arm_scores")] == [False] * len(keys)
    result = proof.run("proof_report")
    assert result.success
    verdicts = str(materialization(result, "proof", "proof_report").metadata["verdicts"].value)
    assert "tiny has not learned from refined: it predicts no better than a bigram model" in verdicts
