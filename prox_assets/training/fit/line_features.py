"""Features of a line for classical classifiers: words and characters of the line and its neighbours, and numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from prox_assets.training.data.line_targets import WORD

if TYPE_CHECKING:
    import numpy as np
    from scipy.sparse import csr_matrix

OWN_FEATURES = 2**18
NEIGHBOUR_FEATURES = 2**17
NEIGHBOURS = 5
# Neighbours farther away than this are distinguished only by side.
NEAR = 2
LINE_WORDS = 40
GRAM_CHARACTERS = 120
GRAM = 4
# The commonest English function words: prose is full of them, menus are not.
FUNCTION_WORDS = frozenset(
    (
        *("the", "of", "and", "to", "a", "in", "is", "that", "for", "it", "on", "with", "as", "was", "be", "by"),
        *("are", "this", "at", "from", "or", "an", "not", "have", "but", "they", "you", "we", "which", "his", "her"),
        *("he", "she", "i", "their", "has", "had", "will", "can", "if", "there", "about", "more", "when", "who"),
    )
)
SENTENCE_ENDS = ".!?\"”’'"


def present_lines(text: str) -> tuple[list[int], list[str]]:
    """Return the numbers of the non-blank lines, and the lines."""
    found = [(number, line) for number, line in enumerate(text.split("\n")) if line.strip()]
    return [number for number, _ in found], [line for _, line in found]


def hashed_features(lines: Sequence[str], numbers: Sequence[int], count: int) -> csr_matrix:
    """Return one sparse row per line: its words, word pairs, 4-grams, length and position, and the words around it.

    `numbers` are the line numbers in the text, which has `count` lines, blank ones included.
    """
    from scipy.sparse import csr_matrix, hstack
    from sklearn.feature_extraction.text import HashingVectorizer

    settings: dict[str, Any] = {"analyzer": list, "alternate_sign": False, "norm": "l2", "dtype": "float32"}
    own, around = (HashingVectorizer(n_features=size, **settings) for size in (OWN_FEATURES, NEIGHBOUR_FEATURES))
    names = [_names(line, number, count) for line, number in zip(lines, numbers, strict=True)]
    shared = [[name for name in line if name[0] in "wle"] for line in names]
    neighbours = [_neighbour_names(shared, place) for place in range(len(lines))]
    return csr_matrix(hstack([own.transform(names), around.transform(neighbours)]))


def _names(line: str, number: int, count: int) -> list[str]:
    words = WORD.findall(line.lower())[:LINE_WORDS]
    head = line.lower()[:GRAM_CHARACTERS]
    stripped = line.strip()
    first = stripped[0]
    return [
        *(f"w={word}" for word in words),
        *(f"b={one}_{two}" for one, two in pairwise(words)),
        *(f"c={head[start : start + GRAM]}" for start in range(len(head) - GRAM + 1)),
        f"l={min(20, round(3 * (len(words) + 1) ** 0.5))}",
        f"e={stripped[-1]}",
        f"p={10 * number // count}",
        f"s={'A' if first.isupper() else 'a' if first.isalpha() else first}",
    ]


def _neighbour_names(shared: Sequence[Sequence[str]], place: int) -> list[str]:
    names: list[str] = []
    for distance in range(-NEIGHBOURS, NEIGHBOURS + 1):
        other = place + distance
        if distance and 0 <= other < len(shared):
            side = max(-NEAR - 1, min(NEAR + 1, distance))
            names += [f"{side:+d}{name}" for name in shared[other]]
    return names


def number_features(lines: Sequence[str], numbers: Sequence[int], count: int) -> np.ndarray:
    """Return numeric features of each line, shape (lines, features); column 1 is its number of words."""
    import numpy as np

    repeats = Counter(line.strip() for line in lines)
    rows = [
        _numbers(line.strip(), number, count, repeats[line.strip()])
        for line, number in zip(lines, numbers, strict=True)
    ]
    return np.array(rows, dtype=np.float32)


def _numbers(line: str, number: int, count: int, repeats: int) -> list[float]:
    words = line.split()
    length, word_count = len(line), max(1, len(words))
    return [
        length,
        len(words),
        line[-1] in SENTENCE_ENDS,
        line[-1] in ":;,",
        sum(map(str.isupper, line)) / length,
        sum(map(str.isdigit, line)) / length,
        sum(word[0].isupper() for word in words) / word_count,
        number / count,
        count - number,
        number,
        repeats,
        sum(character in "|•·»›/" for character in line),
        "©" in line,
        "http" in line or "www" in line,
        "@" in line,
        line.startswith(("-", "•", "*")),
        length / word_count,
        sum(word.lower() in FUNCTION_WORDS for word in words) / word_count,
        line.count(","),
        line.count(". "),
    ]
