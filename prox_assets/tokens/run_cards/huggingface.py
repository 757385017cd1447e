"""A run card for transformers' Trainer: arguments as YAML, and a script that loads the packed Parquet and trains."""

from collections.abc import Callable
from typing import Any

import yaml

from prox_assets.tokens.manifest import TokenManifest
from prox_assets.tokens.run_cards.bases import NORM_EPSILON
from prox_assets.tokens.run_cards.card import RunCard
from prox_assets.tokens.run_cards.data import files_of
from prox_assets.tokens.run_cards.templating import rendered

FORMAT = "parquet_packed"


def trainer_files(card: RunCard, manifest: TokenManifest, uri: Callable[[str], str]) -> dict[str, str]:
    """Return the texts of trainer.yaml and trainer.py."""
    splits = {"train": "train", **({"validation": card.validation} if card.validation else {})}
    files = {
        name: [path for shard in files_of(manifest, split, FORMAT, uri) for path in shard.paths]
        for name, split in splits.items()
    }
    settings = {
        "data": {name: paths for name, paths in files.items() if paths},
        "schedule_steps": card.schedule_steps,
        "model": _model(card),
        "arguments": _arguments(card, validates=bool(files.get("validation"))),
    }
    return {
        "trainer.yaml": yaml.safe_dump(settings, sort_keys=False, width=120),
        "trainer.py": rendered("trainer.py.jinja", card=card),
    }


def _model(card: RunCard) -> dict[str, Any]:
    if card.base is not None:
        return {"base": card.base, "rope_base": card.model.rope_base}
    shape = card.shape
    return {
        "vocab_size": shape.vocabulary,
        "hidden_size": shape.layers.hidden,
        "intermediate_size": shape.layers.intermediate,
        "num_hidden_layers": shape.layers.layers,
        "num_attention_heads": shape.layers.heads,
        "num_key_value_heads": shape.key_value_heads,
        "max_position_embeddings": card.model.context,
        "rope_parameters": {"rope_type": "default", "rope_theta": shape.layers.rope_base},
        "rms_norm_eps": NORM_EPSILON,
        "initializer_range": shape.layers.initial_spread,
        "tie_word_embeddings": shape.layers.tied,
        "bos_token_id": card.beginning_of_text_id,
        "eos_token_id": card.end_of_text_id,
    }


def _arguments(card: RunCard, *, validates: bool) -> dict[str, Any]:
    """Return fields of TrainingArguments, but for what depends on the machine."""
    model = card.model
    final = card.final_share
    schedule: dict[str, Any] = (
        {"lr_scheduler_type": "cosine_with_min_lr", "lr_scheduler_kwargs": {"min_lr_rate": final}}
        if model.schedule == "cosine"
        else {
            "lr_scheduler_type": "warmup_stable_decay",
            "lr_scheduler_kwargs": {
                "num_decay_steps": card.decay_steps,
                "decay_type": "linear",
                "min_lr_ratio": final,
            },
        }
    )
    arguments: dict[str, Any] = {
        "output_dir": f"{card.name}_model",
        "max_steps": card.steps,
        "per_device_train_batch_size": card.micro_batch,
        "gradient_accumulation_steps": card.accumulation,
        "dataloader_drop_last": True,
        "optim": "adamw_torch_fused",
        "learning_rate": model.learning_rate,
        "adam_beta1": model.betas[0],
        "adam_beta2": model.betas[1],
        "weight_decay": model.weight_decay,
        "max_grad_norm": model.clip,
        **schedule,
        "warmup_steps": model.warmup_steps,
        "bf16": model.dtype != "float32",
        "logging_steps": 10,
        "save_strategy": "steps",
        "save_steps": card.save_steps,
        "seed": 0,
        "report_to": [],
    }
    if validates:
        arguments |= {
            "eval_strategy": "steps",
            "eval_steps": card.save_steps,
            "per_device_eval_batch_size": card.micro_batch,
        }
    if model.distributed == "fsdp" and card.devices > 1:
        arguments |= {"fsdp": True, "fsdp_config": {"version": 2, **model.fsdp.model_dump()}}
    return arguments
