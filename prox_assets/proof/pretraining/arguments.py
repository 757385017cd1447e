"""The settings of a model in the words of transformers' Trainer."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prox_assets.proof.errors import ProofError
from prox_assets.proof.pretraining.models import multiplies_bfloat16
from prox_assets.proof.pretraining.recipes import LlamaModel
from prox_assets.proof.runs import ModelRun

if TYPE_CHECKING:
    from transformers import TrainingArguments

_LOG_STEPS = 10


def sequences_of_step(model: LlamaModel) -> int:
    """Return how many sequences all processes together read in a step."""
    return model.batch_tokens // model.context


def training_arguments(run: ModelRun, model: LlamaModel, folder: Path, steps: int) -> TrainingArguments:
    """Return what transformers is told, for each of the processes that a launcher started (WORLD_SIZE).

    Raises:
        ProofError: The sequences of a step cannot be divided among the processes.
    """
    import torch
    from transformers import TrainingArguments

    gpu = torch.cuda.is_available()
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    share, rest = divmod(sequences_of_step(model), processes)
    if rest or not share:
        raise ProofError(
            f"model {model.name}: {sequences_of_step(model)} sequences of a step cannot be divided among {processes} "
            "processes: choose another batch_tokens or number of processes"
        )
    micro = max(size for size in range(1, min(model.micro_batch, share) + 1) if share % size == 0)
    final = model.final_learning_rate / model.learning_rate
    schedules = {
        "cosine": ("cosine_with_min_lr", {"min_lr_rate": final}),
        "warmup_stable_decay": (
            "warmup_stable_decay",
            {
                "num_decay_steps": max(1, round(model.decay * steps / model.stop)),
                "decay_type": "linear",
                "min_lr_ratio": final,
            },
        ),
    }
    schedule, options = schedules[model.schedule]
    fsdp = model.distributed == "fsdp" and processes > 1
    return TrainingArguments(
        output_dir=str(folder),
        max_steps=steps,
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=share // micro,
        train_sampling_strategy="sequential",
        optim="adamw_torch_fused",
        learning_rate=model.learning_rate,
        adam_beta1=model.betas[0],
        adam_beta2=model.betas[1],
        weight_decay=model.weight_decay,
        max_grad_norm=model.clip,
        lr_scheduler_type=schedule,
        lr_scheduler_kwargs=options,
        warmup_steps=model.warmup_steps,
        bf16=model.dtype == "bfloat16" or (model.dtype == "auto" and multiplies_bfloat16()),
        use_cpu=not gpu,
        ddp_backend=None if gpu or processes == 1 else "gloo",
        fsdp=True if fsdp else None,  # pyright: ignore[reportArgumentType] - the string is the older form
        fsdp_config=_fsdp(model) if fsdp else None,
        logging_steps=_LOG_STEPS,
        logging_nan_inf_filter=False,
        save_strategy="steps",
        save_steps=model.checkpoint_steps,
        save_total_limit=2,
        seed=run.seed,
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_num_workers=0,
        log_level="error",
    )


def _fsdp(model: LlamaModel) -> dict[str, Any]:
    return {
        "version": 2,
        "reshard_after_forward": model.fsdp.reshard_after_forward,
        "activation_checkpointing": model.fsdp.activation_checkpointing,
        "cpu_offload": model.fsdp.cpu_offload,
    }
