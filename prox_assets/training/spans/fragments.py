"""Noise made for training: fragments of each kind, and where in a line they are put.

Belongs here: drawing a fragment, and the places that fit its kind. Not here: the templates (inline_made_marks.py,
inline_made_phrases.py), look-alikes that are no noise (inline_lookalikes.py).
Real pages hold few fragments inside the lines that stay, one candidate in about fifty lines (measured on 1,181 pages),
so most of what a model learns from is made of these.
"""

import random
from typing import Literal

from prox_assets.refiners.spans.patterns import NoiseKind
from prox_assets.training.spans.synthetic_marks import MARKS
from prox_assets.training.spans.synthetic_phrases import PHRASES

Place = Literal["word", "sentence", "edge", "anywhere", "end"]
"""word: behind any word; sentence: between sentences or at the ends of the line; edge: at its ends; anywhere: between
any two characters; end: behind it."""

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


def fragment(kind: NoiseKind, draw: random.Random) -> str:
    """Return a fragment of a kind, without spaces around it."""
    return _MAKERS[kind](draw)


_MAKERS = {**MARKS, **PHRASES}
