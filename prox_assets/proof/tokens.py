"""An arm's tokens on disk, and the stream of them that a model is trained on."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class ArmTokens:
    """The tokens of an arm, document by document in the order of their positions.

    Attributes:
        ids: Token ids of all documents, uint16 or uint32, without end-of-text tokens; memory-mapped.
        offsets: int64, documents + 1: document i is ids[offsets[i]:offsets[i + 1]]; an empty one keeps its place.
        end_of_text: Id of the token that ends a document.
        vocabulary: Size of the tokenizer's vocabulary.
        tokenizer_hash: Hash of the tokenizer's file.
    """

    ids: np.ndarray
    offsets: np.ndarray
    end_of_text: int
    vocabulary: int
    tokenizer_hash: str

    @classmethod
    def open(cls, folder: Path) -> "ArmTokens":
        """Open the tokens that `write_arm_tokens` wrote into a folder (ProofFolder.tokens)."""
        raise NotImplementedError


class TokenStream:
    """The tokens that a model is trained on, read by position without building the whole in memory.

    Documents come in the order of a permutation that depends on the seed and the epoch alone, so that arms which share
    their documents share their order, too. Every document that is not empty ends with the end-of-text token. An epoch
    that is over is followed by the next, in another order.
    """

    documents: int
    """Documents that the stream contains, each counted once."""
    unique_tokens: int
    """Tokens of the stream that are not repeats of an earlier epoch."""
    epochs: float
    """How often the stream passes over the arm."""

    @classmethod
    def of_tokens(cls, arm: ArmTokens, seed: int, tokens: int) -> "TokenStream":
        """Return a stream of exactly so many tokens, over as many epochs as it takes."""
        raise NotImplementedError

    @classmethod
    def of_documents(cls, arm: ArmTokens, seed: int, documents: int | None) -> "TokenStream":
        """Return the first so many places of the order, once; all of them for None."""
        raise NotImplementedError

    def __len__(self) -> int:
        """Return the number of tokens."""
        raise NotImplementedError

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return the tokens [start, stop) of the stream, in the arm's dtype."""
        raise NotImplementedError
