"""Models that can read: a pretrained chat model, and refiners that were fine-tuned from it to write programs.

`conftest.py` makes the fixtures known. Tests that use them are skipped where the base model is missing; the message
says how to get it.
"""

from pathlib import Path

import pytest

from prox_assets.refiners.adapter.bases import SMOLLM2, SOURCES, Source, find_base
from prox_assets.refiners.adapter.merging import load_base
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.folder import load_refiner
from prox_assets.refiners.model.find import find_model

READERS = Path(__file__).parent / "readers"


@pytest.fixture(scope="session")
def instruct_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SmolLM2-135M-Instruct with its tokenizer and chat template, as a model folder in bfloat16."""
    import torch
    from transformers import AutoTokenizer

    try:
        base = find_base(SMOLLM2)
    except RefinerError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("instruct") / "model"
    model = load_base(base).to(torch.bfloat16)
    model.config.update({"dtype": "bfloat16"})
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(base.folder, **base.arguments()).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def chunk_reader(instruct_model: Path) -> RefinerConfig:
    """A chunk refiner that writes programs and was trained on prompts of the plain format."""
    return _merged(READERS / "chunk", instruct_model)


@pytest.fixture(scope="session")
def doc_reader(instruct_model: Path) -> RefinerConfig:
    """A document refiner that writes programs and was trained on prompts of the chat format."""
    return _merged(READERS / "doc", instruct_model)


def _merged(adapter: Path, base: Path) -> RefinerConfig:
    """Return a refiner whose model is an adapter joined with a base that need not be read from its GGUF file again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SOURCES, SMOLLM2, Source("no_such_package", "none", "none", str(base)))
        model = find_model(str(adapter)).path
    return load_refiner(str(adapter)).model_copy(update={"model": str(model)})
