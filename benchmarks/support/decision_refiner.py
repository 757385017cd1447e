"""A small document refiner that writes real programs: `keep_doc()` or `drop_doc()`, then an end token.

It is trained on the spot with the project's own training code. Its decisions do not matter as long as both answers
occur. That it stops after an answer does matter: a model that rambles would make full generation look bad.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.support.llama_shapes import LlamaShape, make_llama
from prox_assets.refiners.config import DOC_MAX_PROMPT_TOKENS, RefinerConfig
from prox_assets.training.data.page_annotations import KEEP_FROM
from prox_assets.training.data.pages import LabelledPage
from prox_assets.training.data.targets.documents import document_target
from prox_assets.training.fit.program_training import prepare_programs
from prox_assets.training.fit.recipe import TrainingRecipe
from prox_assets.training.fit.trainer import train

# max_tokens of the released document stage (data_gen/tasks/apply_doc_refining.py).
REFERENCE_MAX_TOKENS = 2000
SHAPE = LlamaShape(
    vocabulary=512,
    hidden=64,
    intermediate=128,
    layers=2,
    heads=2,
    kv_heads=2,
    window=DOC_MAX_PROMPT_TOKENS + REFERENCE_MAX_TOKENS,
    prompt_tokens=DOC_MAX_PROMPT_TOKENS,
    dtype="float32",
)


def make_decision_refiner(folder: Path, pages: Sequence[LabelledPage], steps: int) -> tuple[RefinerConfig, float]:
    """Train a document refiner of the `prox` dialect on labelled pages.

    Args:
        folder: Output folder; created if missing.
        pages: Training pages; those of unknown type are skipped.
        steps: Optimiser steps of eight pages each.

    Returns:
        The refiner, in the project's scored mode, and the last mean loss in nats per answer token.
    """
    base = make_llama(folder / "base", SHAPE, [page.text_full for page in pages])
    config = RefinerConfig(
        name="decisions",
        level="doc",
        model=str(base),
        prompt_format="plain",
        probe=False,
        window=SHAPE.window,
    )
    targets = ((page, document_target(page)) for page in pages)
    rows: list[dict[str, Any]] = [
        {"text": page.text_full, "keep_target": target} for page, target in targets if target is not None
    ]
    # Balance the answers: with one in seven dropped, it learned to score "drop" higher, then wrote "doc()".
    dropped = [row for row in rows if row["keep_target"] < KEEP_FROM]
    kept = [row for row in rows if row["keep_target"] >= KEEP_FROM]
    rows = [*kept, *dropped * max(1, len(kept) // max(1, len(dropped)))]
    recipe = TrainingRecipe(
        steps=steps,
        batch_size=8,
        micro_batch_size=8,
        learning_rate=3e-3,
        final_learning_rate=3e-4,
        warmup_steps=10,
        bf16=False,
        checkpoint_steps=steps,
        keep_checkpoints=1,
    )
    setup = prepare_programs(config, recipe, base, rows, 0, folder / "training")
    run = train(setup, recipe, folder / "training")
    model = run.checkpoints[max(run.checkpoints)]
    return config.model_copy(update={"model": str(model)}), run.losses[-1][1] if run.losses else float("nan")


def as_released(config: RefinerConfig) -> RefinerConfig:
    """Return the refiner in the released code's mode: generate the program greedily, up to 2,000 tokens."""
    return config.model_copy(update={"decoding": "complete", "max_new_tokens": REFERENCE_MAX_TOKENS})
