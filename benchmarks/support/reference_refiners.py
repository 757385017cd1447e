"""Reference systems to compare a refiner with: a rule of thumb, and the labels themselves.

They score lines behind the chunk refiner protocol, so the evaluation treats them like any refiner.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from prox_assets.refiners.protocol import ChunkProgramRow, ChunkPrograms, RefinerInput
from prox_assets.training.data.line_targets import WORD

# Maps a text to P(keep) of each of its lines.
LineScorer = Callable[[str], Sequence[float]]

LONG_LINE_WORDS = 8


class ScoringReference:
    """A chunk refiner without a model: each document is one chunk, and a function scores its lines."""

    def __init__(self, score: LineScorer) -> None:
        self._score = score

    def write_programs(self, documents: Iterable[RefinerInput]) -> Iterator[ChunkPrograms]:
        """Yield one result per document, in order."""
        for document in documents:
            row = ChunkProgramRow(
                chunk_index=0,
                line_start=0,
                line_end=document.text.count("\n"),
                program=None,
                line_keep_probabilities=tuple(self._score(document.text)),
                prompt_tokens=0,
                completion_tokens=0,
                finish_reason="scored",
            )
            yield ChunkPrograms(document.doc_id, (row,))


def long_lines(text: str) -> list[float]:
    """Keep lines of at least eight words, and blank ones: the simplest rule that beats keeping everything."""
    return [float(not line.strip() or len(WORD.findall(line)) >= LONG_LINE_WORDS) for line in text.split("\n")]


def from_labels(labels: Mapping[str, Sequence[int]]) -> LineScorer:
    """Return a scorer that knows the labels of these texts: the upper bound for line removal.

    Args:
        labels: Labels by text; ambiguous and blank lines stay.
    """
    return lambda text: [float(label != 0) for label in labels[text]]
