"""The selectors' settings."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class DsirSettings(BaseModel):
    """DSIR: documents weighted by how much more likely their hashed n-grams are in the target than in the corpus."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["dsir"]


class PerplexitySettings(BaseModel):
    """Perplexity of a small language model trained on target text, as in CCNet."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["perplexity"]


SelectorSettings = Annotated[DsirSettings | PerplexitySettings, Field(discriminator="kind")]
