"""The selectors' settings."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TargetFile(_Settings):
    """Target texts that are not among the documents of the proof."""

    path: str = Field(description="Parquet or JSON Lines file.")
    column: str = Field(default="text", description="Column with the text.")


Target = Literal["gold"] | TargetFile

_TARGET = "What documents should be like: gold, the main content of training sites, or the texts of a file."


class DsirSettings(_Settings):
    """DSIR: documents weighted by how much more likely their hashed n-grams are in the target than in the corpus."""

    kind: Literal["dsir"]
    target: Target = Field(default="gold", description=_TARGET)
    ngrams: int = Field(default=2, ge=1, le=5, description="Words of the longest n-grams.")
    buckets: int = Field(default=10_000, ge=2, description="Number of hash buckets.")
    gumbel: bool = Field(
        default=False,
        description="Add Gumbel noise to the weights, as the paper does: what is kept is then a sample in proportion "
        "to the weights instead of the documents with the highest.",
    )


class PerplexitySettings(_Settings):
    """Perplexity of a small language model trained on target text, as in CCNet."""

    kind: Literal["perplexity"]
    target: Target = Field(default="gold", description=_TARGET)
    third: Literal["head", "middle", "tail"] = Field(
        default="head", description="Which texts come first: those of low, middle or high perplexity in the corpus."
    )
    order: int = Field(default=5, ge=1, le=7, description="Tokens of an n-gram; CCNet's has 5.")
    discount: float = Field(default=0.75, gt=0, lt=1, description="What is taken off every count.")
    vocabulary: int = Field(
        default=4096, ge=300, description="Size of the byte-level BPE that is trained on the target."
    )


class LinearSettings(_Settings):
    """A linear classifier of words and word pairs, target against corpus, as in DataComp-LM."""

    kind: Literal["linear"]
    target: Target = Field(default="gold", description=_TARGET)


class FasttextSettings(_Settings):
    """A fastText classifier from a file, such as those of DataComp-LM."""

    kind: Literal["fasttext"]
    model: str = Field(description="Path of the .bin file.")
    label: str = Field(default="__label__hq", description="The label whose probability is the score.")


class EducationalSettings(_Settings):
    """A sequence classifier that gives marks, as in FineWeb-Edu."""

    kind: Literal["educational"]
    model: str = Field(
        default="HuggingFaceFW/fineweb-edu-classifier", description="Folder, or hub id, of a model with one output."
    )
    revision: str | None = Field(default=None, description="Commit, branch or tag of a hub model.")
    tokens: int = Field(default=512, ge=8, description="Tokens after which a text is cut.")


SelectorSettings = Annotated[
    DsirSettings | PerplexitySettings | LinearSettings | FasttextSettings | EducationalSettings,
    Field(discriminator="kind"),
]
