"""Synthetic noise for training: fragments of each kind, and where they may go in a line.

Lines that stay have few candidates: one in about fifty lines, measured on 1,181 pages. Most training examples are
therefore synthetic, made from the templates of synthetic_marks.py and synthetic_phrases.py.
"""

import random
from typing import Literal

from prox_assets.refiners.spans.patterns import NoiseKind
from prox_assets.training.spans.synthetic_marks import MARKS
from prox_assets.training.spans.synthetic_phrases import PHRASES

Place = Literal["word", "sentence", "edge", "anywhere", "end"]
"""word: after any word; sentence: between sentences, or at the start or end of the line; edge: at the start or end of
the line; anywhere: between any two characters; end: at the end of the line."""

PLACES: dict[NoiseKind, tuple[Place, ...]] = {
    NoiseKind.URL: ("word", "word", "sentence", "end"),
    NoiseKind.EMAIL: ("word", "sentence", "end"),
    NoiseKind.CITATION: ("word", "sentence", "sentence", "end"),
    NoiseKind.SHARE: ("sentence", "edge"),
    NoiseKind.ADVERTISEMENT: ("sentence", "sentence", "edge", "word"),
    NoiseKind.SEPARATOR: ("sentence", "edge", "word"),
    NoiseKind.CALL_TO_ACTION: ("sentence", "end", "end"),
    NoiseKind.LINK_NOTE: ("word", "word", "end"),
    NoiseKind.CREDIT: ("sentence", "edge"),
    NoiseKind.TIMESTAMP: ("sentence", "edge", "edge"),
    NoiseKind.RELATED: ("sentence", "end", "end"),
    NoiseKind.INVISIBLE: ("anywhere", "word", "sentence"),
}


def fragment(kind: NoiseKind, rng: random.Random) -> str:
    """Return a random fragment of this kind, without spaces around it."""
    return _MAKERS[kind](rng)


_MAKERS = {**MARKS, **PHRASES}
