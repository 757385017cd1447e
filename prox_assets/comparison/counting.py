"""Counts what refiners did, by site and by pair of refiners, a batch of documents at a time.

What is kept in memory does not grow with the documents: sites share at most GROUPS rows of sums.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

import numpy as np
import xxhash

from prox_assets.catalog.queries.breakdowns import sites_of
from prox_assets.comparison.reading import MatchedDocument, Refined
from prox_assets.lake.schemas import Outcome
from prox_assets.programs.words import count_words

GROUPS = 1024
"""Rows of sums: each site has one of its own up to this number, and further ones are dealt out by their hash."""

REFINER_CELLS = (
    "decided",
    "kept",
    "characters_before",
    "characters_after",
    "words_before",
    "words_after",
    "tokens_before",
    "tokens_after",
    "lines",
    "lines_removed",
)
"""Sums for each refiner. `decided`: documents on which it did not fail. `lines`: visible ones of kept documents."""

LINE_CELLS = ("lines", "first", "second", "both")
"""Visible lines, and how many of them the first, the second, and both remove."""

PAIR_CELLS = (
    "documents",
    "first_keeps",
    "second_keeps",
    "both_keep",
    "same_text",
    *(f"all_{name}" for name in LINE_CELLS),
    *(f"kept_{name}" for name in LINE_CELLS),
)
"""Sums for each pair of refiners, over documents on which neither failed; `kept_` over those that both keep."""

CountTokens = Callable[[Sequence[str]], list[int]]


class Batch:
    """Some documents with what each refiner did, as arrays.

    Attributes:
        documents: D documents.
        visible: The numbers of each document's visible lines.
        kept: Which refiner keeps which document, shape (refiners, D).
        decided: On which documents it did not fail, likewise.
        removed: Which refiner removes which visible line, shape (refiners, L); all lines of a document that it drops.
        starts: Where each document's lines begin in L; its last element is L.
    """

    def __init__(self, documents: Sequence[MatchedDocument]) -> None:
        self.documents = documents
        self.visible = [visible_lines(document.raw.text) for document in documents]
        self.starts = np.concatenate([[0], np.cumsum([len(lines) for lines in self.visible], dtype=np.int64)])
        sides = range(len(documents[0].sides))
        failed = Outcome.QUARANTINED
        self.kept = np.array([[one.sides[side].kept for one in documents] for side in sides])
        self.decided = np.array([[one.sides[side].outcome is not failed for one in documents] for side in sides])
        self.removed = np.zeros((len(sides), int(self.starts[-1])), dtype=bool)
        for place, document in enumerate(documents):
            lines, start = self.visible[place], int(self.starts[place])
            for side, refined in enumerate(document.sides):
                self.removed[side, start : start + len(lines)] = removed_lines(refined, lines)

    def by_document(self, lines: np.ndarray) -> np.ndarray:
        """Return how many lines of each document are true, shape (..., D), given shape (..., L)."""
        before = np.zeros((*lines.shape[:-1], lines.shape[-1] + 1), dtype=np.int64)
        np.cumsum(lines, axis=-1, out=before[..., 1:])
        return before[..., self.starts[1:]] - before[..., self.starts[:-1]]

    def lines_of(self, place: int) -> slice:
        """Return which of the L lines are a document's."""
        return slice(int(self.starts[place]), int(self.starts[place + 1]))


class Counts:
    """The sums over all documents.

    Attributes:
        refiners: Shape (refiners, REFINER_CELLS, GROUPS).
        pairs: Shape (pairs, PAIR_CELLS, GROUPS), the pairs in the order of `combinations`.
        documents: Documents by group, shape (GROUPS,).
        outcomes: Documents by outcome, for each refiner.
        verdicts: Chunk programs by verdict, for each refiner.
        rewrites: Rewrites that were recorded and not executed, for each refiner.
        total: Documents.
        with_site: Documents whose site is known.

    Args:
        refiners: How many there are.
        count_tokens: Returns how many tokens each text has; None where tokens are not counted.
    """

    def __init__(self, refiners: int, count_tokens: CountTokens | None = None) -> None:
        self._pairs = list(combinations(range(refiners), 2))
        self._count_tokens = count_tokens
        self._groups: dict[str, int] = {}
        self.refiners = np.zeros((refiners, len(REFINER_CELLS), GROUPS))
        self.pairs = np.zeros((len(self._pairs), len(PAIR_CELLS), GROUPS))
        self.documents = np.zeros(GROUPS)
        self.outcomes: list[Counter[Outcome]] = [Counter() for _ in range(refiners)]
        self.verdicts: list[Counter[str]] = [Counter() for _ in range(refiners)]
        self.rewrites = [0] * refiners
        self.total = self.with_site = 0

    @property
    def groups(self) -> int:
        """How many groups have documents."""
        return int((self.documents > 0).sum())

    def add(self, batch: Batch) -> list[tuple[np.ndarray, np.ndarray]]:
        """Add documents.

        Returns:
            For each refiner but the last, how many lines only it and only each later one removes, both of shape
            (later refiners, D).
        """
        groups, dealt = np.unique(self._groups_of(batch), return_inverse=True)
        among = np.zeros((len(batch.documents), len(groups)))
        among[np.arange(len(batch.documents)), dealt] = 1.0
        self.documents[groups] += among.sum(0)
        self.total += len(batch.documents)
        for side, (outcomes, verdicts) in enumerate(zip(self.outcomes, self.verdicts, strict=True)):
            outcomes.update(document.sides[side].outcome for document in batch.documents)
            self.rewrites[side] += sum(document.sides[side].rewrites for document in batch.documents)
            verdicts.update(verdict for document in batch.documents for verdict in document.sides[side].verdicts)
        removed = batch.by_document(batch.removed)
        self.refiners[:, :, groups] += self._of_refiners(batch, removed) @ among
        return self._add_pairs(batch, removed, groups, among)

    def _groups_of(self, batch: Batch) -> np.ndarray:
        sites = sites_of([document.raw.url for document in batch.documents])
        self.with_site += sum(site is not None for site in sites)
        names = (
            site or f"{document.raw.source_file}\0{document.raw.source_row}"
            for site, document in zip(sites, batch.documents, strict=True)
        )
        return np.array([self._group(name) for name in names])

    def _group(self, site: str) -> int:
        if site not in self._groups and len(self._groups) < GROUPS:
            self._groups[site] = len(self._groups)
        known = self._groups.get(site)
        return xxhash.xxh3_64_intdigest(site.encode()) % GROUPS if known is None else known

    def _of_refiners(self, batch: Batch, removed: np.ndarray) -> np.ndarray:
        """Return the cells of each refiner and document, shape (refiners, REFINER_CELLS, D)."""
        texts = {document.raw.text_hash: document.raw.text for document in batch.documents}
        for document in batch.documents:
            texts |= {side.text_hash: side.text for side in document.sides if side.text_hash and side.text is not None}
        sizes = self._sizes(texts)
        nothing = (0, 0, 0)
        before = [sizes[document.raw.text_hash] for document in batch.documents]
        lines = np.diff(batch.starts)
        cells = np.zeros((len(batch.kept), len(REFINER_CELLS), len(before)))
        for side, (kept, decided) in enumerate(zip(batch.kept, batch.decided, strict=True)):
            after = [sizes.get(document.sides[side].text_hash or "", nothing) for document in batch.documents]
            cells[side, :2] = decided, kept
            cells[side, 2:8:2] = np.array(before).T
            cells[side, 3:9:2] = np.array(after).T
            cells[side, 8:] = lines * kept, removed[side] * kept
        return cells

    def _sizes(self, texts: Mapping[str, str]) -> dict[str, tuple[int, int, int]]:
        """Return characters, words and tokens of each text, by its hash."""
        tokens = self._count_tokens([*texts.values()]) if self._count_tokens else [0] * len(texts)
        return {
            name: (len(text), count_words(text), count)
            for (name, text), count in zip(texts.items(), tokens, strict=True)
        }

    def _add_pairs(
        self, batch: Batch, removed: np.ndarray, groups: np.ndarray, among: np.ndarray
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        hashes = _codes(batch.documents)
        lines = np.diff(batch.starts)
        alone: list[tuple[np.ndarray, np.ndarray]] = []
        done = 0
        for first in range(len(batch.kept) - 1):
            later = slice(first + 1, None)
            judged = batch.decided[first] & batch.decided[later]
            both_keep = batch.kept[first] & batch.kept[later]
            both = batch.by_document(batch.removed[first] & batch.removed[later])
            line_cells = (lines, removed[first], removed[later], both)
            cells = np.stack(
                [
                    judged,
                    judged & batch.kept[first],
                    judged & batch.kept[later],
                    both_keep,
                    both_keep & (hashes[first] == hashes[later]),
                    *(cell * judged for cell in line_cells),
                    *(cell * both_keep for cell in line_cells),
                ],
                axis=1,
            ).astype(float)
            self.pairs[done : done + len(both), :, groups] += cells @ among
            done += len(both)
            alone.append(((removed[first] - both) * judged, (removed[later] - both) * judged))
        return alone


def visible_lines(text: str) -> np.ndarray:
    """Return the numbers of the lines that show anything; agreement on blank lines would say nothing."""
    return np.array([number for number, line in enumerate(text.split("\n")) if line.strip()], dtype=np.int64)


def removed_lines(refined: Refined, lines: np.ndarray) -> np.ndarray:
    """Return which of some lines of a document a refiner removed: all of them if it did not keep the document."""
    if not refined.kept:
        return np.ones(len(lines), dtype=bool)
    found = np.zeros(len(lines), dtype=bool)
    for first, last in refined.removed:
        found[np.searchsorted(lines, first) : np.searchsorted(lines, last, "right")] = True
    return found


def _codes(documents: Sequence[MatchedDocument]) -> np.ndarray:
    """Return a number for each refined text, equal for equal texts of a document, shape (refiners, D)."""
    codes = np.empty((len(documents[0].sides), len(documents)), dtype=np.int64)
    for place, document in enumerate(documents):
        numbers: dict[str | None, int] = {}
        for side, refined in enumerate(document.sides):
            codes[side, place] = numbers.setdefault(refined.text_hash, len(numbers))
    return codes
