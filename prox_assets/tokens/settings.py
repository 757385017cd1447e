"""What token files are made from and how, as people write it in a defs.yaml or as options of `prox tokens`."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

NAME = r"^[a-z0-9][a-z0-9_]*$"

Format = Literal["megatron", "datatrove", "olmo_core", "parquet_packed", "parquet_documents", "litgpt"]
SIDECARS: tuple[Format, ...] = ("megatron", "datatrove", "olmo_core")
"""Formats that only add a small file beside the token file, if anything."""


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TableSource(_Settings):
    """A table of the lake."""

    kind: Literal["table"] = "table"
    corpora: tuple[str, ...] = Field(min_length=1, description="Corpora of the lake; each counts as a source.")
    table: Literal["refined", "documents"] = Field(
        default="refined", description="refined: what refining left; documents: the raw text."
    )


class ArmSource(_Settings):
    """An arm of a proof: what it was trained on, every document whole and once."""

    kind: Literal["arm"]
    proof: str = Field(description="Name of the proof.")
    arm: str = Field(description="Name of the arm.")


Source = Annotated[TableSource | ArmSource, Field(discriminator="kind")]


class TokenSettings(_Settings):
    """All settings of a set of token files."""

    name: str = Field(pattern=NAME, description="Name of the token files.")
    source: Source = Field(description="Where the text comes from.")
    tokenizer: str = Field(description="Folder, tokenizer.json, or name of a model on the hub.")
    end_of_text: str | None = Field(
        default=None,
        description="Token that ends every document; the tokenizer's own if unset. One that names none is refused.",
    )
    beginning_of_text: Literal["none", "document"] = Field(
        default="none",
        description="none: no document begins with a BOS token, whatever the tokenizer adds by itself; document: each "
        "does.",
    )
    formats: tuple[Format, ...] = Field(
        default=SIDECARS,
        min_length=1,
        description="Who shall read the files. The first three share one token file per shard and add what they need "
        "beside it; the others are files of their own.",
    )
    sequence_length: int = Field(
        default=2048, ge=2, description="Tokens of a sequence, for parquet_packed, litgpt and the run cards."
    )
    litgpt_sequences: int = Field(
        default=1024,
        ge=1,
        description="Sequences of a file of litgpt, each with one token more than sequence_length. What fills no whole "
        "file at the end of a shard is left out, so small shards want small files.",
    )
    splits: dict[str, Annotated[float, Field(gt=0, lt=1)]] = Field(
        default_factory=dict,
        description="Further splits beside train, each with the share of the sites that it gets, such as "
        "{validation: 0.01}; no site is in two.",
    )
    site: str | None = Field(
        default=None, description="Column of the source with the site. If unset, the host of the URL, else the doc_id."
    )
    shuffle: bool = Field(default=True, description="Whether documents are shuffled within their shard, by the seed.")
    seed: int = Field(default=0, description="Seed of the shuffle and of the splits.")
    to: str | None = Field(
        default=None, description="Folder or URL that they are written to; `_tokens/{name}` in the lake if unset."
    )

    @model_validator(mode="after")
    def _splits_leave_a_train(self) -> "TokenSettings":
        if "train" in self.splits or sum(self.splits.values()) >= 1:
            raise ValueError("splits: train gets the sites that are left, so the others together have less than all")
        return self
