"""Prepares the fine-tuning of a model, or of an adapter, on prompts and programs; trainer.py does the run itself."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from prox_assets.refiners.adapter.format import is_adapter
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.model.tokenization import load_tokenizer
from prox_assets.training.data.program_examples import collate, program_examples
from prox_assets.training.fit.adapter import Adapter, new_adapter, trained_adapter
from prox_assets.training.fit.recipe import TrainingRecipe
from prox_assets.training.fit.trainer import TrainingSetup


def prepare_programs(
    config: RefinerConfig,
    recipe: TrainingRecipe,
    base: Path | None,
    rows: Sequence[Mapping[str, Any]],
    seed: int,
    folder: Path,
) -> TrainingSetup:
    """Return the model or adapter with its tokenizer and examples; the other arguments as in `program_examples`.

    Args:
        config: The refiner.
        recipe: The hyperparameters; `adapter` says which adapter to train where there is no base.
        base: The model to train, all of it, or the folder of an adapter to train further.
        rows: Training examples of the level.
        seed: Seed of the examples.
        folder: Gets the tokenizer of an adapter.

    Raises:
        RefinerError: No example fits, the prompt format is still "auto", or the adapter scores lines.
    """
    adapter: Adapter | None = None
    if base is None or is_adapter(base):
        adapter = _adapter(recipe, base)
        place = folder / "tokenizer"
        adapter.tokenizer.save_pretrained(place)
        model, tokenizer = adapter.model, adapter.tokenizer
    else:
        place = base
        model, tokenizer = _whole_model(base)
    examples = program_examples(config, load_tokenizer(place), rows, seed)
    if not examples:
        raise RefinerError(f"No example of level {config.level} fits window {config.window} and its answer.")
    return TrainingSetup(
        model=model,
        tokenizer=tokenizer,
        dataset=examples,  # pyright: ignore[reportArgumentType] - a list is a dataset
        collate=partial(collate, 0),
        scored=False,
        adapter=adapter,
    )


def _adapter(recipe: TrainingRecipe, base: Path | None) -> Adapter:
    if base is None:
        return new_adapter(recipe, None)
    adapter = trained_adapter(base, bf16=recipe.bf16)
    if adapter.settings.labels is not None:
        raise RefinerError(f"The adapter in {base} scores lines: a refiner that writes programs cannot start from it.")
    return adapter


def _whole_model(folder: Path) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(folder, dtype="float32", use_safetensors=True, trust_remote_code=False)
    return model, AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
