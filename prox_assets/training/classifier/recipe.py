"""The hyperparameters of a classifier, as a pydantic model."""

from pydantic import BaseModel, ConfigDict, Field


class ClassifierRecipe(BaseModel):
    """How a classifier is fitted; the values were chosen on training sites, each judged by models of the others."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    decay: float = Field(default=1e-4, gt=0, description="Weight decay of the linear layer.")
    iterations: int = Field(default=60, ge=1, description="Most iterations of L-BFGS for the linear layer.")
    trees: int = Field(default=200, ge=1, description="Boosted trees.")
    learning_rate: float = Field(default=0.06, gt=0, le=1, description="Weight of each tree.")
    leaves: int = Field(default=24, ge=2, description="Most leaves of a tree.")
    leaf_examples: int = Field(default=60, ge=1, description="Fewest examples in a leaf.")
    line_share: float = Field(
        default=0.35, gt=0, le=1, description="Share of the lines that a tree sees; a third is as good as all."
    )
    feature_share: float = Field(default=0.4, gt=0, le=1, description="Share of the features that a tree may use.")
    seed: int = Field(default=0, description="Seed of the choice of features.")
