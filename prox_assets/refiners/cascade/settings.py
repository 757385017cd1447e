"""The settings of a cascade: its classifier, what the model is asked about, and how two opinions become one."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

# Raise this when the same settings lead to other questions or other probabilities.
CASCADE_VERSION = 1


class CascadeSettings(BaseModel):
    """What a refiner of kind cascade has beside its language model.

    The defaults are for a model about as good as the classifier. `python -m prox_assets.cli.make_cascade` fits the
    weights.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    classifier: str = Field(
        default="package://prox_assets/refiners/lines",
        description="Folder of the classifier, or of classifiers for both levels.",
    )
    min_gain: float = Field(
        default=0.003,
        ge=0,
        allow_inf_nan=False,
        description="Scored lines: a chunk goes to the model where its answer is expected to raise the document's word "
        "F1 by this much for every 1,000 prompt tokens. 0: all chunks do.",
    )
    spread: float = Field(
        default=0.6,
        gt=0,
        allow_inf_nan=False,
        description="How far the model is expected to move the log-odds of a line: the standard deviation. The larger "
        "it is, the farther from the cutoff a line still counts as unsure.",
    )
    unsure_from: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Documents, and chunks for which the model writes programs: lowest P(keep) by the classifier at "
        "which the model is asked. P(keep) of a chunk is the mean over its words.",
    )
    unsure_to: float = Field(default=0.9, ge=0, le=1, description="The highest such P(keep).")
    classifier_weight: float = Field(
        default=0.6,
        ge=0,
        allow_inf_nan=False,
        description="Weight of the classifier's log-odds where the model was asked too.",
    )
    model_weight: float = Field(
        default=0.4, gt=0, allow_inf_nan=False, description="Weight of the model's log-odds there."
    )
    offset: float = Field(default=0.0, allow_inf_nan=False, description="Added to the weighted sum.")

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.unsure_from > self.unsure_to:
            raise ValueError(f"unsure_from={self.unsure_from} is above unsure_to={self.unsure_to}")
        return self
