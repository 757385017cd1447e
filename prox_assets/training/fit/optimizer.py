"""The optimiser for training from scratch: Muon for the matrices, AdamW for embeddings and gains.

The Trainer expects one optimiser, so the two from torch share one interface.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

# AdamW's second moments average over 50 steps, because runs here have a few thousand steps rather than the paper's
# hundred thousand.
ADAMW_BETAS = (0.9, 0.98)


def muon_with_adamw(model: torch.nn.Module, learning_rate: float, weight_decay: float) -> torch.optim.Optimizer:
    """Return one optimiser: Muon (Jordan et al. 2024; torch.optim.Muon) for hidden matrices, AdamW for the rest.

    Muon's steps are scaled to the root mean square of AdamW's steps (`match_rms_adamw`, arXiv 2502.16982), so that one
    learning rate serves both.
    """
    import torch

    class Both(torch.optim.Optimizer):
        """Steps both optimisers; it shares their parameter groups, so that a schedule reaches them."""

        def __init__(self, parts: list[torch.optim.Optimizer]) -> None:
            groups = [group for part in parts for group in part.param_groups]
            super().__init__([parameter for group in groups for parameter in group["params"]], {})
            self.parts = parts
            self.param_groups = groups

        def step(self, closure: Callable[[], float] | None = None) -> float | None:  # pyright: ignore
            loss = None
            # Evaluate the closure once, for the gradients of both parts. If it were passed to the parts, the second one
            # would evaluate it again after the first one's update.
            if closure is not None:
                with torch.enable_grad():
                    loss = closure()
            for part in self.parts:
                part.step()
            return loss

        def state_dict(self) -> dict[str, Any]:
            return {"parts": [part.state_dict() for part in self.parts]}

        def load_state_dict(self, state_dict: dict[str, Any]) -> None:
            for part, state in zip(self.parts, state_dict["parts"], strict=True):
                part.load_state_dict(state)
            # Loading replaces a part's groups with new ones.
            self.param_groups = [group for part in self.parts for group in part.param_groups]

    matrices: list[torch.nn.Parameter] = []
    others: list[torch.nn.Parameter] = []
    for name, parameter in model.named_parameters():
        hidden = parameter.dim() == 2 and "embed" not in name and "lm_head" not in name
        (matrices if hidden else others).append(parameter)
    muon = torch.optim.Muon(matrices, lr=learning_rate, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw")
    adamw = torch.optim.AdamW(others, lr=learning_rate, weight_decay=weight_decay, betas=ADAMW_BETAS)
    return Both([muon, adamw])
