"""Token files in Dagster: an event per shard, the manifest with its run cards, and what its checks find."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from prox_assets import TrainingTokens
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.withdrawn import Withdrawal, WithdrawnBy, remember
from prox_assets.orchestration.components.refinement_proof import proof_definitions
from prox_assets.orchestration.components.training_tokens import token_definitions
from prox_assets.orchestration.resources import LakeResource, ProofsResource
from prox_assets.orchestration.settings.proof import ProofAssetsSettings
from prox_assets.orchestration.settings.tokens import TokenAssetsSettings
from prox_assets.tokens.folder import folder_of, read_manifest
from prox_assets_tests.orchestration.conftest import materialization
from prox_assets_tests.orchestration.test_assets import failures
from prox_assets_tests.proof.refined_sample import refine
from prox_assets_tests.tokens.token_lakes import CORPUS, lake_of, llama_like, pages

SHARDS = ["part-0.jsonl", "part-1.jsonl"]
SMALL_CARD = {"recipe": "1m", "context": 32, "batch_tokens": 64, "devices": 1, "epochs": 1}


class Tokens:
    """Definitions of token files over a lake of the test's own, and how to run their assets."""

    def __init__(self, lake: Lake, folder: Path, instance: dg.DagsterInstance, **attributes: Any) -> None:
        source = {"kind": "table", "corpora": [CORPUS], "table": "documents"}
        values = {"name": "files", "source": source, "tokenizer": str(llama_like(folder / "tokenizer")), **attributes}
        self.settings = TokenAssetsSettings.model_validate(values)
        self.lake, self.instance = lake, instance
        resources = {"lake": LakeResource(url=lake.url), "proofs": ProofsResource(root=str(folder / "proofs"))}
        self.definitions = dg.Definitions.merge(token_definitions(self.settings), dg.Definitions(resources=resources))
        instance.add_dynamic_partitions(f"{CORPUS}_shards", SHARDS)

    def run(self, asset: str, *, shard: str | None = None, shards: tuple[str, str] | None = None) -> Any:
        tags = {}
        if shards is not None:
            tags = {"dagster/asset_partition_range_start": shards[0], "dagster/asset_partition_range_end": shards[1]}
        return self.definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=self.instance,
            partition_key=shard,
            tags=tags,
            asset_selection=[self.settings.key(asset)],
            raise_on_error=False,
        )

    def checks(self, result: Any) -> dict[str, tuple[bool, str]]:
        return {one.check_name: (one.passed, one.description) for one in result.get_asset_check_evaluations()}


@pytest.fixture
def tokens(tmp_path: Path, instance: dg.DagsterInstance) -> Tokens:
    lake = lake_of(tmp_path, pages())
    return Tokens(
        lake, tmp_path, instance, run_cards=[SMALL_CARD], formats=["olmo_core", "megatron"], splits={"validation": 0.4}
    )


def test_shards_of_one_run_have_their_own_events_and_the_manifest_counts_all(tokens: Tokens) -> None:
    assert tokens.run("web_tokens", shards=(SHARDS[0], SHARDS[1])).success
    records = tokens.instance.fetch_materializations(tokens.settings.key("web_tokens"), limit=10).records
    events = {event.partition: event for record in records if (event := record.asset_materialization) is not None}
    assert set(events) == set(SHARDS)
    versions = {(event.tags or {})["dagster/data_version"] for event in events.values()}
    assert len(versions) == 2
    assert all((event.tags or {})["dagster/input_data_version/web/raw_shards"] for event in events.values())

    result = tokens.run("token_manifest")
    assert result.success
    shown = materialization(result, "files", "token_manifest").metadata
    manifest = read_manifest(folder_of(tokens.lake, tokens.settings))
    assert manifest is not None
    assert shown["tokens_train"].value == manifest.tokens() == sum(_tokens(event) for event in events.values())
    assert shown["documents"].value == 24
    assert "| train | web |" in str(shown["sources"].value)
    assert "| 1m |" in str(shown["run_cards"].value)
    card = folder_of(tokens.lake, tokens.settings).read_bytes("run_cards/1m/README.md")
    assert card is not None
    assert b"megatron.sh" in card
    assert tokens.checks(result) == {
        "files": (True, "every file is as the manifest says, and documents add up"),
        "withdrawn": (True, "no withdrawn document is inside"),
    }
    again = tokens.run("web_tokens", shard=SHARDS[0])
    shown = materialization(again, "files", "web_tokens").metadata
    assert shown["was_current"].value is True


def _tokens(event: dg.AssetMaterialization) -> int:
    return int(event.metadata["tokens_train"].value)  # pyright: ignore[reportArgumentType]


def test_a_manifest_waits_for_every_shard_and_says_which_is_missing(tokens: Tokens) -> None:
    assert tokens.run("web_tokens", shard=SHARDS[0]).success
    result = tokens.run("token_manifest")
    assert not result.success
    assert "1 of 2 shards" in failures(result)
    assert f"web/{SHARDS[1]}" in failures(result)
    assert not any(event.is_step_up_for_retry for event in result.all_events)


def test_the_checks_find_a_changed_file_a_missing_one_and_a_withdrawn_document(tokens: Tokens) -> None:
    for shard in SHARDS:
        assert tokens.run("web_tokens", shard=shard).success
    assert tokens.run("token_manifest").success
    folder = folder_of(tokens.lake, tokens.settings)
    path = f"tokens/train/{CORPUS}/{SHARDS[0]}.bin"
    whole = folder.read_bytes(path)
    assert whole is not None
    folder.write_bytes(path, bytes([whole[0] ^ 1]) + whole[1:])
    folder.remove(f"tokens/train/{CORPUS}/{SHARDS[1]}.idx")
    remember(tokens.lake, Withdrawal(WithdrawnBy.URL, "https://site1.example/0/1", "asked for"))

    job = tokens.definitions.resolve_implicit_global_asset_job_def()
    keys = [dg.AssetCheckKey(tokens.settings.key("token_manifest"), name) for name in ("files", "withdrawn")]
    subset = job.get_subset(asset_selection=frozenset(), asset_check_selection=frozenset(keys))
    found = tokens.checks(subset.execute_in_process(instance=tokens.instance, raise_on_error=False))
    assert not found["files"][0]
    assert f"{path} does not have the contents" in found["files"][1]
    assert f"{SHARDS[1]}.idx is missing" in found["files"][1]
    assert f"web/{SHARDS[0]} has 12 documents in the token files, and 11 in the lake" in found["files"][1]
    assert not found["withdrawn"][0]
    assert "was withdrawn by url https://site1.example/0/1" in found["withdrawn"][1]

    # Made again, they are as they should be.
    for shard in SHARDS:
        result = tokens.run("web_tokens", shard=shard)
        assert result.success, failures(result)
    result = tokens.run("token_manifest")
    assert all(passed for passed, _ in tokens.checks(result).values()), tokens.checks(result)


def test_an_arm_of_a_proof_is_one_asset_after_its_arms(
    lake: Lake, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    refine(lake)
    proof = ProofAssetsSettings.model_validate(
        {
            "name": "trial",
            "corpora": ["sample"],
            "arms": [{"kind": "raw"}, {"kind": "rules", "name": "c4", "rules": ["c4"]}],
            "tokenizer": {"vocabulary": 600},
            "models": [{"kind": "ngram"}],
        }
    )
    source = {"kind": "arm", "proof": "trial", "arm": "c4"}
    tokens = Tokens(lake, tmp_path, instance, source=source)
    assert not tokens.run("arm_tokens").success
    resources = {"lake": LakeResource(url=lake.url), "proofs": ProofsResource(root=str(tmp_path / "proofs"))}
    arms = dg.Definitions.merge(proof_definitions(proof), dg.Definitions(resources=resources))
    job = arms.resolve_implicit_global_asset_job_def()
    assert job.execute_in_process(instance=instance, asset_selection=[proof.key("arms")]).success
    [spec] = [spec for spec in tokens.definitions.resolve_all_asset_specs() if spec.key.path[-1] == "arm_tokens"]
    assert [dep.asset_key for dep in spec.deps] == [proof.key("arms")]
    result = tokens.run("arm_tokens")
    assert result.success, failures(result)
    assert int(str(materialization(result, "files", "arm_tokens").metadata["documents"].value)) > 50
    result = tokens.run("token_manifest")
    assert result.success, failures(result)
    assert all(passed for passed, _ in tokens.checks(result).values()), tokens.checks(result)


def component(**attributes: Any) -> TokenAssetsSettings:
    required = {"name": "files", "source": {"kind": "table", "corpora": ["web"]}, "tokenizer": "t"}
    return TrainingTokens.from_attributes_dict(attributes={**required, **attributes}).settings


def test_only_what_changes_the_files_changes_the_code_version() -> None:
    settings = component()
    for same in (
        {"name": "others"},
        {"to": "elsewhere"},
        {"run_cards": [SMALL_CARD]},
        {"source": {"kind": "table", "corpora": ["web", "maths"]}},
        {"automation": "eager"},
        {"cpu_pool": "disk"},
    ):
        assert component(**same).code_version == settings.code_version, same
    for other in (
        {"sequence_length": 64},
        {"tokenizer": "u"},
        {"splits": {"validation": 0.1}},
        {"source": {"kind": "table", "corpora": ["web"], "table": "documents"}},
    ):
        assert component(**other).code_version != settings.code_version, other
    assert component(run_cards=[SMALL_CARD]).manifest_version != settings.manifest_version


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"colour": "green"}, "no setting colour; attributes knows .*run_cards"),
        ({"name": "Not A Name"}, "name"),
        ({"source": {"kind": "cloud"}}, "'arm', 'table'|'table', 'arm'"),
        ({"run_cards": [{"recipe": "gpt_9"}]}, "there is no 'gpt_9'; there are 1m"),
        ({"run_cards": [SMALL_CARD, SMALL_CARD]}, "run_cards: there are two called 1m"),
        ({"automation": "on_new_shards"}, "automation"),
    ],
)
def test_a_wrong_attribute_is_refused_with_a_message_that_names_it(attributes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        component(**attributes)


def test_automation_makes_shards_as_they_come_and_then_the_manifest(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    lake = lake_of(tmp_path, pages())
    tokens = Tokens(lake, tmp_path, instance, automation="eager")
    assert component(automation=False).automation == "off"
    text = dg.AssetSpec([CORPUS, "raw_shards"], partitions_def=dg.DynamicPartitionsDefinition(name=f"{CORPUS}_shards"))

    @dg.multi_asset(specs=[text])
    def raw() -> None: ...

    definitions = dg.Definitions.merge(tokens.definitions, dg.Definitions(assets=[raw]))

    def requested(cursor: Any) -> tuple[set[tuple[str, str | None]], Any]:
        result = dg.evaluate_automation_conditions(definitions, instance, cursor=cursor)
        found = {
            (key.path[-1], partition)
            for key in (tokens.settings.key("web_tokens"), tokens.settings.key("token_manifest"))
            for partition in result.get_requested_partitions(key)
        }
        return found, result.cursor

    asked, cursor = requested(None)
    assert asked == set()  # there is no text yet
    for shard in SHARDS:
        instance.report_runless_asset_event(dg.AssetMaterialization([CORPUS, "raw_shards"], partition=shard))
    asked, cursor = requested(cursor)
    assert asked == {("web_tokens", shard) for shard in SHARDS}
    for shard in SHARDS:
        assert tokens.run("web_tokens", shard=shard).success
    asked, cursor = requested(cursor)
    assert asked == {("token_manifest", None)}
    assert tokens.run("token_manifest").success
    assert requested(cursor)[0] == set()
