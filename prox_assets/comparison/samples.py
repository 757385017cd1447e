"""Chooses the documents that are shown for each pair of refiners; the same seed chooses the same ones."""

import heapq
from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
import xxhash

from prox_assets.catalog.printable import printable
from prox_assets.comparison.contents import Sample, SampleKind, SampleLine
from prox_assets.comparison.counting import Batch
from prox_assets.comparison.reading import Refined

LINES = 6
CHARACTERS = 160

_Entry = tuple[float, float, int, Sample]


class Samples:
    """The best few documents of each kind for each pair, chosen while they pass by.

    Of documents that both keep, those on which they differ in most lines; of documents that only one keeps, some at
    random.

    Args:
        corpora: The compared corpora.
        each: How many of each kind.
        seed: Decides about the random ones, and between equals.
    """

    def __init__(self, corpora: Sequence[str], each: int, seed: int) -> None:
        self._corpora = corpora
        self._each = each
        self._seed = seed
        self._heaps: dict[tuple[int, int, SampleKind], list[_Entry]] = {
            (*pair, kind): [] for pair in combinations(range(len(corpora)), 2) for kind in SampleKind
        }
        self._made = 0

    def add(self, batch: Batch, alone: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
        """Look at a batch.

        Args:
            batch: The batch.
            alone: What `Counts.add` returned for it.
        """
        if not self._each:
            return
        chances = np.array([self._chance(batch, place) for place in range(len(batch.documents))])
        for first, (only_first, only_second) in enumerate(alone):
            for offset in range(len(only_first)):
                second = first + 1 + offset
                judged = batch.decided[first] & batch.decided[second]
                keeps = batch.kept[first], batch.kept[second]
                differing = only_first[offset] + only_second[offset]
                for kind, where, scores in (
                    (SampleKind.FIRST_KEEPS, judged & keeps[0] & ~keeps[1], np.zeros(len(chances))),
                    (SampleKind.SECOND_KEEPS, judged & keeps[1] & ~keeps[0], np.zeros(len(chances))),
                    (SampleKind.LINES, keeps[0] & keeps[1] & (differing > 0), differing),
                ):
                    self._offer(batch, (first, second, kind), where, scores, chances, differing)

    def _offer(
        self,
        batch: Batch,
        key: tuple[int, int, SampleKind],
        where: np.ndarray,
        scores: np.ndarray,
        chances: np.ndarray,
        differing: np.ndarray,
    ) -> None:
        heap = self._heaps[key]
        places = np.flatnonzero(where)
        best = places[np.lexsort((chances[places], scores[places]))][::-1][: self._each]
        for place in best.tolist():
            worth = float(scores[place]), float(chances[place])
            if len(heap) == self._each and worth <= heap[0][:2]:
                return
            self._made += 1
            entry = (*worth, self._made, self._sample(batch, place, key, int(differing[place])))
            (heapq.heappush if len(heap) < self._each else heapq.heapreplace)(heap, entry)

    def _chance(self, batch: Batch, place: int) -> float:
        raw = batch.documents[place].raw
        name = f"{raw.source_file}\0{raw.source_row}"
        return xxhash.xxh3_64_intdigest(name.encode(), self._seed) / 2**64

    def _sample(self, batch: Batch, place: int, key: tuple[int, int, SampleKind], differing: int) -> Sample:
        first, second, kind = key
        document = batch.documents[place]
        names = self._corpora[first], self._corpora[second]
        both = kind is SampleKind.LINES
        lines = _differing_lines(batch, place, first, second, names) if both else _longest(batch, place)
        return Sample(
            kind=kind,
            first=names[0],
            second=names[1],
            source_file=document.raw.source_file,
            source_row=document.raw.source_row,
            url=document.raw.url,
            doc_ids={corpus: side.doc_id for corpus, side in zip(self._corpora, document.sides, strict=True)},
            outcomes={
                self._corpora[side]: ": ".join(
                    filter(None, (document.sides[side].outcome, document.sides[side].reason))
                )
                for side in (first, second)
            },
            differing_lines=differing,
            visible_lines=len(batch.visible[place]),
            lines=tuple(lines),
        )

    def chosen(self) -> Iterator[Sample]:
        """Yield the chosen documents, by pair and kind, the best first."""
        for heap in self._heaps.values():
            for entry in sorted(heap, key=lambda entry: entry[:2], reverse=True):
                yield entry[3]


def _differing_lines(batch: Batch, place: int, first: int, second: int, names: tuple[str, str]) -> Iterator[SampleLine]:
    """Yield lines that only one of the two removes: half of those shown are the first's, if it has so many."""
    of = batch.lines_of(place)
    removed = batch.removed[first, of], batch.removed[second, of]
    only = [np.flatnonzero(one & ~other).tolist() for one, other in (removed, removed[::-1])]
    half = LINES // 2
    shown = [places[: max(half, LINES - len(other))] for places, other in zip(only, reversed(only), strict=True)]
    by = {line: names[side] for side, places in enumerate(shown) for line in places}
    text = batch.documents[place].raw.text.split("\n")
    for line in sorted(by):
        number = int(batch.visible[place][line])
        yield SampleLine(number=number, text=_short(text[number]), removed_by=by[line])


def _longest(batch: Batch, place: int) -> Iterator[SampleLine]:
    """Yield the longest lines, in order: the first ones of a page are often menus, whatever the page is about."""
    text = batch.documents[place].raw.text.split("\n")
    for number in sorted(heapq.nlargest(LINES, batch.visible[place].tolist(), key=lambda number: len(text[number]))):
        yield SampleLine(number=number, text=_short(text[number]), removed_by=None)


def _fate(refined: Refined) -> str:
    return f"{refined.outcome.value}: {refined.reason}" if refined.reason else refined.outcome.value


def _short(line: str) -> str:
    line = line.strip()
    return printable(line if len(line) <= CHARACTERS else f"{line[:CHARACTERS]}…")
