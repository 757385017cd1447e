"""Span provenance: from any range of the refined text back to the raw text."""

import itertools

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from prox_assets.programs import (
    Chunk,
    ChunkProgram,
    EditStatus,
    ExecutionPolicy,
    Normalize,
    Outcome,
    ProvenanceError,
    RemoveLines,
    Segment,
    SegmentKind,
    execute,
    execute_with_provenance,
    pack_lines,
)
from prox_assets.programs.execution.provenance import Provenance
from prox_assets.testing.programs.cases import chunked_documents

# Nothing is dropped for being short, so that what is left can be led back.
LENIENT = ExecutionPolicy(min_kept_share=0, min_kept_characters=0, error_limit=100)
policies = st.builds(
    ExecutionPolicy,
    line_numbers=st.sampled_from(["document", "chunk"]),
    error_limit=st.sampled_from([1, 3, 100]),
    min_kept_share=st.sampled_from([0, 0.05]),
    min_kept_characters=st.sampled_from([0, 1]),
    whole_words=st.booleans(),
)


@st.composite
def edited_documents(draw: st.DrawFn) -> tuple[str, list[ChunkProgram]]:
    """Draw documents with programs that mostly do something: line numbers are theirs, strings are in the text."""
    lines = draw(st.lists(st.text(alphabet="ab c.", max_size=12), min_size=1, max_size=10))
    text = "\n".join(lines)
    programs: list[ChunkProgram] = []
    for chunk in pack_lines([1] * len(lines), draw(st.integers(1, len(lines)))):
        numbers = st.integers(chunk.line_start, chunk.line_end)
        removal = st.builds(RemoveLines, numbers, numbers)
        pieces = sorted({line[a:b] for line in lines for a in range(3) for b in range(a + 1, a + 3)} - {""}) or ["a"]
        normalize = st.builds(Normalize, st.sampled_from(pieces), st.sampled_from(["", "x", "yy yy", "a"]))
        operations = draw(st.none() | st.lists(removal | normalize, max_size=5).map(tuple))
        programs.append(ChunkProgram(chunk, operations))
    return text, programs


thorough = settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
documents = st.one_of(edited_documents(), chunked_documents())


def traced(text, programs, policy) -> tuple[str, Provenance]:
    refinement, provenance = execute_with_provenance(text, programs, policy)
    return refinement.text, provenance


@given(documents, policies)
@thorough
def test_recording_changes_nothing(document, policy):
    text, programs = document
    assert execute_with_provenance(text, programs, policy)[0] == execute(text, programs, policy)


@given(documents, policies)
@thorough
def test_segments_tile_the_refined_text_and_their_raw_ranges_are_in_order(document, policy):
    text, programs = document
    refined, provenance = traced(text, programs, policy)
    assert (provenance.raw_length, provenance.refined_length) == (len(text), len(refined))
    place = raw_place = 0
    for segment in provenance.segments:
        assert segment.refined_start == place < segment.refined_end
        assert raw_place <= segment.raw_start < segment.raw_end <= len(text)
        place, raw_place = segment.refined_end, segment.raw_end
    assert place == len(refined)


@given(documents, policies)
@thorough
def test_copied_segments_are_equal_text_and_neighbours_are_one(document, policy):
    text, programs = document
    refined, provenance = traced(text, programs, policy)
    for segment in provenance.segments:
        if segment.kind is SegmentKind.COPIED:
            assert refined[segment.refined_start : segment.refined_end] == text[segment.raw_start : segment.raw_end]
        else:
            assert "\n" not in refined[segment.refined_start : segment.refined_end]
            assert "\n" not in text[segment.raw_start : segment.raw_end]
    for one, following in itertools.pairwise(provenance.segments):
        both_copied = one.kind is following.kind is SegmentKind.COPIED
        assert not (both_copied and one.raw_end == following.raw_start)


@given(documents, policies)
@thorough
def test_what_was_removed_is_exactly_the_rest(document, policy):
    text, programs = document
    refinement, provenance = execute_with_provenance(text, programs, policy)
    covered = [False] * len(text)
    for segment in provenance.segments:
        covered[segment.raw_start : segment.raw_end] = [True] * (segment.raw_end - segment.raw_start)
    removed = [True] * len(text)
    for start, end in provenance.removed():
        assert start < end
        assert not any(covered[start:end])
        removed[start:end] = [False] * (end - start)
    assert removed == covered
    if refinement.outcome is not Outcome.DROPPED_BY_CHUNKS:
        # The edits, counted by other code, took away the same characters.
        taken = sum(end - start for start, end in provenance.removed()) + sum(
            segment.raw_end - segment.raw_start
            for segment in provenance.segments
            if segment.kind is SegmentKind.REPLACED
        )
        assert taken == sum(edit.characters_removed for edit in refinement.edits)


@given(documents, policies, st.data())
@thorough
def test_every_range_of_the_refined_text_leads_to_raw_text(document, policy, data):
    text, programs = document
    refined, provenance = traced(text, programs, policy)
    if not refined:
        return
    start = data.draw(st.integers(0, len(refined) - 1))
    end = data.draw(st.integers(start + 1, len(refined)))
    sources = provenance.sources(start, end)
    assert (sources[0].refined_start, sources[-1].refined_end) == (start, end)
    for source in sources:
        assert source.raw_start < source.raw_end
        if source.kind is SegmentKind.COPIED:
            assert refined[source.refined_start : source.refined_end] == text[source.raw_start : source.raw_end]
        else:
            assert any(
                (whole.raw_start, whole.raw_end) == (source.raw_start, source.raw_end)
                for whole in provenance.segments
                if whole.kind is SegmentKind.REPLACED
            )
    assert all(one.refined_end == following.refined_start for one, following in itertools.pairwise(sources))


@given(edited_documents())
@example(("", [ChunkProgram(Chunk(0, 0, 0), None)]))
def test_the_refined_text_can_be_put_together_from_the_raw_text_and_the_map(document):
    text, programs = document
    refined, provenance = traced(text, programs, LENIENT)
    pieces = [
        text[segment.raw_start : segment.raw_end]
        if segment.kind is SegmentKind.COPIED
        else refined[segment.refined_start : segment.refined_end]
        for segment in provenance.segments
    ]
    assert "".join(pieces) == refined


def test_removed_lines_and_replacements_leave_the_ranges_one_expects():
    text = "menu\nAn old page.\nshare\nThe end"
    programs = [
        ((0, 1), (RemoveLines(0, 0), Normalize("old", "new"))),
        ((2, 3), (RemoveLines(2, 2), Normalize(" end", ""))),
    ]
    refined, provenance = traced(text, programs, LENIENT)
    assert refined == "An new page.\nThe"
    assert provenance.segments == (
        Segment(0, 3, 5, 8, SegmentKind.COPIED),
        Segment(3, 6, 8, 11, SegmentKind.REPLACED),
        Segment(6, 13, 11, 18, SegmentKind.COPIED),
        Segment(13, 16, 24, 27, SegmentKind.COPIED),
    )
    assert [text[start:end] for start, end in provenance.removed()] == ["menu\n", "share\n", " end"]
    assert provenance.sources(4, 8) == (
        Segment(4, 6, 8, 11, SegmentKind.REPLACED),
        Segment(6, 8, 11, 13, SegmentKind.COPIED),
    )


def test_the_last_lines_take_the_line_break_before_them_along():
    text = "The end\nshare\ntweet"
    refined, provenance = traced(text, [((0, 2), (RemoveLines(1, 2),))], LENIENT)
    assert refined == "The end"
    assert provenance.removed() == ((7, len(text)),)


def test_a_program_that_costs_too_much_leaves_no_replacement_in_the_map():
    text = "a " * 3_000
    program = (Normalize("a", "b" * 100),)  # more text than a program may put in
    refinement, provenance = execute_with_provenance(text, [((0, 0), program)])
    assert {edit.status for edit in refinement.edits} == {EditStatus.OVER_LIMIT}
    assert provenance.segments == (Segment(0, len(text), 0, len(text), SegmentKind.COPIED),)


def test_a_dropped_document_is_removed_as_a_whole():
    programs = [((0, 1), (RemoveLines(0, 1),))]
    refinement, provenance = execute_with_provenance("menu\nshare", programs, ExecutionPolicy(on_empty="drop"))
    assert refinement.outcome is Outcome.DROPPED_BY_CHUNKS
    assert provenance.segments == ()
    assert provenance.removed() == ((0, 10),)


def test_a_reverted_document_is_copied_as_a_whole():
    programs = [((0, 0), (RemoveLines(0, 0),)), ((1, 1), (Normalize("share", ""),))]
    _, provenance = execute_with_provenance("menu\nshare", programs)
    assert provenance.segments == (Segment(0, 10, 0, 10, SegmentKind.COPIED),)
    assert provenance.removed() == ()


@pytest.mark.parametrize("span", [(0, 0), (3, 2), (-1, 2), (0, 5), (9, 12)])
def test_a_range_that_is_not_in_the_refined_text_is_refused(span):
    _, provenance = execute_with_provenance("page", [((0, 0), None)])
    with pytest.raises(ValueError, match="is no range of a refined text of 4 characters"):
        provenance.sources(*span)


def test_reference_mode_is_refused_with_the_reason():
    with pytest.raises(ProvenanceError, match=r"strict mode only.*changes the text that earlier calls left"):
        execute_with_provenance("page", [((0, 0), None)], ExecutionPolicy(mode="reference"))
