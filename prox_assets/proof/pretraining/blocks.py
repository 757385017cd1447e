"""The sequences that a model is trained on: a token stream, cut where it comes to hand, in its own order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import xxhash

from prox_assets.proof.tokens.arm_tokens import TokenStream

if TYPE_CHECKING:
    import torch

IGNORED = -100
_HASHED_AT_ONCE = 1 << 20


class Blocks:
    """A data set whose example i is tokens [i c, (i + 1) c] of a stream, for a context of c.

    Neighbours share a token, which one predicts and the other starts from: every token but the first is predicted once.
    """

    def __init__(self, stream: TokenStream, context: int, count: int) -> None:
        self.stream = stream
        self.context = context
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, block: int) -> np.ndarray:
        """Return context + 1 ids, int64; where the stream ends one too early, the last is `IGNORED`."""
        start = block * self.context
        ids = np.full(self.context + 1, IGNORED, dtype=np.int64)
        read = self.stream.read(start, min(start + self.context + 1, len(self.stream)))
        ids[: len(read)] = read
        return ids


def collate(blocks: Sequence[np.ndarray]) -> dict[str, torch.Tensor]:
    """Return a batch: inputs, and what follows each of them (the loss of transformers takes it as it is)."""
    import torch

    ids = torch.from_numpy(np.stack(blocks))
    following = ids[:, 1:].contiguous()
    return {"input_ids": ids[:, :-1].contiguous(), "labels": following, "shift_labels": following}


def stream_hash(stream: TokenStream) -> str:
    """Return a hash of a stream's tokens: 32 hex digits."""
    digest = xxhash.xxh3_128()
    for start in range(0, len(stream), _HASHED_AT_ONCE):
        part = stream.read(start, min(start + _HASHED_AT_ONCE, len(stream)))
        digest.update(np.ascontiguousarray(part, dtype="<u4").data)
    return digest.hexdigest()
