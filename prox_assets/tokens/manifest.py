"""`manifest.json` of a set of token files: what they are, counted exactly; what a trainer needs to trust them."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

MANIFEST = "manifest.json"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TokenFile(_Part):
    """One file of a shard, sidecars included."""

    path: str = Field(description="Relative to the folder.")
    format: str = Field(description="tokens, or the format that it belongs to.")
    bytes: int
    sha256: str
    tokens: int | None = Field(
        default=None, description="Tokens in it; packed formats leave out what fills no whole sequence or chunk."
    )


class TokenShard(_Part):
    """What one shard of a source gave to one split."""

    corpus: str
    shard: str
    split: str
    documents: int
    tokens: int = Field(description="End-of-text and BOS included.")
    characters: int
    identity: str = Field(description="Hash of settings, tokenizer, text and withdrawals that the files follow from.")
    files: tuple[TokenFile, ...]


class TokenizerNotes(_Part):
    """The tokenizer that wrote the ids."""

    source: str = Field(description="As it was named in the settings.")
    hash: str = Field(description="xxh3-128 of tokenizer.json, 32 hex digits.")
    vocabulary: int = Field(description="Largest id + 1.")
    end_of_text: str
    end_of_text_id: int
    beginning_of_text: str | None = Field(default=None, description="None where documents begin without.")
    beginning_of_text_id: int | None = None


class TokenManifest(_Part):
    """All of it; written last, so files without one are not complete."""

    name: str
    prox_assets: str = Field(description="Version that wrote it.")
    written_at: str = Field(description="UTC, ISO 8601.")
    settings: dict[str, Any]
    tokenizer: TokenizerNotes
    dtype: str = Field(description="uint16, or uint32 from 65,536 ids; little-endian.")
    shards: tuple[TokenShard, ...]

    def tokens(self, split: str = "train", corpus: str | None = None) -> int:
        """Return the tokens of a split, of one source or of all."""
        return sum(shard.tokens for shard in self.shards if shard.split == split and corpus in (None, shard.corpus))
