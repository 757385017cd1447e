"""Document rules of the `rules` refiner: whether a page is worth keeping, and if not, which rule it breaks.

Each rule judges the page as a whole, as (rule, value, threshold). The rules come from Gopher ("Scaling Language
Models", appendix A.1.1), C4 (section 2.2 of its paper) and FineWeb (section 3.5 of its paper), with the definitions of
datatrove, which the ProX paper compared with. Left out are Gopher's rules on duplicate paragraphs and on duplicate
5- to 10-grams, and FineWeb's bound on duplicate lines (1 % of characters), where Gopher's bound applies instead.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from prox_assets.refiners.rules.config import DocumentRuleSettings
from prox_assets.refiners.rules.text_measures import (
    LetterCounts,
    count_letters,
    count_sentences,
    count_words,
    ends_sentence,
    has_no_full_stops,
    mean_word_length,
    unspaced_characters,
    visible_lines,
    width,
    without_unseen,
)

BULLETS = ("•", "-", "‣", "*")
ELLIPSES = ("...", "…")
# Largest share of Latin letters from outside the stop words' language. Measured against English, German has 2 % of
# them, French 4, Polish 8, Czech 14, Vietnamese 30.
MAX_OTHER_LATIN = 0.1
WORD_EDGE = ".,;:!?\"'()[]“”‘’«»"


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that a page breaks: its source and name, the page's value, and the threshold that the value crosses."""

    rule: str
    value: float | int
    sign: str
    threshold: float | int

    def __str__(self) -> str:
        """Return e.g. "gopher: stop_words 0 < 2"."""
        return f"{self.rule} {_number(self.value)} {self.sign} {_number(self.threshold)}"


def _number(value: float | int) -> str:
    return str(value) if isinstance(value, int) else f"{value:.3g}"


def first_finding(text: str, settings: DocumentRuleSettings) -> Finding | None:
    """Return the first rule that a page breaks, cheapest rules first; None for a page that passes.

    Args:
        text: The page as the line rules leave it; FineWeb likewise judges extracted text rather than whole pages.
        settings: The thresholds.
    """
    page = _Page.measure(text)
    for rules in (_gopher_quality, _c4, _fineweb, _gopher_repetition):
        for finding in rules(page, settings):
            return finding
    return None


@dataclass(frozen=True, slots=True)
class _Page:
    text: str
    lines: list[str]
    words: list[str]
    word_count: int
    unspaced: int

    @classmethod
    def measure(cls, text: str) -> "_Page":
        lines = [line.strip() for line in visible_lines(text) if line.strip()]
        return cls(text, lines, without_unseen(text).split(), count_words(text), unspaced_characters(text))

    @property
    def mostly_unspaced(self) -> bool:
        """Whether runs between white space are sentences rather than words, so that word lengths mean nothing."""
        return 2 * self.unspaced > sum(map(len, self.words))

    def share(self, lines: int) -> float:
        return lines / len(self.lines) if self.lines else 0.0

    def per_word(self, number: int) -> float:
        return number / self.word_count if self.word_count else 0.0


def _below(rule: str, value: float | int, bound: float | int) -> Iterator[Finding]:
    if value < bound:
        yield Finding(rule, value, "<", bound)


def _above(rule: str, value: float | int, bound: float | int) -> Iterator[Finding]:
    if value > bound:
        yield Finding(rule, value, ">", bound)


def _gopher_quality(page: _Page, settings: DocumentRuleSettings) -> Iterator[Finding]:
    yield from _below("gopher: words", page.word_count, settings.min_words)
    yield from _above("gopher: words", page.word_count, settings.max_words)
    counts = count_letters(page.text, settings.stop_words)
    # Gopher's bounds are for English: a Korean character is a syllable, and a Malayalam word says as much as several
    # English ones.
    if page.words and not page.mostly_unspaced and 2 * counts.alphabetic >= counts.letters:
        mean = mean_word_length(page.words)
        yield from _below("gopher: mean_word_characters", mean, settings.min_mean_word_characters)
        yield from _above("gopher: mean_word_characters", mean, settings.max_mean_word_characters)
    ellipses = sum(page.text.count(mark) for mark in ELLIPSES)
    yield from _above("gopher: hash_ratio", page.per_word(page.text.count("#")), settings.max_hash_ratio)
    yield from _above("gopher: ellipsis_ratio", page.per_word(ellipses), settings.max_ellipsis_ratio)
    bullets = sum(line.startswith(BULLETS) for line in page.lines)
    yield from _above("gopher: bullet_lines", page.share(bullets), settings.max_bullet_lines)
    ellipsis_lines = sum(line.endswith(ELLIPSES) for line in page.lines)
    yield from _above("gopher: ellipsis_lines", page.share(ellipsis_lines), settings.max_ellipsis_lines)
    if page.words:
        # In a script without spaces a run of characters is many words, so one number per run is not half of all words.
        others = sum(not (word.isalpha() or any(map(str.isalpha, word))) for word in page.words)
        alphabetic = page.per_word(page.word_count - others)
        yield from _below("gopher: alphabetic_words", alphabetic, settings.min_alphabetic_words)
    if settings.stop_words and _may_have_stop_words(counts):
        wanted = set(settings.stop_words)
        found = sum(word.strip(WORD_EDGE).lower() in wanted for word in page.words)
        yield from _below("gopher: stop_words", found, settings.min_stop_words)


def _may_have_stop_words(counts: LetterCounts) -> bool:
    """Return whether most letters are Latin and nearly all of those belong to the stop words' language."""
    return 2 * counts.latin > counts.letters and counts.other_latin <= MAX_OTHER_LATIN * counts.latin


def _c4(page: _Page, settings: DocumentRuleSettings) -> Iterator[Finding]:
    if not has_no_full_stops(page.text):
        yield from _below("c4: sentences", count_sentences(page.text), settings.min_sentences)
    if settings.drop_lorem_ipsum:
        yield from _above("c4: lorem_ipsum", page.text.lower().count("lorem ipsum"), 0)
    if settings.drop_curly_brackets:
        yield from _above("c4: curly_brackets", page.text.count("{"), 0)


def _fineweb(page: _Page, settings: DocumentRuleSettings) -> Iterator[Finding]:
    if not has_no_full_stops(page.text):
        punctuated = page.share(sum(map(ends_sentence, page.lines)))
        yield from _below("fineweb: punctuated_lines", punctuated, settings.min_punctuated_lines)
    short = page.share(sum(width(line) <= settings.short_line_characters for line in page.lines))
    yield from _above("fineweb: short_lines", short, settings.max_short_lines)
    newlines = page.per_word(max(0, len(page.lines) - 1))
    yield from _above("fineweb: newlines_per_word", newlines, settings.max_newlines_per_word)


def _gopher_repetition(page: _Page, settings: DocumentRuleSettings) -> Iterator[Finding]:
    repeats = _repeats(page.lines)
    yield from _above("gopher: duplicate_lines", page.share(len(repeats)), settings.max_duplicate_lines)
    characters = sum(map(len, page.lines)) or 1
    repeated = sum(map(len, repeats)) / characters
    yield from _above("gopher: duplicate_line_characters", repeated, settings.max_duplicate_line_characters)
    if page.mostly_unspaced:
        return
    bounds = (
        settings.max_top_bigram_characters,
        settings.max_top_trigram_characters,
        settings.max_top_fourgram_characters,
    )
    for size, bound in enumerate(bounds, 2):
        yield from _above(f"gopher: top_{size}gram_characters", _top_ngram_share(page.words, size), bound)


def _repeats(lines: Sequence[str]) -> list[str]:
    """Return every repeated line, once for each occurrence after the first."""
    seen: set[str] = set()
    repeats: list[str] = []
    for line in lines:
        if line in seen:
            repeats.append(line)
        seen.add(line)
    return repeats


def _top_ngram_share(words: Sequence[str], size: int) -> float:
    """Return the share of the words' characters that belong to the commonest n-gram, at most 1."""
    counts = Counter(zip(*(words[start:] for start in range(size)), strict=False))
    if not counts:
        return 0.0
    [(top, count)] = counts.most_common(1)
    # An n-gram that occurs once is not a repetition, however short the page.
    return 0.0 if count == 1 else min(1.0, count * sum(map(len, top)) / sum(map(len, words)))
