"""Execution under `protect_formulas`: formulas stay, and the rest is executed as ever."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prox_assets.programs import EditStatus, ExecutionPolicy, Reason, Rewrite, Verdict, execute, render, stored_programs
from prox_assets.programs.formulas import find_formulas
from prox_assets.testing.programs.cases import chunked_documents

PROTECTED = ExecutionPolicy(protect_formulas=True)
PAGE = "Menu\nWe show that\n$$\nx = 1\n$$\nFooter [1]\nsee $a^{[1]}$ [1]"


def one_program(program, policy=PROTECTED, page=PAGE):
    return execute(page, [((0, page.count("\n")), program)], policy)


def statuses(refinement):
    return [edit.status for edit in refinement.edits]


def test_a_range_leaves_the_formulas_in_it():
    refinement = one_program("remove_lines(0, 5)")

    assert refinement.text == "$$\nx = 1\n$$\nsee $a^{[1]}$ [1]"
    assert refinement.chunks[0].removed_lines == ((0, 1), (5, 5))
    # "Menu", "We show that" and "Footer [1]", with their line breaks.
    assert [edit.characters_removed for edit in refinement.edits] == [5 + 13 + 11]


def test_a_call_of_which_nothing_is_left_says_so_and_has_not_failed():
    refinement = one_program("remove_lines(2, 4)\nremove_lines(0, 2)\nremove_lines(1, 1)")

    assert statuses(refinement) == [EditStatus.PROTECTED, EditStatus.APPLIED, EditStatus.ALREADY_REMOVED]
    assert refinement.operations_failed == 0
    assert one_program("remove_lines(3, 3)").chunks[0].verdict is Verdict.NO_CHANGE


def test_replacements_take_nothing_of_a_formula():
    refinement = one_program('normalize("[1]", "")')

    assert refinement.text.split("\n")[5:] == ["Footer ", "see $a^{[1]}$ "]
    assert statuses(one_program('normalize("x = 1", "")')) == [EditStatus.PROTECTED]
    # Across the edge of a formula.
    assert statuses(one_program('normalize("]}$ [", "")')) == [EditStatus.PROTECTED]


CANONICAL = ExecutionPolicy(protect_formulas=True, dialect="canonical", min_kept_share=0, execute_rewrites=True)


def test_a_replacement_in_one_line_takes_nothing_of_a_formula():
    refinement = one_program('replace_in_line(6, "a^{[1]}", "b")\nreplace_in_line(6, " [1]", "")', CANONICAL)

    assert statuses(refinement) == [EditStatus.PROTECTED, EditStatus.APPLIED]
    assert refinement.text.split("\n")[6] == "see $a^{[1]}$"


def test_a_page_with_a_formula_is_not_worthless():
    refinement = one_program("remove_all()", CANONICAL)

    assert (refinement.text, refinement.reason) == ("$$\nx = 1\n$$\nsee $a^{[1]}$ [1]", None)
    assert statuses(one_program("remove_all()", CANONICAL, page="$x$")) == [EditStatus.PROTECTED]


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("We show\n$$\nx = 1\n$$ as in $a^{[1]}$.", EditStatus.APPLIED),
        ("We show\n$$\nx = 2\n$$ as in $a^{[1]}$.", EditStatus.PROTECTED),  # another formula
        ("By $a^{[1]}$ we show\n$$\nx = 1\n$$.", EditStatus.PROTECTED),  # another order
        ("We show nothing.", EditStatus.PROTECTED),
    ],
)
def test_a_rewrite_keeps_every_formula(text, status):
    program = f"{render([Rewrite(text)])}\nremove_lines(0, 0)"
    refinement = one_program(program, CANONICAL)

    assert statuses(refinement)[0] == status
    assert refinement.text == (text if status is EditStatus.APPLIED else PAGE.removeprefix("Menu\n"))
    assert statuses(one_program(program, replace(CANONICAL, protect_formulas=False)))[0] == EditStatus.APPLIED


def inserted(*places: int) -> str:
    return "\n".join(f'insert_line(after={place}, text="new", rank=1)' for place in places)


def test_no_line_is_inserted_into_a_formula():
    refinement = one_program(inserted(*range(-1, 7)), CANONICAL)

    assert (
        refinement.text
        == "new\nMenu\nnew\nWe show that\nnew\n$$\nx = 1\n$$\nnew\nFooter [1]\nnew\nsee $a^{[1]}$ [1]\nnew"
    )
    assert [
        place for place, status in zip(range(-1, 7), statuses(refinement), strict=True) if status == "protected"
    ] == [
        2,
        3,
    ]
    # Two formulas, one after another.
    assert statuses(one_program(inserted(0), CANONICAL, page="$x$\n$y$")) == [EditStatus.APPLIED]
    assert statuses(one_program(inserted(2), replace(CANONICAL, protect_formulas=False))) == [EditStatus.APPLIED]


def test_no_line_is_inserted_into_a_formula_at_the_edge_of_a_chunk():
    programs = [((0, 2), inserted(2)), ((3, 3), inserted(2, 3)), ((4, 6), inserted(3, 4))]
    refinement = execute(PAGE, programs, CANONICAL)

    assert statuses(refinement) == [EditStatus.PROTECTED] * 4 + [EditStatus.APPLIED]
    assert refinement.text == PAGE.replace("Footer", "new\nFooter")


def test_nothing_is_protected_unless_asked():
    assert one_program("remove_lines(0, 5)", ExecutionPolicy()).text == "see $a^{[1]}$ [1]"
    reference = ExecutionPolicy(mode="reference", protect_formulas=True)
    assert not reference.protect_formulas  # the released executor knows nothing of it


def test_scored_lines_and_displays_over_two_chunks_are_protected_too():
    rows = [
        {
            "chunk_index": index,
            "line_start": start,
            "line_end": end,
            "skip_reason": None,
            "program": None,
            "line_keep_probabilities": [0.1] * (end - start + 1),
            "finish_reason": "stop",
        }
        for index, (start, end) in enumerate([(0, 3), (4, 6)])
    ]
    policy = ExecutionPolicy(protect_formulas=True, min_kept_share=0)

    assert execute(PAGE, stored_programs(PAGE, rows, policy), policy).text == ("$$\nx = 1\n$$\nsee $a^{[1]}$ [1]")


MATHS = st.sampled_from(
    ["$x$ is it", "$$", "a^2 = b", "x", "Menu", "\\[", "\\]", "", "[1] and \\(y\\)", "\\end{align}"]
)
CALLS = st.sampled_from(
    [
        *(
            "remove_lines(0, 2)",
            "remove_lines(1, 1)",
            "remove_lines(all=True)",
            'normalize("x", "")',
            'normalize("[1]")',
        ),
        *("remove_all()", 'replace_in_line(0, "x", "")', 'replace_in_line(1, "a^2", "b", "first")'),
    ]
)


@given(st.lists(MATHS, min_size=3, max_size=12), st.lists(CALLS, max_size=4))
def test_no_program_changes_a_formula(lines, calls):
    page = "\n".join(lines)
    program = "\n".join(calls) or "keep_chunk()"
    policy = ExecutionPolicy(dialect="canonical", protect_formulas=True, min_kept_share=0, min_kept_characters=0)
    refinement = execute(page, [((0, len(lines) - 1), program)], policy)
    removed = {line for start, end in refinement.chunks[0].removed_lines for line in range(start, end + 1)}
    formulas = find_formulas(lines)
    if refinement.reason is Reason.JUDGED_WORTHLESS:
        assert not formulas
        return

    assert not removed & formulas.keys()
    left = refinement.text.split("\n")
    if refinement.reason is None:
        for kept, number in enumerate(number for number in range(len(lines)) if number not in removed):
            assert all(lines[number][start:end] in left[kept] for start, end in formulas.get(number, ()))


@given(chunked_documents(), st.booleans())
def test_documents_without_formulas_are_executed_as_ever(document, drop):
    text, programs = document
    policy = ExecutionPolicy(on_empty="drop" if drop else "keep")
    if not find_formulas(text.split("\n")):
        protected = ExecutionPolicy(on_empty=policy.on_empty, protect_formulas=True)
        assert execute(text, programs, protected) == execute(text, programs, policy)


@pytest.mark.parametrize("line", ["\\(" * 20_000, "$x" * 20_000, "a" * 200_000, "x^" * 50_000, "[tex]" * 20_000])
def test_long_hostile_lines_are_executed(line):
    assert one_program("keep_chunk()", page=f"{line}\nb").text == f"{line}\nb"
