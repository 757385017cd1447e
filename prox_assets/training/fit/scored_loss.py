"""The loss of scored answers: cross-entropy at the decision positions only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def scored_loss(model: PreTrainedModel, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Return the weighted mean cross-entropy, in nats, against soft targets over the keep and the remove token.

    The softmax runs over the whole vocabulary, so the model also learns to give the two tokens all of the probability.
    The probe checks this, and it is why a server's twenty most likely tokens include both.

    Args:
        model: A causal language model whose logits come from its output layer without further steps.
        batch: `input_ids` (batch, tokens); `rows` and `columns` (decisions,), where decisions are read off; `targets`
            (decisions,), the target P(keep); `weights` (decisions,), which sum to about 1; `labels` (2,), the ids of
            the keep and the remove token.
    """
    # Padding is on the right, where the earlier positions of a causal model cannot see it.
    hidden = model.base_model(input_ids=batch["input_ids"], use_cache=False).last_hidden_state
    head = cast("torch.nn.Module", model.get_output_embeddings())
    logits = head(hidden[batch["rows"], batch["columns"]])
    keep, remove = logits.float().log_softmax(-1)[:, batch["labels"]].unbind(-1)
    targets = batch["targets"]
    return -(batch["weights"] * (targets * keep + (1 - targets) * remove)).sum()
