"""Runs a training with Hugging Face's Trainer, writes checkpoints, and resumes where a killed run stopped.

scored_batches.py and data/program_examples.py supply the batches; evaluation/selection.py picks the best checkpoint.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from prox_assets.compute.parameters import Parameters, count_parameters
from prox_assets.lake.records.compute import Attempt
from prox_assets.training.fit.adapter import Adapter
from prox_assets.training.fit.checkpoints import checkpoints_in, history_of, losses_of, remove_torn_checkpoints
from prox_assets.training.fit.program_loss import program_loss
from prox_assets.training.fit.recipe import AdapterRecipe, TrainingRecipe
from prox_assets.training.fit.scored_loss import scored_loss

if TYPE_CHECKING:
    import torch
    from torch.utils.data import Dataset
    from transformers import PreTrainedModel

LOG_STEPS = 20


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """The results of a training run.

    Attributes:
        checkpoints: Model folders by step, in order.
        losses: (step, mean loss since the previous entry), in nats per decision or token.
        steps: Total number of optimiser steps.
        resumed_from: Step of the checkpoint that this run resumed from; None if it started from the beginning.
    """

    checkpoints: dict[int, Path]
    losses: list[tuple[int, float]]
    steps: int
    resumed_from: int | None


Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class TrainingSetup:
    """A model to train, and its data.

    Attributes:
        model: The model; a checkpoint, if found, replaces its weights.
        tokenizer: A tokenizer of transformers, saved with every checkpoint so that engines can load each one.
        dataset: Batches if `scored`, else single examples.
        collate: Turns items of the dataset into a batch.
        scored: Whether batches hold positions with soft targets (scored_batches.py) instead of labels.
        adapter: What is trained of the model, where that is an adapter; checkpoints then hold nothing else.
    """

    model: PreTrainedModel
    tokenizer: Any
    dataset: Dataset[Any]
    collate: Callable[[Sequence[Any]], dict[str, torch.Tensor]]
    scored: bool
    adapter: Adapter | None = None


def train(
    setup: TrainingSetup,
    recipe: TrainingRecipe,
    folder: Path,
    progress: Progress | None = None,
    account: Attempt | None = None,
) -> TrainingRun:
    """Train a model, starting from the newest complete checkpoint in the folder if there is one.

    The examples of a step depend only on its number, so a resumed run sees the same examples as an uninterrupted one.
    `progress` is called with (step, steps) after each step; `account` learns what this run costs, padding included.
    """
    import torch
    from transformers import Trainer, TrainerCallback, TrainingArguments

    if recipe.threads is not None:
        torch.set_num_threads(recipe.threads)
    whole = remove_torn_checkpoints(folder)
    newest = max(whole, default=None)
    steps = _steps(setup, recipe)
    if newest is not None and newest >= steps:
        # Resuming a finished run would repeat its last epoch.
        return TrainingRun(whole, losses_of(history_of(whole[newest])), newest, newest)

    class Steps(TrainerCallback):
        """Reports steps to the caller."""

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ANN401
            if progress is not None:
                progress(state.global_step, state.max_steps)

    class AnswerTrainer(Trainer):
        """A Trainer that computes logits only where answers are."""

        def compute_loss(
            self,
            model: Any,  # noqa: ANN401
            inputs: Any,  # noqa: ANN401
            return_outputs: bool = False,
            num_items_in_batch: Any = None,  # noqa: ANN401
        ) -> Any:  # noqa: ANN401
            if account is not None:
                account.training_tokens += inputs["input_ids"].numel()
            plain = self.accelerator.unwrap_model(model)
            with self.accelerator.autocast():
                return scored_loss(plain, inputs) if setup.scored else program_loss(plain, inputs, num_items_in_batch)

    micro = 1 if setup.scored else min(recipe.micro_batch_size, recipe.batch_size)
    arguments = TrainingArguments(
        output_dir=str(folder),
        max_steps=recipe.steps if recipe.steps is not None else -1,
        num_train_epochs=recipe.epochs,
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=1 if setup.scored else math.ceil(recipe.batch_size / micro),
        max_grad_norm=1.0,
        bf16=recipe.bf16,
        use_cpu=not torch.cuda.is_available(),
        logging_steps=LOG_STEPS,
        save_strategy="steps",
        save_steps=recipe.checkpoint_steps,
        save_total_limit=recipe.keep_checkpoints,
        seed=recipe.seed,
        data_seed=recipe.seed,
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_num_workers=0,
        log_level="error",
    )
    optimizer = _optimizer(setup.model, recipe)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps, recipe))
    trainer = AnswerTrainer(
        model=setup.model,
        args=arguments,
        train_dataset=setup.dataset,
        processing_class=setup.tokenizer,
        data_collator=setup.collate,  # pyright: ignore[reportArgumentType] - any callable on a list of examples will do
        optimizers=(optimizer, scheduler),
        callbacks=[Steps()],
    )
    if account is not None:
        account.parameters, account.trained_parameters = _sizes(setup.model)
    started = time.monotonic()
    try:
        trainer.train(resume_from_checkpoint=str(whole[newest]) if newest is not None else None)
    finally:
        if account is not None:
            account.engine_seconds = time.monotonic() - started
    return TrainingRun(checkpoints_in(folder), losses_of(trainer.state.log_history), trainer.state.global_step, newest)


def _sizes(model: PreTrainedModel) -> tuple[Parameters, int | None]:
    """Return a model's size, and how many of its parameters without embeddings are trained if that is not all."""
    size = count_parameters((name, each.numel()) for name, each in model.named_parameters())
    trained = count_parameters((name, each.numel()) for name, each in model.named_parameters() if each.requires_grad)
    return size, None if trained == size else trained.without_embeddings


def _steps(setup: TrainingSetup, recipe: TrainingRecipe) -> int:
    if recipe.steps is not None:
        return recipe.steps
    size: int = len(setup.dataset)  # pyright: ignore[reportArgumentType] - sized, which Dataset does not say
    return max(1, math.ceil(size / (1 if setup.scored else recipe.batch_size) * recipe.epochs))


def _optimizer(model: PreTrainedModel, recipe: TrainingRecipe) -> torch.optim.Optimizer:
    import torch

    adapter = recipe.adapter or AdapterRecipe()
    rates = {
        parameter: rate
        for part, rate in (
            (model.get_input_embeddings(), adapter.token_learning_rate),
            (cast("torch.nn.Module", model.get_output_embeddings()), adapter.head_learning_rate),
        )
        for parameter in part.parameters()
        if rate is not None
    }
    groups: dict[float, list[torch.nn.Parameter]] = {}
    for parameter in model.parameters():
        if parameter.requires_grad:
            groups.setdefault(rates.get(parameter, recipe.learning_rate), []).append(parameter)
    options = [{"params": parameters, "lr": rate} for rate, parameters in groups.items()]
    return torch.optim.AdamW(options, weight_decay=recipe.weight_decay)


def _rate(step: int, steps: int, recipe: TrainingRecipe) -> float:
    """Return the learning rates of a step as a share of their peaks."""
    warmup = min(1.0, (step + 1) / (recipe.warmup_steps + 1))
    final = recipe.final_learning_rate / recipe.learning_rate
    done = min(1.0, step / max(1, steps))
    return warmup * (final + (1 - final) * 0.5 * (1 + math.cos(math.pi * done)))
