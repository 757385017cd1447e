"""Hypothesis strategies: operations that each dialect can say, and chunks to say them of."""

from collections.abc import Mapping

from hypothesis import strategies as st

from prox_assets.programs import (
    DialectName,
    InsertLine,
    KeepChunk,
    Operation,
    RemoveAll,
    RemoveAllLines,
    RemoveLines,
    ReplaceInLine,
    Rewrite,
)
from prox_assets.testing.programs.cases import normalizations, strings

LINE_COUNT = 12
"""Lines of the chunks that the operations name."""

_lines = st.integers(0, LINE_COUNT - 1)
_characters = strings.map(lambda text: text.encode("utf-8", "ignore").decode())  # no lone surrogates
keep = st.just(KeepChunk())
remove_all = st.just(RemoveAll())
removals = st.tuples(_lines, _lines).map(lambda span: RemoveLines(min(span), max(span)))
only_replacements = st.builds(ReplaceInLine, _lines, strings, strings)
only_deletions = st.builds(ReplaceInLine, _lines, strings)
first_deletions = st.builds(ReplaceInLine, _lines, _characters, st.just(""), st.just("first"))
insertions = st.builds(InsertLine, st.integers(-1, LINE_COUNT - 1), strings, st.integers(0, 9))
_paragraphs = st.lists(st.sampled_from(["A text.", "It goes on", "rm is a command", "中文", "", " <p> "]), min_size=1)
rewrites = _paragraphs.map("\n".join).map(str.strip).filter(bool).map(Rewrite)


def _some(*operations: st.SearchStrategy[Operation]) -> st.SearchStrategy[list[Operation]]:
    return st.lists(st.one_of(*operations), min_size=1, max_size=6)


@st.composite
def _rescraper(draw: st.DrawFn) -> list[Operation]:
    before: list[Operation] = draw(st.lists(removals, max_size=4))
    rest = draw(
        st.one_of(
            _some(removals, first_deletions),
            st.one_of(remove_all, rewrites).map(lambda last: [last]),
            keep.map(lambda alone: [] if before else [alone]),
        )
    )
    return [*before, *rest]


SAYABLE: Mapping[DialectName, st.SearchStrategy[list[Operation]]] = {
    "prox": _some(keep, removals, st.just(RemoveAllLines()), normalizations),
    "line-labels": _some(removals, normalizations),
    "canonical": _some(
        keep, removals, remove_all, normalizations, only_replacements, first_deletions, insertions, rewrites
    ),
    "ultrax": _some(keep, remove_all, removals, only_replacements, insertions),
    "rescraper": _rescraper(),
    "refinex": _some(keep, removals, only_deletions),
    "dataorchestra-np": _some(keep, removals),
}
"""Programs that the dialects can say about a chunk of LINE_COUNT lines that begins the document."""
