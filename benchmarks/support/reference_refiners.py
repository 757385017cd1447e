"""Reference systems to compare a refiner with: published rules alone, a rule of thumb, and the labels themselves.

All are refiners, so the evaluation treats them like any other.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from prox_assets.refiners.config import RefinerConfig, RefinerPair
from prox_assets.refiners.protocol import ChunkProgramRow, ChunkPrograms, RefinerInput
from prox_assets.refiners.rules.config import DocumentRuleSettings, LineRuleSettings, RuleSettings
from prox_assets.training.data.targets.lines import WORD

C4_LINES = LineRuleSettings(require_terminal_punctuation=True, remove_widgets=False, remove_isolated_short_lines=False)
"""C4's rules for lines, without this project's own."""
# Document rules that never drop: the base for one publication's rules alone.
_LENIENT = DocumentRuleSettings(
    min_words=0,
    max_words=10**9,
    min_mean_word_characters=0,
    max_mean_word_characters=10**9,
    max_hash_ratio=10**9,
    max_ellipsis_ratio=10**9,
    max_bullet_lines=1,
    max_ellipsis_lines=1,
    min_alphabetic_words=0,
    min_stop_words=0,
    max_duplicate_lines=1,
    max_duplicate_line_characters=1,
    max_top_bigram_characters=1,
    max_top_trigram_characters=1,
    max_top_fourgram_characters=1,
    min_sentences=0,
    drop_lorem_ipsum=False,
    min_punctuated_lines=0,
    max_short_lines=1,
    max_newlines_per_word=10**9,
)


def published_rules() -> dict[str, RefinerPair]:
    """Return C4's, Gopher's and FineWeb's rules as refiners of their own; only C4 has rules for lines."""
    fineweb = ("min_punctuated_lines", "max_short_lines", "short_line_characters", "max_newlines_per_word")
    c4 = {"min_sentences": 5, "drop_lorem_ipsum": True, "drop_curly_brackets": True}
    defaults = DocumentRuleSettings().model_dump()
    gopher = defaults.keys() - {*fineweb, *c4}
    return {
        "C4": _rules("C4", c4, C4_LINES),
        "Gopher": _rules("Gopher", {name: defaults[name] for name in gopher}, None),
        "FineWeb": _rules("FineWeb", {name: defaults[name] for name in fineweb}, None),
    }


def _rules(name: str, documents: Mapping[str, Any], lines: LineRuleSettings | None) -> RefinerPair:
    rules = RuleSettings(documents=_LENIENT.model_copy(update=dict(documents)), lines=lines or LineRuleSettings())
    return RefinerPair(
        name=name,
        doc=RefinerConfig(name=f"{name}-doc", level="doc", kind="rules", rules=rules),
        chunk=None if lines is None else RefinerConfig(name=f"{name}-chunk", level="chunk", kind="rules", rules=rules),
    )


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
