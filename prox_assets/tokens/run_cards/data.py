"""Which of the token files each trainer reads, and why it reads none."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from prox_assets.tokens.manifest import TokenManifest, TokenShard
from prox_assets.tokens.run_cards.settings import TrainerName
from prox_assets.tokens.settings import Format

NEEDED: dict[TrainerName, Format] = {
    "trainer": "parquet_packed",
    "olmo_core": "olmo_core",
    "megatron": "megatron",
    "litgpt": "litgpt",
}
"""The format of token files that a trainer reads."""

PACKED: tuple[Format, ...] = ("parquet_packed", "litgpt")
"""Formats whose sequences have one length for good."""

_VALIDATION = ("validation", "valid", "val", "dev", "evaluation", "eval", "held_out")
TOKENS = "tokens"


@dataclass(frozen=True)
class ShardFiles:
    """The files of one shard of a split that a trainer reads.

    Attributes:
        corpus: The source.
        tokens: Tokens of the shard.
        paths: Full paths or URLs, in order.
    """

    corpus: str
    tokens: int
    paths: tuple[str, ...]


def files_of(manifest: TokenManifest, split: str, wanted: str, uri: Callable[[str], str]) -> list[ShardFiles]:
    """Return the files of one format, shard by shard; shards without a token are left out.

    Args:
        manifest: The token files.
        split: The split.
        wanted: A format, or "tokens" for the token file that several formats share.
        uri: Makes a full path of one that is relative to the folder.
    """
    found = (
        (shard, tuple(uri(file.path) for file in shard.files if file.format == wanted))
        for shard in manifest.shards
        if shard.split == split and shard.tokens
    )
    return [ShardFiles(shard.corpus, shard.tokens, paths) for shard, paths in found if paths]


def splits_of(shards: Sequence[TokenShard]) -> tuple[str, ...]:
    """Return the splits that have tokens, train first."""
    return tuple(sorted({shard.split for shard in shards if shard.tokens}, key=lambda name: (name != "train", name)))


def validation_split(splits: Sequence[str]) -> str | None:
    """Return the split that a trainer measures itself on while it trains: the one that is called so, else another."""
    others = [name for name in splits if name not in ("train", "test")]
    return next((name for name in _VALIDATION if name in others), others[0] if others else None)
