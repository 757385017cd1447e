"""`placement:` in a defs.yaml: what it changes about a corpus, and what is refused."""

from typing import Any

import pytest
from pydantic import ValidationError

from prox_assets.orchestration.settings.corpus import CorpusSettings
from prox_assets.stages.settings import described

RAY = {"kind": "ray"}
VLLM = {"kind": "vllm", "tensor_parallel_size": 2}


def settings(**attributes: Any) -> CorpusSettings:
    return CorpusSettings.model_validate({"corpus": "town", "urls": ["x"], **attributes})


def test_a_step_that_only_waits_for_a_cluster_takes_no_pool_and_no_accelerator_unless_told_to() -> None:
    here = settings()
    assert (here.pool_of_inference, here.pool_at(here.placement.raw_shards)) == ("cpu", "cpu")
    placed = settings(refiners="prox-web", engine=VLLM, placement={"programs": RAY, "raw_shards": RAY})
    assert placed.pool_of_inference is None
    assert placed.tags_of_inference == {"prox/accelerator": "none"}
    assert placed.pool_at(placed.placement.raw_shards) is None
    assert placed.pool_at(placed.placement.refinement) == "cpu"
    told = settings(placement={"programs": RAY, "raw_shards": RAY}, inference_pool="waiting", cpu_pool="few")
    assert (told.pool_of_inference, told.pool_at(told.placement.raw_shards)) == ("waiting", "few")


@pytest.mark.parametrize(
    ("attributes", "gpus"),
    [
        ({"refiners": "prox-web", "engine": VLLM}, 2),
        ({"refiners": "prox-web", "engine": {"kind": "transformers"}}, 1),
        ({"refiners": "prox-web", "engine": {"kind": "transformers", "device": "cpu"}}, 0),
        ({"refiners": "prox-web", "engine": {"kind": "server", "base_url": "http://127.0.0.1:1"}}, 0),
        ({"refiners": "rules", "engine": VLLM}, 0),
    ],
)
def test_a_job_asks_for_the_gpus_that_its_engine_uses(attributes: dict[str, Any], gpus: int) -> None:
    assert settings(**attributes).gpus_of_a_job() == gpus


@pytest.mark.parametrize(
    ("placement", "said"),
    [
        (
            {"programs": {"kind": "moon"}},
            "does not match any of the expected tags: 'local', 'ray', 'slurm', 'kubernetes'",
        ),
        ({"programs": {"kind": "ray", "gpu": 1}}, "gpu: Extra inputs"),
        ({"inference": RAY}, "placement.inference: Extra inputs"),
        ({"programs": {"kind": "kubernetes"}}, "image: Field required"),
        ({"programs": {"kind": "slurm", "memory": "64GB"}}, "memory: String should match"),
    ],
)
def test_a_wrong_placement_says_what_may_stand_there(placement: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as error:
        settings(placement=placement)
    assert said in described(error.value)
