"""The one way to get a refiner that is ready to write programs.

Belongs here: configuration, engine and model folder in, refiner out.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from prox_assets.engines.protocol import Engine
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.model.chunk_refiner import ModelChunkRefiner
from prox_assets.refiners.model.document_refiner import ModelDocumentRefiner
from prox_assets.refiners.model.tokenization import PromptTokenizer, load_tokenizer
from prox_assets.refiners.probe import probe
from prox_assets.refiners.prompts.makers import PromptStream
from prox_assets.refiners.protocol import ChunkRefiner, DocumentRefiner
from prox_assets.refiners.rules.refiners import RulesChunkRefiner, RulesDocumentRefiner

PromptSource = Callable[[RefinerConfig], PromptStream[Any] | None]
"""Given the configuration as it was probed, says where its prompts are made; None for this process."""


def _made_here(config: RefinerConfig) -> None:
    del config


def open_document_refiner(
    config: RefinerConfig,
    engine: Engine | None = None,
    model_path: Path | None = None,
    prompts: PromptSource = _made_here,
) -> DocumentRefiner:
    """Return the document refiner of a configuration, its prompt format probed unless the configuration says not to.

    Args:
        config: A configuration of level doc.
        engine: The engine that runs its model; not used for rules.
        model_path: Folder with the model's tokenizer; not used for rules.
        prompts: Where its prompts are made; not used for rules.

    Raises:
        RefinerError: Wrong level, or engine, model folder or tokenizer do not fit or are missing.
        ProbeError: The model does not answer in the prompt format, or in any.
        EngineError: The engine died.
    """
    _check_level(config, "doc")
    if not config.needs_engine:
        return RulesDocumentRefiner(config.rules)
    engine, tokenizer = _engine_and_tokenizer(config, engine, model_path)
    probed = _probed(config, engine, tokenizer)
    return ModelDocumentRefiner(probed, engine, tokenizer, prompts(probed))


def open_chunk_refiner(
    config: RefinerConfig,
    engine: Engine | None = None,
    model_path: Path | None = None,
    prompts: PromptSource = _made_here,
) -> ChunkRefiner:
    """Return the chunk refiner of a configuration; arguments and errors as `open_document_refiner`."""
    _check_level(config, "chunk")
    if not config.needs_engine:
        return RulesChunkRefiner(config.rules)
    engine, tokenizer = _engine_and_tokenizer(config, engine, model_path)
    probed = _probed(config, engine, tokenizer)
    return ModelChunkRefiner(probed, engine, tokenizer, prompts(probed))


def _probed(config: RefinerConfig, engine: Engine, tokenizer: PromptTokenizer) -> RefinerConfig:
    if not config.probe and config.prompt_format != "auto":
        return config
    return probe(config, engine, tokenizer).config


def _check_level(config: RefinerConfig, level: str) -> None:
    if config.level != level:
        raise RefinerError(f"{config.name} is a refiner of level {config.level}; one of level {level} is needed here.")


def _engine_and_tokenizer(
    config: RefinerConfig, engine: Engine | None, model_path: Path | None
) -> tuple[Engine, PromptTokenizer]:
    if engine is None or model_path is None:
        raise RefinerError(f"{config.name} asks a model: give the engine and the folder that find_model() returns.")
    return engine, load_tokenizer(model_path)
