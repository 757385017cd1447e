"""Years of daily shards of any size, for `drift_simulation`: the world and refiner of drift_world.py without the text.

A day of 10,000 pages takes the platform's own code half a minute, and a year has 364 of them. Here pages are counts of
lines, characters and tokens, drawn as drift_world.py draws their text, and the refiner's answers and the executor's
verdicts are applied to the counts. `python -m benchmarks.drift_simulation --compare` shows how near the resulting
metrics are to those of the platform's own code.
"""

import copy
import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from benchmarks.support.drift_refiner import CHUNK_LINES, NO_FAULT, PROMPT_TOKENS, RefinerFault, count_tokens
from benchmarks.support.drift_world import (
    COMMON,
    CORPORA,
    CorpusKind,
    NewSite,
    language_mix,
    paragraph,
    template_line,
    vocabulary,
)
from prox_assets.monitoring.metrics.texts import REPETITION_SAMPLE
from prox_assets.monitoring.metrics.watched import (
    LENGTH_BINS,
    OPERATION_BINS,
    OVER_DELETED_SHARE,
    REPETITION_AMONG,
    REPETITION_LINE_CHARACTERS,
    SHARE_BINS,
)

DAYS_A_WEEK = 7
DAYS = 52 * DAYS_A_WEEK
TEMPLATE_LINES = 16
MIN_KEPT_SHARE = 0.05  # ExecutionPolicy.min_kept_share
HEAD_CHARACTERS = 6_000
LANGUAGES = tuple(COMMON)
TEMPLATE = len(LANGUAGES)
# Kinds of lines.
BOILERPLATE, NOISE, CONTENT = range(3)

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class WordStatistics:
    """Means and standard deviations per word, by language: of characters, and of tokens of the two tokenizers.

    Attributes:
        characters: Shape (languages + 1, 2); the last is of menus and footers.
        tokens: Shape (2 tokenizers, languages + 1, 2).
    """

    characters: Array
    tokens: Array


@cache
def word_statistics(paragraphs: int = 300, words: int = 40) -> WordStatistics:
    """Measure words of the simulated languages, and how the simulated tokenizers cut them."""
    rng = np.random.default_rng(3)
    characters, tokens = [], ([], [])
    for language in (*LANGUAGES, None):
        texts = [
            paragraph(rng, language, words) if language else template_line(rng, vocabulary("english")[0], words)
            for _ in range(paragraphs)
        ]
        per_word = np.array([len(text) + 1 for text in texts]) / words
        characters.append((per_word.mean(), per_word.std() * math.sqrt(words)))
        for number, other in enumerate((False, True)):
            counts = np.array([count_tokens(text, other) for text in texts]) / words
            tokens[number].append((counts.mean(), counts.std() * math.sqrt(words)))
    return WordStatistics(np.array(characters), np.array(tokens))


class DailyCorpus:
    """One corpus over a year, a shard a day."""

    def __init__(self, kind: CorpusKind, seed: int, documents: int) -> None:
        """Draw the corpus's sites.

        Args:
            kind: Its parameters; their number of documents is not used.
            seed: Seed of all its randomness.
            documents: Pages of a normal day.
        """
        self._kind, self._documents = kind, documents
        self._rng = np.random.default_rng([seed, CORPORA.index(kind), documents])
        # The last site is the one that a fault brings.
        count = kind.sites + 1
        self._lines = np.zeros(count, dtype=int)
        self._characters = np.zeros((count, TEMPLATE_LINES))
        self._known = np.zeros((count, TEMPLATE_LINES), dtype=bool)
        self._ids = np.zeros((count, TEMPLATE_LINES), dtype=int)
        self._next_id = 1
        for site in range(count):
            self._design(site)
        self._quality, self._length = self._rng.normal(0, 0.7, count), self._rng.normal(0, 0.25, count)
        self._quality[-1] = 0.5  # good enough to be kept, or its boilerplate would never get through
        self._weights = self._rng.lognormal(0, 0.7, kind.sites)
        self._phase = self._rng.uniform(0, 2 * math.pi)
        self._new: NewSite | None = None

    def _design(self, site: int, lines: int | None = None, recognised: float = 0.9) -> None:
        rng = self._rng
        self._lines[site] = lines or int(rng.integers(4, 14))
        words = rng.integers(2, 6, TEMPLATE_LINES)
        mean, spread = word_statistics().characters[TEMPLATE]
        drawn = rng.normal(words * mean, spread * np.sqrt(words)) - 1
        self._characters[site] = np.maximum(3, np.round(drawn))
        self._known[site] = rng.random(TEMPLATE_LINES) < recognised
        self._ids[site] = np.arange(self._next_id, self._next_id + TEMPLATE_LINES)
        self._next_id += TEMPLATE_LINES

    def day(
        self,
        day: int,
        fault: RefinerFault = NO_FAULT,
        new_site: NewSite | None = None,
        extra_language: tuple[str, float] | None = None,
    ) -> dict[str, Any]:
        """Return the row of `shard_metrics` of a day. Must be called for every day in order, from day 0.

        Args:
            day: Number of the day.
            fault: How the refiner is broken.
            new_site: A new site with a share of this day's pages.
            extra_language: A language, and the share of all pages it gains.
        """
        rng, kind = self._rng, self._kind
        self._weights *= np.exp(rng.normal(0, 0.06 / math.sqrt(DAYS_A_WEEK), kind.sites))
        for site in np.flatnonzero(rng.random(kind.sites) < 1 / (80 * DAYS_A_WEEK)):
            self._design(int(site))
        if new_site is not None and new_site != self._new:
            self._design(kind.sites, new_site.lines, recognised=0.0)
        self._new = new_site
        # Fewer pages come in at weekends.
        weekend = 0.6 if day % DAYS_A_WEEK >= 5 else 1.0
        few = 0.2 if rng.random() < 0.05 else 1.0
        count = max(1, int(self._documents * weekend * few * math.exp(rng.normal(0, 0.15))))
        season = math.sin(2 * math.pi * day / DAYS + self._phase)
        mood, stretch = rng.normal(0, 0.12) + 0.15 * season, rng.normal(0, 0.04) + 0.06 * season
        skill = 1 + rng.normal(0, 0.01)
        languages, shares = self._mix(season, extra_language)
        sites = rng.choice(kind.sites, count, p=self._weights / self._weights.sum())
        if new_site is not None:
            sites[rng.random(count) < new_site.share] = kind.sites
        language = rng.choice(languages, count, p=shares)
        logits = kind.quality + self._quality[sites] + mood + rng.normal(0, 1.3, count)
        words = kind.words * np.exp(self._length[sites] + stretch + rng.normal(0, kind.spread, count))
        long = rng.random(count) < 0.02
        words[long] *= 1 + rng.pareto(1.5, int(long.sum()))
        lines = _lines(rng, np.clip(words, 12, 3_000).astype(int), language, self, sites, fault)
        return _metrics(rng, kind, lines, logits, language, fault, skill, f"day-{day:03}")

    def _mix(self, season: float, extra: tuple[str, float] | None) -> tuple[Array, Array]:
        shares, values = language_mix(self._kind.languages, self._rng, season, extra)
        return np.array([LANGUAGES.index(language) for language in shares]), values

    def resized(self, documents: int) -> "DailyCorpus":
        """Return a copy of the corpus as it is now, with this many pages a day."""
        other = copy.deepcopy(self)
        other._documents = documents
        return other

    def template(self, sites: Array) -> tuple[Array, Array, Array, Array, Array]:
        """Return document, place, characters, known and id of every template line of pages on these sites."""
        there = np.arange(TEMPLATE_LINES) < self._lines[sites][:, None]
        document, place = np.nonzero(there)
        site = sites[document]
        # Two thirds of a template are the menu; the footer comes after the text.
        footer = place >= np.maximum(1, self._lines[site] * 2 // 3)
        return (
            document,
            place + footer * 1_000.0,
            self._characters[site, place],
            self._known[site, place],
            self._ids[site, place],
        )


@dataclass(frozen=True)
class _Lines:
    """All lines of a day's pages, in order: one entry per line."""

    document: Array
    kind: Array
    known: Array
    characters: Array
    tokens: Array
    ids: Array  # equal for equal lines; 0 for lines that occur once


def _lines(
    rng: np.random.Generator, words: Array, language: Array, corpus: DailyCorpus, sites: Array, fault: RefinerFault
) -> _Lines:
    """Draw the lines of pages with these numbers of words."""
    count = len(words)
    statistics = word_statistics()
    document, place, length, noisy = [np.arange(count)], [np.full(count, 100.0)], [rng.integers(4, 9, count)], []
    left, open_, number = words.copy(), np.arange(count), 0
    while len(open_):
        drawn = np.minimum(left[open_], rng.integers(25, 90, len(open_)))
        document.append(open_)
        place.append(np.full(len(open_), 101.0 + 2 * number))
        length.append(drawn)
        noise = open_[rng.random(len(open_)) < 0.25]
        noisy.append((noise, np.full(len(noise), 102.0 + 2 * number)))
        left[open_] -= drawn
        open_, number = open_[left[open_] > 0], number + 1
    content, content_place, content_words = np.concatenate(document), np.concatenate(place), np.concatenate(length)
    noise, noise_place = (np.concatenate(parts) for parts in zip(*noisy, strict=True))
    boilerplate, boilerplate_place, boilerplate_characters, known, ids = corpus.template(sites)
    mean, spread = statistics.characters[language[content]].T
    content_characters = np.maximum(5, rng.normal(content_words * mean, spread * np.sqrt(content_words)))
    # A third of the noise lines are "Share this | 2-400 comments"; the others have names and dates, and differ.
    shared = rng.random(len(noise)) < 1 / 3
    characters = np.round(
        np.concatenate(
            [content_characters, boilerplate_characters, np.where(shared, 25, rng.integers(24, 32, len(noise)))]
        )
    )
    of = statistics.tokens[int(fault.tokenizer)]
    mean, spread = of[language[content]].T
    template, per_character = of[TEMPLATE], of[TEMPLATE, 0] / statistics.characters[TEMPLATE, 0]
    tokens = np.concatenate(
        [
            rng.normal(content_words * mean, spread * np.sqrt(content_words)),
            boilerplate_characters * per_character * rng.normal(1, template[1] / template[0] / 2, len(boilerplate)),
            rng.normal(12, 1, len(noise)),
        ]
    )
    lines = _Lines(
        np.concatenate([content, boilerplate, noise]),
        np.repeat([CONTENT, BOILERPLATE, NOISE], [len(content), len(boilerplate), len(noise)]),
        np.concatenate([np.ones(len(content), dtype=bool), known, np.ones(len(noise), dtype=bool)]),
        characters,
        np.maximum(1, np.round(tokens)) + 1,  # and the line break
        np.concatenate(
            [np.zeros(len(content), dtype=int), ids, np.where(shared, -rng.integers(2, 400, len(noise)), 0)]
        ),
    )
    order = np.lexsort([np.concatenate([content_place, boilerplate_place, noise_place]), lines.document])
    return _Lines(*(values[order] for values in vars(lines).values()))


def _metrics(
    rng: np.random.Generator,
    kind: CorpusKind,
    lines: _Lines,
    logits: Array,
    language: Array,
    fault: RefinerFault,
    skill: float,
    shard: str,
) -> dict[str, Any]:
    """Refine the pages, and measure them."""
    count = len(logits)
    keep = 1 / (1 + np.exp(fault.drop_logit - logits))
    shown = keep >= 0.5
    per_document = np.bincount(lines.document, minlength=count)
    before = np.bincount(lines.document, lines.characters + 1, count) - 1
    tokens = np.bincount(lines.document, lines.tokens, count)
    first = np.cumsum(per_document) - per_document
    place = np.arange(len(lines.document)) - first[lines.document]
    chunks = np.where(shown, -(-per_document // CHUNK_LINES), 0)
    chunk = (np.cumsum(chunks) - chunks)[lines.document] + place // CHUNK_LINES
    total = int(chunks.sum())
    answered = rng.random(total) >= fault.no_op
    cut = answered & (rng.random(total) < 1 / 400 + fault.truncated)
    failed = cut | (answered & (rng.random(total) < 1 / 300))
    mine = shown[lines.document]
    remove = np.array([0.93 * skill, 0.67 * skill, 0.01 + fault.content_removed])[lines.kind]
    gone = mine & (rng.random(len(lines.kind)) < np.where(lines.known, remove, 0.02))
    written = np.zeros(total, dtype=bool)
    written[chunk[gone]] = True
    gone[mine] &= (answered & ~failed)[chunk[mine]]
    # Removed lines that follow each other in a chunk are one call.
    follows = np.zeros(len(gone), dtype=bool)
    follows[1:] = gone[:-1] & (chunk[1:] == chunk[:-1]) & (lines.document[1:] == lines.document[:-1])
    operations = np.bincount(lines.document[gone & ~follows], minlength=count)
    after = np.maximum(before - np.bincount(lines.document, gone * (lines.characters + 1), count), 0)
    left = np.where(shown, after / before, 0.0)
    emptied = shown & (left <= MIN_KEPT_SHARE)
    left[emptied] = 0.0
    kept = shown & ~emptied
    rejected = int(rng.binomial(count, 0.001))
    return {
        "corpus": kind.name,
        "shard": shard,
        "documents_in": count,
        "dropped_by_document": int((~shown).sum()),
        "dropped_by_chunks": int(emptied.sum()),
        "quarantined": 0,
        "rows_rejected": rejected,
        "chunks": total,
        "chunks_skipped": 0,
        "programs_executed": total,
        "programs_failed": int(failed.sum()),
        "programs_truncated": int(cut.sum()),
        "programs_looping": 0,
        "programs_no_op": int((~failed & ~(written & answered)).sum()),
        "documents_executed": int(shown.sum()),
        "documents_over_deleted": int((shown & (left <= 1 - OVER_DELETED_SHARE)).sum()),
        "keep_probability_histogram": _shares(keep) if kind.scored else None,
        "retention_histogram": _shares(left),
        "removed_fraction_histogram": _shares(1 - left[kept]),
        "length_histogram": _powers(before, LENGTH_BINS),
        "operations_histogram": _powers(operations[shown], OPERATION_BINS),
        "documents_by_language": [
            {"language": LANGUAGES[number], "count": int(of)}
            for number, of in enumerate(np.bincount(language, minlength=len(LANGUAGES)))
            if of
        ],
        **_repetition(lines, gone, kept),
        "doc_prompted": _prompted(PROMPT_TOKENS + tokens, before, before <= HEAD_CHARACTERS),
        "chunk_prompted": _prompted(PROMPT_TOKENS * chunks + tokens + 3 * per_document, before, shown),
        "metadata_keys": ["url"],
        "doc_refiner": "simulated",
        "chunk_refiner": "simulated",
        "execution_fingerprint": "simulated",
    }


def _shares(values: Array) -> list[int]:
    bins = np.clip((values * SHARE_BINS).astype(int), 0, SHARE_BINS - 1)
    return np.bincount(bins, minlength=SHARE_BINS).tolist()


def _powers(values: Array, bins: int) -> list[int]:
    powers = np.where(values < 1, 0, np.floor(np.log2(values + 0.5)) + 1).astype(int)
    return np.bincount(np.clip(powers, 0, bins - 1), minlength=bins).tolist()


def _prompted(tokens: Array, characters: Array, whole: Array) -> dict[str, Any] | None:
    tokens, characters = tokens[whole], characters[whole]
    if not len(tokens):
        return None
    residual = ((tokens - characters * (tokens.sum() / characters.sum())) ** 2).sum()
    return {
        "documents": len(tokens),
        "tokens": int(tokens.sum()),
        "characters": int(characters.sum()),
        "residual": float(residual),
    }


def _repetition(lines: _Lines, gone: Array, kept: Array) -> dict[str, Any]:
    """Count the lines that several of the first documents share, as `watched.repetition_of` does."""
    sampled = np.zeros(len(kept), dtype=bool)
    sampled[np.flatnonzero(kept)[:REPETITION_SAMPLE]] = True
    size = int(sampled.sum())
    used = sampled[lines.document] & ~gone & (lines.characters >= REPETITION_LINE_CHARACTERS)
    document, ids = lines.document[used], lines.ids[used]
    shared = ids != 0
    once = np.unique(np.column_stack([document[shared], ids[shared]]), axis=0)  # a line counts once per document
    _, inverse, times = np.unique(once[:, 1], return_inverse=True, return_counts=True)
    others = (times[inverse] - 1) / max(1, size - 1)
    expected = 1 - (1 - others) ** (REPETITION_AMONG - 1)
    per_document = np.bincount(once[:, 0], expected, len(kept))[sampled]
    number = (np.bincount(document[~shared], minlength=len(kept)) + np.bincount(once[:, 0], minlength=len(kept)))[
        sampled
    ]
    total = int(number.sum())
    share = float(per_document.sum()) / total if total else 0.0
    return {
        "repetition_documents": size,
        "repetition_lines": total,
        "repetition_expected": float(per_document.sum()),
        "repetition_residual": float(((per_document - share * number) ** 2).sum()),
    }
