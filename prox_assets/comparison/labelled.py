"""Scores compared documents that are labelled pages, with the measures of the refiner lab."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import numpy as np

from prox_assets.comparison.contents import Estimate, Labelled, LabelledScores, ScoreDifference
from prox_assets.comparison.counting import removed_lines
from prox_assets.comparison.reading import MatchedDocument, RawDocument
from prox_assets.training.data.pages import REGIMES, LabelledPage, Regime, read_labelled_pages
from prox_assets.training.evaluation.bootstrap import SHARE, paired_difference, resampled_means
from prox_assets.training.evaluation.evaluate import labelled_lines
from prox_assets.training.evaluation.measures import BinaryCounts, mean, word_f1

ID_COLUMNS = ("page_id", "id")
"""Columns of a corpus that may hold a page's id."""


@dataclass
class _Side:
    """What one refiner scored on the pages of one regime."""

    word_f1: dict[str, float] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)
    removed: BinaryCounts = field(default_factory=BinaryCounts)
    removed_of_kept: BinaryCounts = field(default_factory=BinaryCounts)


class LabelledPages:
    """The pages of a file, in memory, and what refiners scored on them.

    Args:
        path: The file; pages without gold text are left out.
        corpora: The compared corpora.

    Raises:
        PagesError: The file cannot be read, or is of another kind.
    """

    def __init__(self, path: Path, corpora: Sequence[str]) -> None:
        self._corpora = corpora
        self._named: dict[str, list[LabelledPage]] = defaultdict(list)
        self._pages = 0
        for page in read_labelled_pages(path):
            if not page.is_silver:
                self._pages += 1
                for name in {page.url, page.page_id} - {""}:
                    self._named[name].append(page)
        self._sites: dict[Regime, dict[str, str]] = defaultdict(dict)
        self._raw: dict[Regime, dict[str, float]] = defaultdict(dict)
        self._sides: dict[Regime, list[_Side]] = defaultdict(lambda: [_Side() for _ in corpora])
        self._counts: Counter[str] = Counter()

    def add(self, documents: Iterable[MatchedDocument]) -> None:
        """Score the documents that are pages: same address or id, and the same text in one of the regimes."""
        for document in documents:
            self._add(document)

    def _add(self, document: MatchedDocument) -> None:
        pages = [page for name in _names(document.raw) for page in self._named.get(name, ())]
        found: list[tuple[LabelledPage, Regime]] = [
            (page, regime) for page in pages for regime in REGIMES if page.text(regime) == document.raw.text
        ]
        if not found:
            self._counts["other_text"] += bool(pages)
            return
        page, regime = found[0]
        if page.page_id in self._sites[regime]:
            return  # the corpus has the page twice
        self._counts["found"] += 1
        self._counts["trained_on"] += page.split == "train"
        self._sites[regime][page.page_id] = page.site
        self._raw[regime][page.page_id] = word_f1(document.raw.text, page.gold)
        labels = labelled_lines(page, regime)
        numbers = np.array([*labels], dtype=np.int64)
        for side, refined in zip(self._sides[regime], document.sides, strict=True):
            side.word_f1[page.page_id] = word_f1(refined.text or "", page.gold)
            removed = removed_lines(refined, numbers)
            for counts in (side.removed, side.removed_of_kept)[: 2 if refined.kept else 1]:
                for was_removed, label in zip(removed.tolist(), labels.values(), strict=True):
                    counts.add(was_removed, label == 0)
            if refined.kept:
                side.kept.add(page.page_id)

    def contents(self, seed: int) -> Labelled:
        """Return what was found."""
        regimes: list[Regime] = [regime for regime in REGIMES if self._sites[regime]]
        return Labelled(
            pages=self._pages,
            found=self._counts["found"],
            other_text=self._counts["other_text"],
            trained_on=self._counts["trained_on"],
            raw={regime: mean(self._raw[regime].values()) for regime in regimes},
            scores=tuple(
                _scores(corpus, regime, side, self._sites[regime], seed)
                for regime in regimes
                for corpus, side in zip(self._corpora, self._sides[regime], strict=True)
            ),
            differences=tuple(
                _difference(first, second, regime, self._sites[regime], seed)
                for regime in regimes
                for first, second in combinations(zip(self._corpora, self._sides[regime], strict=True), 2)
            ),
        )


def _names(raw: RawDocument) -> list[str]:
    """Return the names by which a page may know a document, without repeats."""
    columns = json.loads(raw.metadata or "{}")
    ids = [columns.get(name) for name in ID_COLUMNS]
    return [*dict.fromkeys(name for name in (raw.url, *ids) if isinstance(name, str) and name)]


def _scores(corpus: str, regime: Regime, side: _Side, sites: Mapping[str, str], seed: int) -> LabelledScores:
    return LabelledScores(
        corpus=corpus,
        regime=regime,
        pages=len(side.word_f1),
        kept=len(side.kept),
        word_f1=_mean(side.word_f1, sites, seed),
        word_f1_of_kept=_mean({page: side.word_f1[page] for page in sorted(side.kept)}, sites, seed),
        removed_f1=side.removed.f1,
        removed_f1_of_kept=side.removed_of_kept.f1,
    )


def _mean(scores: Mapping[str, float], sites: Mapping[str, str], seed: int) -> Estimate:
    """Return the mean over pages, with an interval over sites."""
    if not scores:
        return Estimate(value=None)
    places = {site: place for place, site in enumerate(dict.fromkeys(sites[page] for page in scores))}
    sums, sizes = np.zeros((1, 1, len(places))), np.zeros(len(places))
    for page, score in scores.items():
        sums[0, 0, places[sites[page]]] += score
        sizes[places[sites[page]]] += 1
    if len(places) < 2:
        return Estimate(value=mean(scores.values()))
    low, high = np.quantile(resampled_means(sums, sizes, seed)[0], [(1 - SHARE) / 2, (1 + SHARE) / 2])
    return Estimate(value=mean(scores.values()), low=float(low), high=float(high))


def _difference(
    first: tuple[str, _Side], second: tuple[str, _Side], regime: Regime, sites: Mapping[str, str], seed: int
) -> ScoreDifference:
    found = paired_difference(first[1].word_f1, second[1].word_f1, sites, seed)
    return ScoreDifference(
        first=first[0], second=second[0], regime=regime, mean=found.mean, low=found.low, high=found.high
    )
