"""The models of a proof: which arm each is trained on, by which seed, on what budget."""

from collections.abc import Iterator
from dataclasses import dataclass

from prox_assets.proof.settings import Budget, ProofSettings


@dataclass(frozen=True, slots=True, order=True)
class ModelRun:
    """One model to train.

    Runs of one seed share document order and initial weights, whatever their arm: that is what pairs them.

    Attributes:
        arm: Name of the arm.
        model: Name of the model.
        budget: What is equal between arms.
        seed: 0-based number of document order and initial weights.
    """

    arm: str
    model: str
    budget: Budget
    seed: int

    @property
    def variant(self) -> str:
        """Model, budget and seed, as a partition key and a file name."""
        return f"{self.model}-{self.budget}-{self.seed}"


def runs_of(settings: ProofSettings) -> Iterator[ModelRun]:
    """Yield every model that a proof trains, arm by arm in the order of the settings."""
    for arm in settings.arms:
        for model in settings.models:
            if model.arms is not None and arm.name not in model.arms:
                continue
            for budget in settings.budgets:
                for seed in range(model.seeds):
                    yield ModelRun(arm.name, model.name, budget, seed)
