"""The model that an adapter makes with its base gives the same labels on vLLM as on transformers."""

from pathlib import Path

import pytest

from prox_assets.engines.config import EngineConfig, TransformersEngineConfig, VllmEngineConfig
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.protocol import RefinerInput
from prox_assets.refiners.session import RefinerSession
from prox_assets.training.fit.adapter import new_adapter
from prox_assets_tests.tiny_adapters import LABELS, random_adapter, save_adapter, tiny_recipe

TEXTS = [
    "Home | About | Contact\n\nThe lake froze.\nIt thawed.",
    "\n".join(f"A careful gardener repairs gate number {number}." for number in range(60)),
]
VLLM = VllmEngineConfig(enforce_eager=True, core_process="child")


def keep_probabilities(folder: Path, dtype: str, engine: EngineConfig) -> list[float]:
    config = RefinerConfig.model_validate(
        {
            "name": "adapted",
            "level": "chunk",
            "model": str(folder),
            "dialect": "line-labels",
            "line_labels": LABELS,
            "window": 512,
            "dtype": dtype,
            "probe": False,
        }
    )
    with RefinerSession(config, "chunk", engine) as session:
        documents = [RefinerInput(str(number), text) for number, text in enumerate(TEXTS)]
        results = sorted(session.chunk_refiner().write_programs(documents), key=lambda result: result.doc_id)
    assert [result.error for result in results] == [None, None]
    return [keep for result in results for row in result.rows for keep in row.line_keep_probabilities or ()]


@pytest.mark.vllm
def test_vllm_and_transformers_give_the_same_labels(tiny_base, tmp_path):
    folder = save_adapter(random_adapter(), tmp_path / "model")
    found, expected = (
        keep_probabilities(folder, "float32", engine) for engine in (VLLM, TransformersEngineConfig(device="cpu"))
    )
    assert len(found) == 64
    assert found == pytest.approx(expected, abs=1e-3)
    assert max(found) - min(found) > 0.2


@pytest.mark.vllm
def test_labels_are_found_where_every_token_is_as_likely(tiny_base, tmp_path):
    """No server lists them among its twenty most likely tokens then, so they are asked for one by one."""
    folder = save_adapter(new_adapter(tiny_recipe(), LABELS), tmp_path / "model")
    assert keep_probabilities(folder, "bfloat16", VLLM) == pytest.approx([0.5] * 64, abs=1e-3)
