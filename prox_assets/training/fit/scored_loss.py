"""The loss of scored answers: cross-entropy at the decision positions alone.

Belongs here: one batch of positions and soft targets to one number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def scored_loss(model: PreTrainedModel, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Return the weighted mean cross-entropy, in nats, against soft targets over the keep and the remove token.

    The softmax runs over the whole vocabulary, so that the two tokens also learn to hold all of the probability: that
    is what the probe checks, and why a server's twenty most likely tokens hold both.

    Args:
        model: A causal language model whose logits are its output layer alone.
        batch: `input_ids` (batch, tokens); `rows` and `columns` (decisions,), where decisions are read off; `targets`
            (decisions,), the wanted P(keep); `weights` (decisions,), which sum to 1 or so; `labels` (2,), the ids of
            the keep and the remove token.
    """
    # Padding is on the right, where a causal model's earlier positions do not see it.
    hidden = model.base_model(input_ids=batch["input_ids"], use_cache=False).last_hidden_state
    head = cast("torch.nn.Module", model.get_output_embeddings())
    logits = head(hidden[batch["rows"], batch["columns"]])
    keep, remove = logits.float().log_softmax(-1)[:, batch["labels"]].unbind(-1)
    targets = batch["targets"]
    return -(batch["weights"] * (targets * keep + (1 - targets) * remove)).sum()
