"""What was done to each line, from the provenance of an execution."""

import pytest
from hypothesis import given

from prox_assets.programs import (
    ExecutionPolicy,
    Provenance,
    Segment,
    SegmentKind,
    execute,
    execute_with_provenance,
)
from prox_assets.programs.expressing.changes import Changes, Inserted, Replaced, changes_between, changes_of
from prox_assets.testing.programs.cases import chunked_documents

NOTHING_ELSE = ExecutionPolicy(min_kept_share=0.0, min_kept_characters=0)


def changes(text: str, *programs, **settings) -> Changes:
    policy = ExecutionPolicy(**{"min_kept_share": 0.0, **settings})
    refinement, provenance = execute_with_provenance(text, programs or [((0, text.count("\n")), "")], policy)
    return changes_of(text, refinement.text, provenance)


def made(text: str, done: Changes) -> str:
    """Make changes, in the plainest way."""
    gone = {line for start, end in done.removed for line in range(start, end + 1)}
    left = [new.text for new in done.inserted if new.after == -1]
    for number, line in enumerate(text.split("\n")):
        for start, end, new in reversed(done.replaced.get(number, ())):
            line = line[:start] + new + line[end:]
        left += [] if number in gone else [line]
        left += [new.text for new in done.inserted if new.after == number]
    return "\n".join(left)


def test_lines_and_spans_of_several_chunks():
    page = "menu\nA page[1] with a menu.\nshare\nThe end."
    done = changes(page, ((0, 1), 'remove_lines(0, 0)\nnormalize("[1]", "")'), ((2, 3), "remove_lines(2, 2)"))
    assert done.removed == ((0, 0), (2, 2))
    assert done.replaced == {1: (Replaced(6, 9, ""),)}
    assert not done.inserted


def test_what_stays_at_the_ends_of_a_replaced_string_is_no_part_of_the_change():
    done = changes("one two three", ((0, 0), 'normalize("one two three", "one 2 three")'))
    assert done.replaced == {0: (Replaced(4, 7, "2"),)}


def test_lines_at_the_end_of_a_document_and_an_edit_before_them():
    done = changes("a\nb c\nd\ne", ((0, 3), 'remove_lines(2, 3)\nnormalize(" c", "")'))
    assert (done.removed, done.replaced) == (((2, 3),), {1: (Replaced(1, 3, ""),)})
    assert changes("a\n\nb", ((0, 2), "remove_lines(2, 2)")).removed == ((2, 2),)
    done = changes("[1]\n\n", ((0, 2), 'remove_lines(1, 2)\nnormalize("[1]", "a")'))
    assert (done.removed, done.replaced) == (((1, 2),), {0: (Replaced(0, 3, "a"),)})


@given(chunked_documents())
def test_the_changes_of_an_execution_give_its_result(document):
    text, programs = document
    refinement, provenance = execute_with_provenance(text, programs, NOTHING_ELSE)
    done = changes_of(text, refinement.text, provenance)
    assert made(text, done) == refinement.text
    for line, spans in done.replaced.items():
        ends = [0, *(span.end for span in spans)]
        assert all(span.start > end or end == 0 for span, end in zip(spans, ends, strict=False)), line


@given(chunked_documents())
def test_the_changes_of_an_execution_as_released_give_its_result(document):
    text, programs = document
    refinement = execute(text, programs, ExecutionPolicy(mode="reference"))
    removed = [lines for chunk in refinement.chunks for lines in chunk.removed_lines]
    done = changes_between(text, refinement.text, removed)
    assert done is None or made(text, done) == refinement.text


@pytest.mark.parametrize(("text", "refined", "removed"), [("a\nb\nc", "a\nb", ()), ("a\nb", "a", [(0, 1)])])
def test_lines_that_do_not_pair_off_are_not_guessed_at(text, refined, removed):
    assert changes_between(text, refined, removed) is None


@pytest.mark.parametrize(
    "refined",
    [
        "A leaf[1]  here.\n \nThe  end.",  # the released UltraX removes empty lines
        "A page here.\nThe end.",  # the released ReScraper blank ones, and collapses white space
    ],
)
def test_blank_lines_that_the_executors_of_others_remove(refined):
    text = "menu\n\nA page[1]  here.\n \nThe  end.\n"
    done = changes_between(text, refined, [(0, 0)])
    assert done is not None
    assert made(text, done) == refined


TEXT = "one\ntwo\nthree"


def put_together(*parts: tuple[int, int, str | None]) -> tuple[str, Changes]:
    """Return a text and its changes, from raw ranges, each copied (None) or with what takes its place."""
    refined, segments = "", []
    for start, end, new in parts:
        piece = TEXT[start:end] if new is None else new
        kind = SegmentKind.COPIED if new is None else SegmentKind.REPLACED if end > start else SegmentKind.INSERTED
        segments.append(Segment(len(refined), len(refined) + len(piece), start, end, kind))
        refined += piece
    return refined, changes_of(TEXT, refined, Provenance(tuple(segments), len(TEXT), len(refined)))


@pytest.mark.parametrize(
    "parts",
    [
        ((0, 2, None), (2, 5, "X"), (5, 13, None)),  # two lines become one
        ((0, 1, None), (1, 2, "\nx\n"), (2, 13, None)),  # one becomes three
        ((0, 2, None), (2, 5, "1\n2\n3"), (5, 13, None)),  # two become three
        ((0, 13, "1\n2\n3\n4"),),  # all is rewritten
        ((0, 7, "1\n2"), (7, 13, None)),  # two lines are rewritten
        (
            (0, 4, None),
            (4, 13, "2\n3\n4"),
        ),  # the last lines are
        ((0, 3, None), (3, 13, "\nx")),  # the last lines go, and one comes
    ],
)
def test_replacements_over_line_breaks(parts):
    refined, done = put_together(*parts)
    assert made(TEXT, done) == refined


def test_inserted_lines():
    refined, done = put_together((0, 0, "title\n"), (0, 4, None), (4, 4, "a\nb\n"), (4, 13, None), (13, 13, "\nend"))
    assert refined == "title\none\na\nb\ntwo\nthree\nend"
    assert done.inserted == (Inserted(-1, "title"), Inserted(0, "a"), Inserted(0, "b"), Inserted(2, "end"))
    assert not done.removed
    assert not done.replaced
