"""Line numbers of every dialect, as lines of the document."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prox_assets.programs import (
    DIALECTS,
    Chunk,
    DialectName,
    ExecutionPolicy,
    InsertLine,
    KeepChunk,
    ParseError,
    ParseErrorReason,
    RemoveLines,
    ReplaceInLine,
    execute,
)
from prox_assets.programs.dialects.numbering import decided_before, number_by_document
from prox_assets.refiners.prompts.windows import character_windows
from prox_assets.testing.programs.dialect_cases import LINE_COUNT, SAYABLE
from prox_assets.testing.programs.dialect_inputs import NEW_DIALECTS

LINES = ["", "menu", " ", "", "The title", "text", "\t"]
CHUNK = Chunk(1, 10, 16)


def numbered(dialect: DialectName, *calls, line_numbers=None, chunk=CHUNK, lines=LINES):
    policy = ExecutionPolicy(dialect=dialect, line_numbers=line_numbers or DIALECTS[dialect].line_numbers)
    kind = DIALECTS[dialect]
    shown = kind.shown_lines(lines, chunk.line_start, policy.first_line_number(chunk))
    document = [*["a line"] * chunk.line_start, *lines]
    [earlier] = decided_before(kind, policy.line_numbers, document, [chunk])
    return number_by_document(calls, shown, earlier)


def test_ultrax_counts_the_lines_of_the_document_from_1():
    assert numbered("ultrax", RemoveLines(11, 17), ReplaceInLine(12, "a", "b"), InsertLine(11, "x", 2)) == (
        RemoveLines(10, 16),
        ReplaceInLine(11, "a", "b"),
        InsertLine(10, "x", 2),
    )


def test_refinex_and_the_noise_pruner_begin_at_0_in_each_chunk():
    for dialect in ("refinex", "dataorchestra-np"):
        assert numbered(dialect, RemoveLines(0, 6)) == (RemoveLines(10, 16),)
    assert numbered("refinex", RemoveLines(10, 16), line_numbers="document") == (RemoveLines(10, 16),)


def test_rescraper_counts_what_is_not_blank_and_a_removal_takes_the_blank_lines_after_it():
    assert numbered("rescraper", RemoveLines(1, 1), RemoveLines(2, 2), RemoveLines(3, 3), RemoveLines(1, 3)) == (
        RemoveLines(11, 13),
        RemoveLines(14, 14),
        RemoveLines(15, 16),
        RemoveLines(11, 16),
    )
    assert numbered("rescraper", ReplaceInLine(3, "e", "", "first")) == (ReplaceInLine(15, "e", "", "first"),)


@pytest.mark.parametrize("start", [-3, 0, 4, 9, 10**18 - 1])
def test_numbers_that_rescraper_did_not_show_are_outside_the_chunk(start):
    [removal] = numbered("rescraper", RemoveLines(start, start))
    assert isinstance(removal, RemoveLines)
    assert not (10 <= removal.start <= 16)
    [reversed_] = numbered("rescraper", RemoveLines(3, 2))
    assert isinstance(reversed_, RemoveLines)
    assert reversed_.start > reversed_.end


def test_the_largest_numbers_stay_readable():
    huge = 10**18 - 1
    for dialect in NEW_DIALECTS:
        for number in (huge, -huge):
            for call in numbered(
                dialect, RemoveLines(number, number), InsertLine(number, ""), ReplaceInLine(number, "a")
            ):
                assert isinstance(call, RemoveLines | InsertLine | ReplaceInLine)


def test_a_range_that_begins_in_the_window_before_is_cut():
    assert numbered("ultrax", RemoveLines(3, 12), RemoveLines(3, 10), RemoveLines(0, 12)) == (
        RemoveLines(10, 11),
        RemoveLines(2, 9),  # the executor says that the window before decided
        RemoveLines(-1, 11),  # the document has no line 0
    )
    assert numbered("canonical", RemoveLines(3, 12)) == (RemoveLines(3, 12),)
    # Numbers that restart in a chunk name no line of another.
    assert numbered("ultrax", RemoveLines(1, 2), line_numbers="chunk") == (RemoveLines(10, 11),)


def test_what_two_windows_cannot_both_show_was_not_decided_before():
    kind = DIALECTS["ultrax"]
    most = kind.overlapping_characters
    assert most == 9_600
    lines = ["x" * (1_000 - len(f"<lid:{number}>")) for number in range(1, 21)]
    chunks = [Chunk(0, 0, 4), Chunk(1, 5, 14), Chunk(2, 15, 19)]
    assert decided_before(kind, "document", lines, chunks) == [range(0), range(5), range(6, 15)]
    assert decided_before(kind, "chunk", lines, chunks) == [range(0)] * 3
    assert decided_before(DIALECTS["prox"], "document", lines, chunks) == [range(0)] * 3
    # Its program is refused, where a line that was shown would only be passed over.
    page, policy = "\n".join(lines), ExecutionPolicy(dialect="ultrax")
    for program, status in [
        ("remove_lines(7, 7)", "decided_before"),
        ("remove_lines(6, 6)", "out_of_range"),
        ("remove_lines(6, 16)", "out_of_range"),
        ("add_line(6, 1, 'a')", "decided_before"),
        ("add_line(5, 1, 'a')", "out_of_range"),
        ("replace_str(6, 'x', '')", "out_of_range"),
    ]:
        [edit] = execute(page, [((15, 19), program)], policy).edits
        assert edit.status == status, program


@given(st.lists(st.integers(0, 4_000), min_size=1, max_size=60))
def test_every_line_that_a_window_shows_may_be_named(lengths):
    kind = DIALECTS["ultrax"]
    lines = ["x" * length for length in lengths]
    marked = [len(kind.marker.format(number=number)) + length for number, length in enumerate(lengths, 1)]
    assert kind.window_characters is not None
    assert kind.window_overlap is not None
    windows = character_windows(marked, kind.window_characters, kind.window_overlap)
    chunks = [Chunk(index, window.start, window.end) for index, window in enumerate(windows)]
    for window, earlier in zip(windows, decided_before(kind, "document", lines, chunks), strict=True):
        assert earlier.start <= window.shown_from
        assert earlier.stop in (window.start, 0)


def test_what_names_no_line_stays():
    error = ParseError(ParseErrorReason.NOT_A_CALL, "hello")
    assert numbered("ultrax", KeepChunk(), error) == (KeepChunk(), error)


@pytest.mark.parametrize("dialect", NEW_DIALECTS)
@given(st.data())
def test_what_a_dialect_can_say_of_a_chunk_is_read_as_it_was_meant(dialect, data):
    operations = data.draw(SAYABLE[dialect])
    start = data.draw(st.integers(0, 30))
    lines = ["a line"] * LINE_COUNT
    policy = ExecutionPolicy(dialect=dialect, line_numbers=DIALECTS[dialect].line_numbers)
    shown = DIALECTS[dialect].shown_lines(
        lines, start, policy.first_line_number(Chunk(0, start, start + LINE_COUNT - 1))
    )
    moved = number_by_document(operations, DIALECTS["canonical"].shown_lines(lines, start, 0), range(0))

    meant = [call for call in moved if not isinstance(call, ParseError)]
    program = DIALECTS[dialect].render(meant, shown)

    assert number_by_document(DIALECTS[dialect].parse(program).operations, shown, range(0)) == moved
