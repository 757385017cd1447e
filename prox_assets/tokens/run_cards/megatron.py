"""A run card for Megatron-LM: arguments of pretrain_gpt.py as a shell script, and the data of each split as JSON."""

import json
import shlex
from collections.abc import Callable

from prox_assets.tokens.manifest import TokenManifest
from prox_assets.tokens.run_cards.bases import NORM_EPSILON
from prox_assets.tokens.run_cards.card import RunCard
from prox_assets.tokens.run_cards.data import files_of
from prox_assets.tokens.run_cards.templating import rendered

INDEX = ".idx"
Value = str | int | float | None


def megatron_files(card: RunCard, manifest: TokenManifest, uri: Callable[[str], str]) -> dict[str, str]:
    """Return the texts of megatron.sh and megatron_data.json."""
    splits = {"train": "train", "valid": card.validation, "test": "test"}
    data = {name: _blend(manifest, split, uri) for name, split in splits.items()}
    lines = [shlex.join(map(str, (name, *values))) for name, *values in _arguments(card, validates=bool(data["valid"]))]
    return {
        "megatron.sh": rendered("megatron.sh.jinja", card=card, arguments=lines),
        "megatron_data.json": json.dumps(data, indent=1) + "\n",
    }


def _blend(manifest: TokenManifest, split: str | None, uri: Callable[[str], str]) -> list[str] | None:
    """Return weights and prefixes in turn, as --data-path has them: a shard's weight is its tokens."""
    shards = files_of(manifest, split, "megatron", uri) if split else []
    indices = [(shard.tokens, path) for shard in shards for path in shard.paths if path.endswith(INDEX)]
    return [part for tokens, path in indices for part in (str(tokens), path.removesuffix(INDEX))] or None


def _arguments(card: RunCard, *, validates: bool) -> list[tuple[Value, ...]]:
    model, shape = card.model, card.shape
    layers = shape.layers
    schedule: list[tuple[Value, ...]] = [("--lr-decay-style", "cosine")]
    if model.schedule != "cosine":
        schedule = [
            ("--lr-decay-style", "WSD"),
            ("--lr-wsd-decay-style", "linear"),
            ("--lr-wsd-decay-iters", card.decay_steps),
        ]
    return [
        ("--num-layers", layers.layers),
        ("--hidden-size", layers.hidden),
        ("--ffn-hidden-size", layers.intermediate),
        ("--num-attention-heads", layers.heads),
        *([("--group-query-attention",)] if shape.key_value_heads != layers.heads else []),
        *([("--num-query-groups", shape.key_value_heads)] if shape.key_value_heads != layers.heads else []),
        ("--seq-length", model.context),
        ("--max-position-embeddings", model.context),
        ("--position-embedding-type", "rope"),
        ("--rotary-base", round(layers.rope_base)),
        ("--normalization", "RMSNorm"),
        ("--norm-epsilon", NORM_EPSILON),
        ("--swiglu",),
        ("--disable-bias-linear",),
        *([] if layers.tied else [("--untie-embeddings-and-output-weights",)]),
        ("--attention-dropout", 0),
        ("--hidden-dropout", 0),
        ("--init-method-std", layers.initial_spread),
        ("--tokenizer-type", "HuggingFaceTokenizer"),
        ("--tokenizer-model", f"{card.folder}/tokenizer"),
        ("--micro-batch-size", card.micro_batch),
        ("--global-batch-size", card.sequences),
        ("--train-iters", card.steps),
        ("--lr", model.learning_rate),
        ("--min-lr", card.final_learning_rate),
        *schedule,
        ("--lr-decay-iters", card.schedule_steps),
        ("--lr-warmup-iters", model.warmup_steps),
        ("--optimizer", "adam"),
        ("--adam-beta1", model.betas[0]),
        ("--adam-beta2", model.betas[1]),
        ("--weight-decay", model.weight_decay),
        ("--clip-grad", model.clip),
        *([] if model.dtype == "float32" else [("--bf16",)]),
        ("--use-distributed-optimizer",),
        ("--seed", 1234),
        ("--save-interval", card.save_steps),
        ("--eval-interval", card.save_steps),
        ("--eval-iters", 100 if validates else 0),
        ("--log-interval", 10),
    ]
