"""A pretrained chat model, which can read; `conftest.py` makes its fixture known.

Tests that use it are skipped where it is missing; the message says how to get it.
"""

from pathlib import Path

import pytest

from prox_assets.refiners.adapter.bases import SMOLLM2, find_base
from prox_assets.refiners.adapter.merging import load_base
from prox_assets.refiners.errors import RefinerError


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
