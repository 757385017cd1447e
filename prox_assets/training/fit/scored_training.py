"""Prepares training for refiners with scored answers: tokenizer, model and batches for the line-labels dialect."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from prox_assets.refiners.adapter.format import is_adapter
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.line_labels.prompts import LineLabelsDocumentPrompts, LineLabelsPlanner
from prox_assets.refiners.model.tokenization import PromptTokenizer, load_tokenizer
from prox_assets.refiners.spans.candidates import Candidate
from prox_assets.refiners.spans.patterns import NoiseKind
from prox_assets.refiners.spans.prompts import InlinePromptBuilder
from prox_assets.training.data.page_annotations import CLEAN, TEXT_SEPARATOR
from prox_assets.training.data.pages import REGIMES
from prox_assets.training.data.vocabulary import special_tokens, train_tokenizer
from prox_assets.training.fit.adapter import ADAPTER_LABELS, new_adapter, trained_adapter
from prox_assets.training.fit.initial_model import make_model
from prox_assets.training.fit.recipe import TrainingRecipe
from prox_assets.training.fit.scored_batches import LinePrompts, PromptSampler, ScoredBatches, single_prompts
from prox_assets.training.fit.trainer import TrainingSetup

# How often each text of a page is drawn, relative to its full text. Extracted text has little left to remove, and clean
# text has nothing: they teach the model to leave such texts alone.
TEXT_WEIGHTS = {"text_full": 1.0, "text_main": 0.4, "gold": 0.15}
# Pages without gold text have half weight: programs labelled them, 38 % of their lines have no label, and some others
# have a wrong one.
SILVER_WEIGHT = 0.5
# Share of steps spent on spans inside lines. Their prompts have 50 tokens, so a few steps see many of them.
SPAN_SHARE = 0.12
Row = Mapping[str, Any]


def prepare_scored(
    config: RefinerConfig,
    recipe: TrainingRecipe,
    base: Path | None,
    rows: Sequence[Row],
    span_rows: Sequence[Row],
    folder: Path,
) -> TrainingSetup:
    """Return the model, batches and tokenizer of a run for a refiner of dialect line-labels.

    Args:
        config: The refiner.
        recipe: The hyperparameters; `steps` must be set.
        base: Model to start from; None creates a model of `recipe.shape`.
        rows: Training examples of the level.
        span_rows: Rows of SPAN_EXAMPLES, for chunk refiners with inline settings.
        folder: Keeps a newly trained tokenizer, so that a resumed run uses the same one.

    Raises:
        RefinerError: Steps are not set, there is neither base nor shape, or the tokenizer of the base lacks a token.
    """
    if recipe.steps is None:
        raise RefinerError("Scored answers are trained on windows drawn at random, so the recipe must set steps.")
    if recipe.adapter is not None or (base is not None and is_adapter(base)):
        return _prepare_adapter(config, recipe, base, rows, span_rows, folder)
    from transformers import AutoModelForCausalLM, AutoTokenizer

    place = base if base is not None else folder / "tokenizer"
    if base is None and not (place / "tokenizer.json").is_file():
        if recipe.shape is None:
            raise RefinerError("The recipe has neither a base nor a shape.")
        texts = (row["text"] for row in rows)
        tokens = special_tokens(config.line_labels)
        train_tokenizer(texts, recipe.shape.vocabulary, tokens, config.window).save_pretrained(place)
    prompt_tokenizer = load_tokenizer(place)
    tokenizer: Any = AutoTokenizer.from_pretrained(place, trust_remote_code=False)
    if base is None and recipe.shape is not None:
        model = make_model(recipe.shape, tokenizer, config.window, recipe.seed)
    else:
        model = AutoModelForCausalLM.from_pretrained(
            place, dtype="float32", use_safetensors=True, trust_remote_code=False
        )
    sources, labels = _sources(config, prompt_tokenizer, rows, span_rows)
    return _setup(model, tokenizer, recipe, sources, labels)


def _prepare_adapter(
    config: RefinerConfig,
    recipe: TrainingRecipe,
    base: Path | None,
    rows: Sequence[Row],
    span_rows: Sequence[Row],
    folder: Path,
) -> TrainingSetup:
    adapter = new_adapter(recipe, config.line_labels) if base is None else trained_adapter(base, bf16=recipe.bf16)
    adapter.tokenizer.save_pretrained(folder / "tokenizer")
    sources, _ = _sources(config, load_tokenizer(folder / "tokenizer"), rows, span_rows)
    setup = _setup(adapter.model, adapter.tokenizer, recipe, sources, ADAPTER_LABELS)
    return replace(setup, adapter=adapter)


def _setup(
    model: Any,  # noqa: ANN401 (a model of transformers)
    tokenizer: Any,  # noqa: ANN401
    recipe: TrainingRecipe,
    sources: list[tuple[PromptSampler, float]],
    labels: tuple[int, int],
) -> TrainingSetup:
    batches = ScoredBatches(
        sources=sources,
        steps=recipe.steps or 0,
        batch_tokens=recipe.batch_tokens,
        seed=recipe.seed,
        token_noise=recipe.token_noise,
        special_tokens=frozenset(tokenizer.added_tokens_decoder),
        vocabulary=len(tokenizer),
        labels=labels,
    )
    return TrainingSetup(
        model=model,
        tokenizer=tokenizer,
        dataset=batches,  # pyright: ignore[reportArgumentType] - has all that a DataLoader needs
        collate=batches.collate,
        scored=True,
    )


def _sources(
    config: RefinerConfig, tokenizer: PromptTokenizer, rows: Sequence[Row], span_rows: Sequence[Row]
) -> tuple[list[tuple[PromptSampler, float]], tuple[int, int]]:
    settings = config.line_labels
    if config.level == "doc":
        documents = LineLabelsDocumentPrompts(tokenizer, settings, config.prompt_budget)
        prompts = [prompt.token_ids for prompt in documents.build([row["text"] for row in rows])]
        targets = [row["keep_target"] for row in rows]
        return [(single_prompts(prompts, targets, row_weights(rows)), 1.0)], documents.candidates
    planner = LineLabelsPlanner(tokenizer, settings, config.prompt_budget)
    rows = _whole_documents(rows)
    lines = LinePrompts(planner, rows, row_weights(rows))
    if settings.inline is None or not span_rows:
        return [(lines, 1.0)], planner.candidates
    builder = InlinePromptBuilder(tokenizer, settings, config.prompt_budget)
    prompts = builder.prompts(
        [
            (row["line"], Candidate(row["start"], row["end"], NoiseKind(row["kind"]), row["replacement"]))
            for row in span_rows
        ]
    )
    spans = single_prompts(prompts, [1.0 - row["remove_target"] for row in span_rows], [1.0] * len(prompts))
    return [(lines, 1.0 - SPAN_SHARE), (spans, SPAN_SHARE)], planner.candidates


def _whole_documents(rows: Sequence[Row]) -> Sequence[Row]:
    """Join consecutive chunks of each document, because the end of a chunk is not the end of its document."""
    joined: list[dict[str, Any]] = []
    for row in rows:
        before = joined[-1] if joined else None
        if before is None or row["doc_id"] != before["doc_id"] or row["line_start"] != before["line_end"] + 1:
            joined.append(dict(row))
            continue
        before["text"] += f"\n{row['text']}"
        before["line_end"] = row["line_end"]
        for name in ("line_targets", "line_weights", "distilled_targets", "distilled_weights"):
            before[name] = (before[name] or []) + (row[name] or [])
    return joined


def row_weights(rows: Sequence[Row]) -> list[float]:
    """Return how often each row is drawn, which depends on the kind of text and on who labelled its page.

    A page whose gold text is not among the rows is a silver page. Synthetic documents, and documents that a language
    model annotated, are not texts of pages and have full weight.
    """
    names = [row["doc_id"].rpartition(TEXT_SEPARATOR)[::2] for row in rows]
    with_gold = {page for page, text in names if text == CLEAN}
    return [
        TEXT_WEIGHTS.get(text, 1.0) * (SILVER_WEIGHT if text in REGIMES and page not in with_gold else 1.0)
        for page, text in names
    ]
