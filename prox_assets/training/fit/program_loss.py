"""The loss of programs: cross-entropy over the tokens of the answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from prox_assets.training.data.program_examples import IGNORED

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def program_loss(
    model: PreTrainedModel, batch: Mapping[str, torch.Tensor], tokens: torch.Tensor | int | None = None
) -> torch.Tensor:
    """Return the mean cross-entropy of the tokens of answers, in nats.

    The output layer sees answers only. They are a tenth of the tokens, and with a vocabulary of 49,152 the logits of
    all the others would be most of a small model's memory and a third of its time.

    Args:
        model: A causal language model whose logits come from its output layer without further steps.
        batch: `input_ids`, `attention_mask` and `labels`, each (batch, tokens), as `collate` makes them.
        tokens: What the sum is divided by; the tokens of answers in this batch if None.
    """
    from torch.nn import functional

    hidden = model.base_model(
        input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], use_cache=False
    ).last_hidden_state
    targets = batch["labels"][:, 1:]
    asked = targets != IGNORED
    head = cast("torch.nn.Module", model.get_output_embeddings())
    logits = head(hidden[:, :-1][asked]).float()
    total = functional.cross_entropy(logits, targets[asked], reduction="sum")
    return total / (asked.sum() if tokens is None else tokens)
