"""From noise spans to normalize calls: exactly these spans, and nothing else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prox_assets.programs import ExecutionPolicy, execute
from prox_assets.programs.dialects.prox import parse
from prox_assets.programs.execution.judging import SOURCE_LIMIT
from prox_assets.programs.operations import Normalize, RemoveLines, render
from prox_assets.programs.refinement import EditStatus
from prox_assets.programs.words import cuts_word
from prox_assets.refiners.spans.calls import NoiseSpan, normalize_calls
from prox_assets.refiners.spans.candidates import Candidate
from prox_assets.refiners.spans.patterns import NoiseKind


def spans_of(lines: list[str], *texts: str, at: tuple[int, ...] = ()) -> list[NoiseSpan]:
    """Return the occurrences of texts, or of the one text only those at some places of its list of occurrences."""
    found = []
    for text in texts:
        for number, line in enumerate(lines):
            start = line.find(text)
            while start >= 0:
                found.append(NoiseSpan(number, Candidate(start, start + len(text), NoiseKind.CITATION)))
                start = line.find(text, start + len(text))
    return [found[place] for place in at] if at else found


def run(lines: list[str], calls: tuple[Normalize, ...], *removals: RemoveLines) -> tuple[str, list[EditStatus]]:
    """Execute the program, with a line behind the chunk that keeps the document from being dropped."""
    operations = (*removals, *calls)
    program = render(operations) if operations else None
    policy = ExecutionPolicy(min_kept_share=0)
    refinement = execute("\n".join([*lines, "END"]), [((0, len(lines) - 1), program)], policy)
    text = refinement.text.removesuffix("END").removesuffix("\n")
    return text, [edit.status for edit in refinement.edits]


def test_equal_marks_are_one_call_and_equal_text_that_stays_is_not_touched():
    lines = ["A mark[1] and more[1] text.", "None here.", "Then[2] the array a[2] and its x[2] end."]
    calls = normalize_calls(lines, [*spans_of(lines, "[1]"), *spans_of(lines, "[2]", at=(0,))])
    assert calls == (Normalize("[1]", ""), Normalize("Then[2] ", "Then "))
    assert run(lines, calls) == (
        "A mark and more text.\nNone here.\nThen the array a[2] and its x[2] end.",
        [EditStatus.APPLIED] * 2,
    )


def test_an_extension_ends_at_the_line_and_at_other_noise():
    lines = ["[1][2]", "[1] stays", "[2] stays"]
    assert normalize_calls(lines, spans_of(["[1][2]"], "[1]", "[2]")) == ()


def test_two_extensions_never_share_a_character():
    lines = ["x[1] y[1] z", "x[1] stays, y[1] stays"]
    noise = spans_of(lines, "[1]", at=(0, 1))
    calls = normalize_calls(lines, noise)
    assert run(lines, calls)[0].split("\n")[1] == lines[1]
    assert all(status is EditStatus.APPLIED for status in run(lines, calls)[1])


def test_a_string_that_is_spelled_in_the_text_with_its_escapes_is_not_used():
    lines = ['say "x" now', r"the code \"x\" stays"]
    (call,) = normalize_calls(lines, spans_of(lines, ' "x"', at=(0,)))
    assert run(lines, (call,)) == ("say now\n" + lines[1], [EditStatus.APPLIED])


@pytest.mark.parametrize("text", ["\0[1]", "\ud800[1]", "x" * (SOURCE_LIMIT + 1)])
def test_what_no_program_can_hold_stays(text):
    lines = [f"a {text} b"]
    assert normalize_calls(lines, spans_of(lines, f" {text}")) == ()


def test_more_matches_than_the_executor_looks_at_are_left_out():
    lines = ["a|b" * 300, "c|d" * 710]
    kept = normalize_calls(lines, spans_of(lines, "|"))
    assert kept == ()
    assert normalize_calls(lines[:1], spans_of(lines[:1], "|")) == (Normalize("|", ""),)


ALPHABET = st.sampled_from([*"ab1 |[].\"\\'-", "\t", "é", "語", "\r", "[1]", " [1]", "ab", "\\x41", "\u200b"])
LINES = st.lists(st.lists(ALPHABET, max_size=14).map("".join), min_size=1, max_size=6)


@st.composite
def chunks(draw) -> tuple[list[str], list[NoiseSpan], list[int]]:
    """Return lines, spans of them that do not overlap or cut a word, and lines to be removed."""
    lines = draw(LINES)
    noise: list[NoiseSpan] = []
    for number, line in enumerate(lines):
        cuts = [place for place in range(len(line) + 1) if not cuts_word(line, place)]
        edges = sorted(draw(st.sets(st.sampled_from(cuts), max_size=8)))
        for start, end in zip(edges[::2], edges[1::2], strict=False):
            replacement = draw(st.sampled_from(["", "", " ", "|", "..."]))
            if replacement != line[start:end]:
                noise.append(NoiseSpan(number, Candidate(start, end, NoiseKind.SEPARATOR, replacement)))
    removed = draw(st.lists(st.integers(0, len(lines) - 1), max_size=3, unique=True))
    return lines, noise, removed


def changed(lines: list[str], noise: list[NoiseSpan], removed: list[int]) -> str:
    left = []
    for number, line in enumerate(lines):
        result = line
        for _, span in sorted((item for item in noise if item.line == number), key=lambda item: -item.span.start):
            result = span.apply(result)
        if number not in removed:
            left.append(result)
    return "\n".join(left)


def touched(lines: list[str], noise: list[NoiseSpan], calls: tuple[Normalize, ...]) -> list[NoiseSpan]:
    """Return the spans that the calls replace: those that lie in an occurrence of a source."""
    return [
        item
        for item in noise
        if any(
            lines[item.line].startswith(call.source, start)
            for call in calls
            for start in range(max(0, item.span.end - len(call.source)), item.span.start + 1)
        )
    ]


@settings(max_examples=400)
@given(chunks())
def test_the_program_changes_exactly_spans_that_are_noise_and_no_operation_fails(chunk):
    lines, noise, removed = chunk
    calls = normalize_calls(lines, noise)
    assert parse(render(calls)).operations == calls
    removals = [RemoveLines(number, number) for number in removed]
    text, statuses = run(lines, calls, *removals)
    assert text == changed(lines, touched(lines, noise, calls), removed)
    assert not any(status.is_failure for status in statuses)


@settings(max_examples=200)
@given(chunks())
def test_a_text_that_only_noise_spans_have_is_always_taken_out(chunk):
    lines, noise, _ = chunk
    text = "\n".join(lines)
    calls = normalize_calls(lines, noise)
    for item in noise:
        source = lines[item.line][item.span.start : item.span.end]
        # Places may overlap: two of three spaces are there twice.
        places = sum(text.startswith(source, place) for place in range(len(text)))
        if places == 1 and "\\" not in source and '"' not in source and "\r" not in source:
            assert any(call.source == source for call in calls) or "\t" in source
