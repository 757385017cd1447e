"""What was done to each line, from the records of an execution."""

import pytest
from hypothesis import given

from prox_assets.programs import (
    DIALECTS,
    ExecutionPolicy,
    InsertLine,
    Normalize,
    Refinement,
    RemoveLines,
    Rewrite,
    Verdict,
    execute,
)
from prox_assets.programs.execution.recording import ChunkRecord
from prox_assets.programs.expressing.changes import (
    Changes,
    Inserted,
    Replaced,
    Rewritten,
    changes_between,
    changes_of,
)
from prox_assets.programs.refinement import ChunkOutcome, kept
from prox_assets.testing.programs.cases import chunked_documents

NOTHING_ELSE = ExecutionPolicy(min_kept_share=0.0, min_kept_characters=0)


def changes(text: str, *programs, **settings) -> Changes:
    policy = ExecutionPolicy(**{"min_kept_share": 0.0, **settings})
    records: list[ChunkRecord] = []
    refinement = execute(text, programs or [((0, text.count("\n")), "")], policy, records)
    return changes_of(text, refinement.text, records)


def made(text: str, done: Changes) -> str:
    """Make changes, in the plainest way."""
    gone = {line for start, end in done.removed for line in range(start, end + 1)}
    gone.update(line for start, end, _ in done.rewritten for line in range(start, end + 1))
    left = [new.text for new in done.inserted if new.after == -1]
    for number, line in enumerate(text.split("\n")):
        for start, end, new in reversed(done.replaced.get(number, ())):
            line = line[:start] + new + line[end:]
        left += [] if number in gone else [line]
        left += [new.text for new in done.rewritten if new.end == number]
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
    records: list[ChunkRecord] = []
    refinement = execute(text, programs, NOTHING_ELSE, records)
    done = changes_of(text, refinement.text, records)
    assert made(text, done) == refinement.text
    for line, spans in done.replaced.items():
        ends = [0, *(span.end for span in spans)]
        assert all(span.start > end or end == 0 for span, end in zip(spans, ends, strict=False)), line


@given(chunked_documents())
def test_the_changes_of_an_execution_as_released_give_its_result(document):
    text, programs = document
    refinement = execute(text, programs, ExecutionPolicy(mode="reference"))
    done = changes_between(text, refinement)
    assert done is None or made(text, done) == refinement.text


def released(text: str, refined: str, *removed: tuple[int, int]) -> Refinement:
    return kept(text, refined, [ChunkOutcome(0, Verdict.APPLIED, removed)], [])


@pytest.mark.parametrize(("text", "refined", "removed"), [("a\nb\nc", "a\nb", ()), ("a\nb", "a", [(0, 1)])])
def test_lines_that_do_not_pair_off_are_not_guessed_at(text, refined, removed):
    assert changes_between(text, released(text, refined, *removed)) is None


@pytest.mark.parametrize(
    "refined",
    [
        "A leaf[1]  here.\n \nThe  end.",  # the released UltraX removes empty lines
        "A page here.\nThe end.",  # the released ReScraper blank ones, and collapses white space
    ],
)
def test_blank_lines_that_the_executors_of_others_remove(refined):
    text = "menu\n\nA page[1]  here.\n \nThe  end.\n"
    done = changes_between(text, released(text, refined, (0, 0)))
    assert done is not None
    assert made(text, done) == refined


@pytest.mark.parametrize(
    ("dialect", "program"),
    [("ultrax", "add_line(4, 1, 'd')"), ("rescraper", "<rewrite>\n<extract>\n<rewrite>\na\nd\nc")],
)
def test_lines_that_an_execution_as_released_puts_in_are_not_taken_for_lines_that_stay(dialect, program):
    policy = ExecutionPolicy(mode="reference", dialect=dialect, line_numbers=DIALECTS[dialect].line_numbers)
    text = "a\n\nb\nc"
    refinement = execute(text, [((0, 3), program)], policy)
    assert refinement.text == ("a\nb\nc\nd" if dialect == "ultrax" else "a\nd\nc")
    done = changes_between(text, refinement)
    assert done == (None if dialect == "ultrax" else Changes(rewritten=(Rewritten(0, 3, "a\nd\nc"),)))


TEXT = "one\ntwo\nthree"
EVERYTHING = ExecutionPolicy(dialect="canonical", min_kept_share=0.0, min_kept_characters=0, execute_rewrites=True)


def executed(*programs, personal_data: tuple[tuple[str, str], ...] = ()) -> tuple[str, Changes]:
    """Execute programs on TEXT and then replace strings; return what is left, and what was done."""
    records: list[ChunkRecord] = []
    left = execute(TEXT, programs, EVERYTHING, records).text
    spans: list[Replaced] = []
    refined = left
    for source, target in personal_data:
        start = left.index(source, spans[-1].end if spans else 0)
        spans.append(Replaced(start, start + len(source), target))
    for start, end, target in reversed(spans):
        refined = refined[:start] + target + refined[end:]
    return refined, changes_of(TEXT, left, records, spans)


INSERTIONS = InsertLine(-1, "title"), InsertLine(0, "a"), InsertLine(0, "b"), InsertLine(2, "end")


@pytest.mark.parametrize(
    ("programs", "personal_data"),
    [
        ([((0, 2), ())], [("two", "2"), ("three", "3")]),
        ([((0, 2), ())], [("e\ntw", "X")]),  # two lines become one
        ([((0, 2), ())], [("e\ntwo\nth", "X"), ("ee", "Y")]),  # three become one, of which more is replaced
        ([((0, 2), INSERTIONS)], [("title\no", "X"), ("b\ntwo", "Y")]),  # an inserted line and one that stays
        ([((0, 2), (*INSERTIONS, Normalize("two", "jane jo")))], [("jane", "X"), ("jo", "Y")]),  # in one replacement
        ([((0, 2), (*INSERTIONS, Normalize("two", "jane")))], [("an", "X")]),
        ([((0, 2), (RemoveLines(0, 2), *INSERTIONS))], [("title", "X"), ("end", "Y")]),
        ([((0, 1), (Rewrite("1\n2\n3"),)), ((2, 2), ())], [("2", "X"), ("3\nthr", "Y")]),
        ([((0, 0), ()), ((1, 2), (Rewrite("1\n2"),))], [("e\n1", "X"), ("2", "Y")]),
        ([((0, 0), (Rewrite("1"),)), ((1, 1), (InsertLine(0, "2"),)), ((2, 2), (Rewrite("3\n4"),))], []),
    ],
)
def test_personal_data_is_replaced_in_what_was_left(programs, personal_data):
    refined, done = executed(*programs, personal_data=tuple(personal_data))
    assert made(TEXT, done) == refined


def test_inserted_lines_are_no_part_of_the_lines_beside_them():
    refined, done = executed(((0, 2), INSERTIONS))
    assert refined == "title\none\na\nb\ntwo\nthree\nend"
    assert done == Changes(
        inserted=(Inserted(-1, "title"), Inserted(0, "a"), Inserted(0, "b"), Inserted(2, "end")),
    )
    refined, done = executed(((0, 2), (RemoveLines(1, 2), InsertLine(1, "new"))))
    assert (refined, done) == ("one\nnew", Changes(removed=((1, 2),), inserted=(Inserted(1, "new"),)))


def test_a_rewritten_chunk():
    refined, done = executed(((0, 0), (InsertLine(0, "new"),)), ((1, 2), (Rewrite("2\n3\n4"),)))
    assert refined == "one\nnew\n2\n3\n4"
    assert done == Changes(inserted=(Inserted(0, "new"),), rewritten=(Rewritten(1, 2, "2\n3\n4"),))
