"""Muon and AdamW as one optimiser keep torch's contract for `step`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from prox_assets.training.fit.optimizer import muon_with_adamw

if TYPE_CHECKING:
    import torch


def small_model() -> torch.nn.Sequential:
    """A matrix for Muon and gains for AdamW."""
    import torch

    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 3, bias=False), torch.nn.LayerNorm(3))


def loss_of(model: torch.nn.Sequential) -> torch.Tensor:
    import torch

    return (model(torch.tensor([[1.0, 2.0, 4.0]])) - torch.tensor([3.0, -1.0, 2.0])).square().sum()


class Closure:
    """Evaluates the loss and its gradients; records each loss, and whether gradients were enabled."""

    def __init__(self, model: torch.nn.Sequential, optimizer: torch.optim.Optimizer) -> None:
        self.model, self.optimizer = model, optimizer
        self.losses: list[float] = []
        self.with_grad: list[bool] = []

    def __call__(self) -> float:
        import torch

        self.with_grad.append(torch.is_grad_enabled())
        self.optimizer.zero_grad()
        loss = loss_of(self.model)
        loss.backward()
        self.losses.append(loss.item())
        return loss.item()


@pytest.mark.parametrize("grad", [True, False])
def test_a_closure_is_evaluated_once_with_gradients_before_either_part_steps(grad):
    import torch

    model = small_model()
    optimizer = muon_with_adamw(model, learning_rate=0.01, weight_decay=0.0)
    closure = Closure(model, optimizer)
    before = loss_of(model).item()
    with torch.set_grad_enabled(grad):
        assert optimizer.step(closure) == before
    assert closure.losses == [before]
    assert closure.with_grad == [True]
    assert loss_of(model).item() < before


def test_a_step_with_a_closure_updates_as_a_step_after_the_same_loss():
    import torch

    with_closure, without = small_model(), small_model()
    first = muon_with_adamw(with_closure, learning_rate=0.1, weight_decay=0.1)
    second = muon_with_adamw(without, learning_rate=0.1, weight_decay=0.1)
    for _ in range(3):
        first.step(Closure(with_closure, first))
        Closure(without, second)()
        assert second.step() is None
    for ours, theirs in zip(with_closure.parameters(), without.parameters(), strict=True):
        assert torch.equal(ours, theirs)
