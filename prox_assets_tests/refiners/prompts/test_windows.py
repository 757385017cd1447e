"""UltraX's windows cover each line once and fit; ReScraper's pages are whole or skipped; both as released."""

import importlib.util
import os
import random
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prox_assets.programs import DIALECTS
from prox_assets.refiners.model.tokenization import PromptTokenizer
from prox_assets.refiners.prompts.chunk_prompts import ChunkPrompts, PlannedChunk
from prox_assets.refiners.prompts.formats import PromptFrame, label_lines
from prox_assets.refiners.prompts.windows import OverlappingPlanner, WholePagePlanner, Window, character_windows
from prox_assets_tests.refiners.prompts.test_formats import NASTY

FRAME = PromptFrame("", "")
ULTRAX, RESCRAPER = DIALECTS["ultrax"], DIALECTS["rescraper"]
LENGTHS = st.lists(st.integers(1, 40), min_size=1, max_size=60)
DOCUMENTS = st.lists(NASTY, min_size=1, max_size=12).map("\n".join)


def released_module(variable: str, path: str) -> ModuleType:
    """A module of released code, whose folder an environment variable names; the test skips without it."""
    folder = os.environ.get(variable)
    if not folder:
        pytest.skip(f"{variable} names no checkout of the released code")
    file = Path(folder) / path
    spec = importlib.util.spec_from_file_location(f"released_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


@given(lengths=LENGTHS, most=st.integers(1, 120), overlap=st.sampled_from([0.0, 0.2, 0.5]))
def test_windows_cover_each_line_once_and_repeat_no_more_than_their_share(lengths, most, overlap):
    windows = character_windows(lengths, most, overlap)
    assert [line for window in windows for line in range(window.start, window.end + 1)] == list(range(len(lengths)))

    def characters(first: int, last: int) -> int:
        return sum(lengths[first : last + 1]) + last - first

    for before, window in zip([None, *windows], windows, strict=False):
        assert window.shown_from <= window.start <= window.end
        assert characters(window.shown_from, window.end) <= most or window.shown_from == window.end
        if before is not None:
            again = sum(lengths[window.shown_from : before.end + 1])
            assert again <= overlap * characters(before.shown_from, before.end)


def test_a_window_that_shows_nothing_new_is_left_out():
    # The last two lines of the first window are shown again, and the long line after them leaves no room.
    assert character_windows([50, 5, 5, 90], 100, 0.2) == [Window(0, 0, 2), Window(3, 3, 3)]
    assert character_windows([50, 5, 5, 80], 100, 0.2) == [Window(0, 0, 2), Window(1, 3, 3)]
    assert character_windows([10, 10], 100, 0.2) == [Window(0, 0, 1)]


@given(text=DOCUMENTS, most=st.integers(20, 200), budget=st.integers(20, 90))
def test_each_window_shows_its_lines_by_the_numbers_of_the_document_and_fits(tokenizer, text, most, budget):
    prompts = ChunkPrompts(tokenizer, FRAME, budget, "document", ULTRAX)
    (chunks,) = OverlappingPlanner(prompts, most, 0.2).plan([text])
    lines = text.split("\n")
    assert [line for item in chunks for line in range(item.chunk.line_start, item.chunk.line_end + 1)] == [
        *range(len(lines))
    ]
    assert [item.chunk.index for item in chunks] == [*range(len(chunks))]
    for item in chunks:
        start, end = item.chunk.line_start, item.chunk.line_end
        own = len(tokenizer.opening) + len(tokenizer.encode([label_lines(lines[start : end + 1], start, ULTRAX)])[0])
        if item.chunk.skip_reason is None:
            assert len(item.prompt_token_ids) <= budget
            assert shown_from(tokenizer, item, lines) <= start
        else:
            assert (item.chunk.skip_reason, start) == ("line_longer_than_window", end)
            assert own > budget


def shown_from(tokenizer: PromptTokenizer, item: PlannedChunk, lines: list[str]) -> int:
    """The first line that a prompt shows: the one from which its tokens are those of the lines up to its last."""
    for first in range(item.chunk.line_start, -1, -1):
        shown = label_lines(lines[first : item.chunk.line_end + 1], first, ULTRAX)
        if tokenizer.opening + tokenizer.encode([shown])[0].token_ids == item.prompt_token_ids:
            return first
    raise AssertionError("the prompt shows other lines")


def test_rescraper_is_shown_the_lines_that_are_not_blank_with_white_space_collapsed():
    lines = ["", "  Home \t page", "\u00a0", "a\r", "", "b  c"]
    assert label_lines(lines, 0, RESCRAPER) == "<lid:1> Home page\n<lid:2> a\n<lid:3> b c"
    assert label_lines(["a", "", "b\r"], 6, ULTRAX) == "<lid:7>a\n<lid:8>\n<lid:9>b"


def test_a_page_that_does_not_fit_is_skipped_whole(tokenizer):
    prompts = ChunkPrompts(tokenizer, FRAME, 40, "chunk", RESCRAPER)
    (short,), (long,) = WholePagePlanner(prompts).plan(["one\n\ntwo", "word " * 100 + "\nmore"])
    assert (short.chunk.line_end, short.chunk.skip_reason) == (2, None)
    assert short.prompt_token_ids == tokenizer.opening + tokenizer.encode(["<lid:1> one\n<lid:2> two"])[0].token_ids
    assert long == PlannedChunk(long.chunk)
    assert (long.chunk.line_start, long.chunk.line_end, long.chunk.skip_reason) == (0, 1, "page_longer_than_window")


def random_text(rng: random.Random) -> str:
    """Lines of very different lengths: some blank, a few longer than a window."""
    kinds = [(0, 0), (1, 40), (40, 400), (400, 6_000), (9_000, 70_000)]
    weights = rng.choice([(5, 40, 40, 14, 1), (50, 49, 0, 0, 1), (1, 1, 1, 1, 1), (0, 0, 90, 10, 0)])
    lines = []
    for _ in range(rng.choice([1, 3, 60, 900, 4_000])):
        least, most = rng.choices(kinds, weights)[0]
        lines.append(rng.choice("abcé語") * rng.randint(least, most))
        if sum(map(len, lines[-50:])) > 400_000:
            break
    return rng.choice(["\n", "\r\n"]).join(lines)


def test_the_windows_are_those_of_the_released_ultrax_script(tokenizer):
    module = released_module("PROX_ULTRAX_CHECKOUT", "stage2_large_scale_execution/inference/inference.py")
    rng = random.Random(0)
    several = 0
    for _ in range(300):
        text = random_text(rng)
        released = module.split_by_sliding_window(text, 48_000, 0.2)
        lines = text.split("\n")
        lengths = [len(label_lines([line], number, ULTRAX)) for number, line in enumerate(lines)]
        ours = character_windows(lengths, 48_000, 0.2)
        expected = [each for each in released if each.overlap_start <= each.end_line]
        assert [(each.start_line, each.overlap_start, each.end_line) for each in expected] == [
            (window.shown_from + 1, window.start + 1, window.end + 1) for window in ours
        ]
        for window, each in zip(ours, expected, strict=True):
            assert label_lines(lines[window.shown_from : window.end + 1], window.shown_from, ULTRAX) == each.content
        several += len(ours) > 1
    assert several > 100


def test_the_lines_are_numbered_as_by_the_released_rescraper():
    module = released_module("PROX_RESCRAPER_CHECKOUT", "lib/editops.py")
    rng = random.Random(1)
    for _ in range(300):
        pieces = rng.choices(["a", "bc ", " ", "\t", "\u00a0", "\u2028", "\x1c", "é", "<lid:3> ", "\n", "\n\n"], k=40)
        text = "".join(pieces)
        # The released renderer collapses white space before it numbers the lines.
        rendered = "\n".join(" ".join(line.split()) for line in text.split("\n"))
        assert label_lines(text.split("\n"), 0, RESCRAPER) == module.number_lines(rendered)
