"""Document rules of the `rules` refiner: whether a page is worth keeping, and if not, which rule it breaks.

Each rule judges the page as a whole, as (rule, value, threshold). The rules are Gopher's, C4's and FineWeb's
(`published_rules`), but sentences end at more marks than C4 and FineWeb know (sentences.py). Left out are Gopher's
rules on duplicate paragraphs and on duplicate 5- to 10-grams, and FineWeb's bound on duplicate lines (1 % of
characters), where Gopher's bound applies instead.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from prox_assets.programs.formulas import find_formulas
from prox_assets.published_rules import c4, gopher
from prox_assets.refiners.rules.config import DocumentRuleSettings
from prox_assets.refiners.rules.page import Page, measured
from prox_assets.refiners.rules.sentences import count_sentences, ends_sentence, has_no_full_stops


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that a page breaks: its source and name, the page's value, and the threshold that the value crosses."""

    rule: str
    value: float
    sign: str
    threshold: float

    def __str__(self) -> str:
        """Return e.g. "gopher: stop_words 0 < 2"."""
        return f"{self.rule} {_number(self.value)} {self.sign} {_number(self.threshold)}"


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.3g}"


def first_finding(text: str, settings: DocumentRuleSettings) -> Finding | None:
    """Return the first rule that a page breaks, cheapest rules first; None for a page that passes.

    Args:
        text: The page as its edits leave it; FineWeb likewise judges extracted text rather than whole pages.
        settings: The thresholds.
    """
    page = measured(text, settings.stop_words)
    all_rules = (_gopher_quality, _c4, _fineweb, _repeated_lines, _repeated_ngrams)
    for rules in (_repeated_lines,) if _is_mathematics(text, settings) else all_rules:
        for finding in rules(page, settings):
            return finding
    return None


def _is_mathematics(text: str, settings: DocumentRuleSettings) -> bool:
    fewest = settings.maths_formula_lines
    return fewest > 0 and len(find_formulas(text.split("\n"))) >= fewest


def _below(rule: str, value: float | None, bound: float) -> Iterator[Finding]:
    if value is not None and value < bound:
        yield Finding(rule, value, "<", bound)


def _above(rule: str, value: float | None, bound: float) -> Iterator[Finding]:
    if value is not None and value > bound:
        yield Finding(rule, value, ">", bound)


def _gopher_quality(page: Page, settings: DocumentRuleSettings) -> Iterator[Finding]:
    yield from _below("gopher: words", page.word_count, settings.min_words)
    yield from _above("gopher: words", page.word_count, settings.max_words)
    mean = page.mean_word_length()
    yield from _below("gopher: mean_word_characters", mean, settings.min_mean_word_characters)
    yield from _above("gopher: mean_word_characters", mean, settings.max_mean_word_characters)
    ellipses = sum(map(page.text.count, gopher.ELLIPSES))
    yield from _above("gopher: hash_ratio", page.per_word(page.text.count("#")), settings.max_hash_ratio)
    yield from _above("gopher: ellipsis_ratio", page.per_word(ellipses), settings.max_ellipsis_ratio)
    bullets = sum(line.startswith(gopher.BULLETS) for line in page.lines)
    yield from _above("gopher: bullet_lines", page.share(bullets), settings.max_bullet_lines)
    ellipsis_lines = sum(line.endswith(gopher.ELLIPSES) for line in page.lines)
    yield from _above("gopher: ellipsis_lines", page.share(ellipsis_lines), settings.max_ellipsis_lines)
    if page.words:
        # In a script without spaces a run of characters is many words, so one number per run is not half of all words.
        others = sum(not (word.isalpha() or any(map(str.isalpha, word))) for word in page.words)
        alphabetic = page.per_word(page.word_count - others)
        yield from _below("gopher: alphabetic_words", alphabetic, settings.min_alphabetic_words)
    if settings.stop_words and page.has_stop_words:
        found = len(set(settings.stop_words).intersection(map(str.lower, page.words)))
        yield from _below("gopher: stop_words", found, settings.min_stop_words)


def _c4(page: Page, settings: DocumentRuleSettings) -> Iterator[Finding]:
    if not has_no_full_stops(page.text):
        yield from _below("c4: sentences", count_sentences(page.text), settings.min_sentences)
    if settings.drop_lorem_ipsum:
        yield from _above("c4: lorem_ipsum", page.text.lower().count(c4.LOREM_IPSUM), 0)
    if settings.drop_curly_brackets:
        yield from _above("c4: curly_brackets", page.text.count("{"), 0)


def _fineweb(page: Page, settings: DocumentRuleSettings) -> Iterator[Finding]:
    if not has_no_full_stops(page.text):
        punctuated = page.share(sum(map(ends_sentence, page.lines)))
        yield from _below("fineweb: punctuated_lines", punctuated, settings.min_punctuated_lines)
    short = page.share(page.short_lines(settings.short_line_characters))
    yield from _above("fineweb: short_lines", short, settings.max_short_lines)
    newlines = page.per_word(page.text.count("\n"))
    yield from _above("fineweb: newlines_per_word", newlines, settings.max_newlines_per_word)


def _repeated_lines(page: Page, settings: DocumentRuleSettings) -> Iterator[Finding]:
    different = set(page.lines)
    # Like the signal, so that both round alike: 1 - 7 / 10 is above 0.3.
    duplicates = 1.0 - page.share(len(different)) if different else 0.0
    yield from _above("gopher: duplicate_lines", duplicates, settings.max_duplicate_lines)
    repeated = page.per_character(sum(map(len, page.lines)) - sum(map(len, different)))
    yield from _above("gopher: duplicate_line_characters", repeated, settings.max_duplicate_line_characters)


def _repeated_ngrams(page: Page, settings: DocumentRuleSettings) -> Iterator[Finding]:
    if not page.has_words:
        return
    bounds = (
        settings.max_top_bigram_characters,
        settings.max_top_trigram_characters,
        settings.max_top_fourgram_characters,
    )
    for size, bound in enumerate(bounds, 2):
        share = page.per_character(page.top_ngram_characters(size))
        yield from _above(f"gopher: top_{size}gram_characters", share, bound)
