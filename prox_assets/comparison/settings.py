"""What is compared: `prox compare` and the component RefinerComparison have these settings."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from prox_assets.corpora.source import NAME_PATTERN

SEED = 0
SAMPLES = 2

CorpusName = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=64)]


class ComparisonSettings(BaseModel):
    """The settings of a comparison."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: CorpusName = Field(description="Name of the comparison, and of its folder in the lake.")
    corpora: tuple[CorpusName, ...] = Field(
        description="Corpora that were refined from the same raw files, each by another refiner."
    )
    labelled: Path | None = Field(
        default=None,
        description="Parquet file of labelled pages, as the refiner lab reads them: documents that are among them are "
        "scored.",
    )
    tokenizer: str | None = Field(
        default=None, description="Tokenizer that counts tokens: a folder, a tokenizer.json or a hub name."
    )
    samples: int = Field(
        default=SAMPLES, ge=0, le=20, description="How many documents of each kind are shown for each pair."
    )
    seed: int = Field(default=SEED, ge=0, description="Decides which documents are shown, and about the intervals.")

    @field_validator("corpora")
    @classmethod
    def _several_and_different(cls, corpora: tuple[str, ...]) -> tuple[str, ...]:
        if len(corpora) < 2:
            raise ValueError("name at least two refiners: each is compared with the others")
        doubled = sorted({name for name in corpora if corpora.count(name) > 1})
        if doubled:
            raise ValueError(f"{', '.join(doubled)} is named twice: a corpus is compared with others")
        return corpora
