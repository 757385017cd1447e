"""The optimiser for training from scratch: Muon for the matrices, AdamW for embeddings and gains.

Belongs here: two of torch's optimisers behind one interface, as the Trainer wants it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

# Second moments of AdamW average over 50 steps: runs here have a few thousand, not the paper's hundred thousand.
ADAMW_BETAS = (0.9, 0.98)


def muon_with_adamw(model: torch.nn.Module, learning_rate: float, weight_decay: float) -> torch.optim.Optimizer:
    """Return Muon (Jordan et al. 2024; torch.optim.Muon) for hidden matrices and AdamW for everything else, as one.

    Muon's steps are scaled to the root mean square of AdamW's (`match_rms_adamw`, arXiv 2502.16982), so that one
    learning rate serves both.
    """
    import torch

    class Both(torch.optim.Optimizer):
        """Steps both; its parameter groups are theirs, so that a schedule reaches them."""

        def __init__(self, parts: list[torch.optim.Optimizer]) -> None:
            groups = [group for part in parts for group in part.param_groups]
            super().__init__([parameter for group in groups for parameter in group["params"]], {})
            self.parts = parts
            self.param_groups = groups

        def step(self, closure: Callable[[], float] | None = None) -> float | None:  # pyright: ignore
            loss = None
            # Once, for the gradients of both parts: a part that was given it would evaluate it again, after the other's
            # update.
            if closure is not None:
                with torch.enable_grad():
                    loss = closure()
            for part in self.parts:
                part.step()
            return loss

        def zero_grad(self, set_to_none: bool = True) -> None:
            for part in self.parts:
                part.zero_grad(set_to_none)

        def state_dict(self) -> dict[str, Any]:
            return {"parts": [part.state_dict() for part in self.parts]}

        def load_state_dict(self, state_dict: dict[str, Any]) -> None:
            for part, state in zip(self.parts, state_dict["parts"], strict=True):
                part.load_state_dict(state)
            # Loading replaces a part's groups by new ones.
            self.param_groups = [group for part in self.parts for group in part.param_groups]

    matrices, others = _sorted(model.named_parameters())
    muon = torch.optim.Muon(matrices, lr=learning_rate, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw")
    adamw = torch.optim.AdamW(others, lr=learning_rate, weight_decay=weight_decay, betas=ADAMW_BETAS)
    return Both([muon, adamw])


def _sorted(
    parameters: Iterable[tuple[str, torch.nn.Parameter]],
) -> tuple[list[torch.nn.Parameter], list[torch.nn.Parameter]]:
    matrices: list[torch.nn.Parameter] = []
    others: list[torch.nn.Parameter] = []
    for name, parameter in parameters:
        hidden = parameter.dim() == 2 and "embed" not in name and "lm_head" not in name
        (matrices if hidden else others).append(parameter)
    return matrices, others
