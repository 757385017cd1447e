"""What the classifier of a cascade says first."""

from typing import NamedTuple


class ChunkOpinion(NamedTuple):
    """The classifier's P(keep) of each line of a chunk, and whether the model is asked about the chunk."""

    keep: tuple[float, ...]
    asked: bool


class DocumentOpinion(NamedTuple):
    """The classifier's P(keep) of a document, and whether the model is asked about it."""

    keep: float
    asked: bool
