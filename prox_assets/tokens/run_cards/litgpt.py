"""A run card for litgpt: its YAML, and a data module for the packed files, which litgpt itself no longer reads."""

import json
from collections.abc import Callable
from typing import Any

import yaml

from prox_assets.tokens.manifest import TokenManifest
from prox_assets.tokens.run_cards.bases import NORM_EPSILON
from prox_assets.tokens.run_cards.card import RunCard
from prox_assets.tokens.run_cards.data import files_of
from prox_assets.tokens.run_cards.templating import rendered


def litgpt_files(card: RunCard, manifest: TokenManifest, uri: Callable[[str], str]) -> dict[str, str]:
    """Return the texts of litgpt.yaml, litgpt_data.py and litgpt_data.json."""

    def paths(split: str | None) -> list[str]:
        found = files_of(manifest, split, "litgpt", uri) if split else []
        return [path for shard in found for path in shard.paths]

    data = {"train": paths("train"), "validation": paths(card.validation)}
    return {
        "litgpt.yaml": _heading(card) + yaml.safe_dump(_settings(card), sort_keys=False, width=120),
        "litgpt_data.json": json.dumps(data, indent=1) + "\n",
        "litgpt_data.py": rendered("litgpt_data.py.jinja", card=card),
    }


def _heading(card: RunCard) -> str:
    lines = [
        f"{card.name}: trains on {card.token_files} with litgpt (0.5.13), from this folder:",
        "",
        "    PYTHONPATH=. litgpt pretrain --config litgpt.yaml",
    ]
    if card.base is not None:
        lines += ["", f"The base is what `litgpt download {card.base}` fetches and converts."]
    if card.steps < card.schedule_steps:
        last = card.steps - card.steps % card.save_steps
        said = "" if last == card.steps else ", the last one up to there"
        lines += [
            "",
            "litgpt's schedule ends with its training, so max_tokens is that of the schedule. The recipe stops before:",
            f"end it after step {card.steps:,} and take the checkpoint step-{last:08d}{said}.",
        ]
    return "".join(f"# {line}".rstrip() + "\n" for line in lines)


def _settings(card: RunCard) -> dict[str, Any]:
    model, shape = card.model, card.shape
    layers = shape.layers
    settings: dict[str, Any] = {
        "model_name": card.name,
        "model_config": {
            "name": (card.base or card.name).rpartition("/")[2],
            "block_size": model.context,
            "vocab_size": shape.vocabulary,
            "padded_vocab_size": shape.vocabulary,
            "n_layer": layers.layers,
            "n_head": layers.heads,
            "n_query_groups": shape.key_value_heads,
            "n_embd": layers.hidden,
            "intermediate_size": layers.intermediate,
            "rotary_percentage": 1.0,
            "rope_base": round(layers.rope_base),
            "parallel_residual": False,
            "bias": False,
            "norm_class_name": "RMSNorm",
            "norm_eps": NORM_EPSILON,
            "mlp_class_name": "LLaMAMLP",
        },
        "out_dir": f"{card.name}_model",
        "precision": "32-true" if model.dtype == "float32" else "bf16-mixed",
    }
    if card.base is not None:
        settings["initial_checkpoint_dir"] = f"checkpoints/{card.base}"
    return {
        **settings,
        "data": {"class_path": "litgpt_data.PackedTokens", "init_args": {"listing": "litgpt_data.json"}},
        "train": {
            "save_interval": card.save_steps,
            "log_interval": 10,
            "global_batch_size": card.sequences,
            "micro_batch_size": card.micro_batch,
            "lr_warmup_steps": model.warmup_steps,
            "max_tokens": card.schedule_steps * model.batch_tokens,
            "max_seq_length": model.context,
            "tie_embeddings": layers.tied,
            "max_norm": model.clip,
            "min_lr": card.final_learning_rate,
        },
        "eval": {"interval": card.save_steps, "max_iters": 100},
        "optimizer": {
            "class_path": "torch.optim.AdamW",
            "init_args": {
                "lr": model.learning_rate,
                "weight_decay": model.weight_decay,
                "betas": list(model.betas),
            },
        },
        "devices": card.devices,
        "seed": 0,
    }
