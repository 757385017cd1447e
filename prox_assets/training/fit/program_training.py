"""Prepares the fine-tuning of a base model on prompts and programs; trainer.py does the run itself."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.model.tokenization import load_tokenizer
from prox_assets.training.data.program_examples import collate, program_examples
from prox_assets.training.fit.trainer import TrainingSetup


def prepare_programs(config: RefinerConfig, base: Path, rows: Sequence[Mapping[str, Any]], seed: int) -> TrainingSetup:
    """Return the base model with its tokenizer and examples; arguments as in `program_examples`.

    Raises:
        RefinerError: No example fits, or the prompt format is still "auto".
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    examples = program_examples(config, load_tokenizer(base), rows, seed)
    if not examples:
        raise RefinerError(f"No example of level {config.level} fits window {config.window} and its answer.")
    return TrainingSetup(
        model=AutoModelForCausalLM.from_pretrained(
            base, dtype="float32", use_safetensors=True, trust_remote_code=False
        ),
        tokenizer=AutoTokenizer.from_pretrained(base, trust_remote_code=False),
        dataset=examples,  # pyright: ignore[reportArgumentType] - a list is a dataset
        collate=partial(collate, 0),
        scored=False,
    )
