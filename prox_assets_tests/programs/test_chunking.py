"""Packing lines into chunks."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prox_assets.programs import LINE_LONGER_THAN_WINDOW, Chunk, pack_lines

counts = st.lists(st.integers(0, 20), max_size=60)


@given(counts, st.integers(1, 30), st.none() | st.integers(1, 10))
def test_chunks_cover_every_line_once_and_in_order(token_counts, budget, max_lines):
    chunks = pack_lines(token_counts, budget, max_lines=max_lines)

    covered = [line for chunk in chunks for line in range(chunk.line_start, chunk.line_end + 1)]
    assert covered == list(range(len(token_counts)))
    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))


@given(counts, st.integers(1, 30), st.integers(0, 10), st.none() | st.integers(1, 10))
def test_no_shown_chunk_exceeds_the_budget_or_the_line_limit(token_counts, room, overhead, max_lines):
    for chunk in pack_lines(token_counts, room + overhead, overhead=overhead, max_lines=max_lines):
        lines = chunk.line_end - chunk.line_start + 1
        tokens = sum(token_counts[chunk.line_start : chunk.line_end + 1])
        if chunk.skip_reason is None:
            assert tokens + overhead <= room + overhead
            assert lines <= (max_lines or lines)
        else:
            assert lines == 1
            assert tokens > room


@given(counts, st.integers(1, 30))
def test_packing_is_greedy(token_counts, budget):
    chunks = pack_lines(token_counts, budget)
    for chunk, following in itertools.pairwise(chunks):
        if chunk.skip_reason is None:
            assert sum(token_counts[chunk.line_start : following.line_start + 1]) > budget


def test_a_line_longer_than_the_window_is_a_skipped_chunk_between_its_neighbours():
    assert pack_lines([2, 2, 9, 2], budget=5) == [
        Chunk(0, 0, 1),
        Chunk(1, 2, 2, LINE_LONGER_THAN_WINDOW),
        Chunk(2, 3, 3),
    ]


def test_an_overhead_without_room_for_text_is_refused():
    with pytest.raises(ValueError, match="leaves no room"):
        pack_lines([1], budget=100, overhead=100)


def test_chunks_without_lines_are_refused():
    with pytest.raises(ValueError, match="at least 1"):
        pack_lines([1], budget=100, max_lines=0)
