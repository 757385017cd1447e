"""Opens refiners: configuration, engine and model folder in, a refiner ready to write programs out."""

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
from prox_assets.refiners.prompts.formats import Level
from prox_assets.refiners.prompts.makers import PromptStream
from prox_assets.refiners.protocol import ChunkRefiner, DocumentRefiner
from prox_assets.refiners.rules.refiner import RulesChunkRefiner, RulesDocumentRefiner
from prox_assets.refiners.trained import trained_chunks, trained_documents

PromptSource = Callable[[RefinerConfig], PromptStream[Any] | None]
"""Given the probed configuration, returns the stream that builds its prompts; None to build them in this process."""


def open_document_refiner(
    config: RefinerConfig,
    engine: Engine | None = None,
    model_path: Path | None = None,
    prompts: PromptSource = lambda _: None,
) -> DocumentRefiner:
    """Return the document refiner of a configuration, after probing its prompt format unless probing is turned off.

    Args:
        config: A configuration of level doc.
        engine: The engine that runs its model; only models use it.
        model_path: Folder with the model's tokenizer, or of a classifier or selector.
        prompts: Chooses where prompts are built; only models use it.

    Raises:
        RefinerError: The level is wrong, or engine, model folder or tokenizer are missing or do not fit.
        ProbeError: The model answers properly in none of the prompt formats tried.
        EngineError: The engine died.
    """
    _check_level(config, "doc")
    if config.kind == "rules":
        return RulesDocumentRefiner(config.rules)
    if config.kind == "classifier":
        # Here rather than above: scipy and LightGBM would cost every Dagster process that only reads definitions.
        from prox_assets.refiners.classifier.open import open_document_classifier

        return trained_documents(config, open_document_classifier(_folder(config, model_path)))
    if config.kind == "selector" and config.selector_threshold is not None:
        from prox_assets.refiners.selector.open import open_selector
        from prox_assets.refiners.selector.refiner import SelectorDocumentRefiner

        return SelectorDocumentRefiner(open_selector(_folder(config, model_path)), config.selector_threshold)
    probed, engine, tokenizer = _probed(config, engine, model_path)
    return trained_documents(config, ModelDocumentRefiner(probed, engine, tokenizer, prompts(probed)))


def open_chunk_refiner(
    config: RefinerConfig,
    engine: Engine | None = None,
    model_path: Path | None = None,
    prompts: PromptSource = lambda _: None,
) -> ChunkRefiner:
    """Return the chunk refiner of a configuration; arguments and errors as `open_document_refiner`."""
    _check_level(config, "chunk")
    if config.kind == "rules":
        return RulesChunkRefiner(config.rules)
    if config.kind == "classifier":
        from prox_assets.refiners.classifier.open import open_chunk_classifier

        return trained_chunks(config, open_chunk_classifier(_folder(config, model_path), config.trained_scripts))
    probed, engine, tokenizer = _probed(config, engine, model_path)
    return trained_chunks(config, ModelChunkRefiner(probed, engine, tokenizer, prompts(probed)))


def _folder(config: RefinerConfig, model_path: Path | None) -> Path:
    if model_path is None:
        raise RefinerError(f"{config.name} is of kind {config.kind}: give the folder that refiner_files() returns.")
    return model_path


def _check_level(config: RefinerConfig, level: Level) -> None:
    if config.level != level:
        raise RefinerError(f"{config.name} is a refiner of level {config.level}; one of level {level} is needed here.")


def _probed(
    config: RefinerConfig, engine: Engine | None, model_path: Path | None
) -> tuple[RefinerConfig, Engine, PromptTokenizer]:
    if engine is None or model_path is None:
        raise RefinerError(f"{config.name} asks a model: give the engine and the folder that find_model() returns.")
    tokenizer = load_tokenizer(model_path)
    if config.probe or config.prompt_format == "auto":
        config = probe(config, engine, tokenizer).config
    return config, engine, tokenizer
