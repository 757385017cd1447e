"""What is published of a document gives its refined text, whichever dialect its programs were written in."""

from dataclasses import replace

import pytest

from prox_assets.personal_data import find
from prox_assets.programs import DIALECTS, Chunk, ChunkProgram, DialectName, ExecutionPolicy, Refinement, execute
from prox_assets.programs.dialects.canonical import parse
from prox_assets.publishing.programs.compiled import compiled, published_policy, run
from prox_assets.stages.execution.document_refinement import DocumentFate
from prox_assets.stages.execution.personal_data import with_replacements
from prox_assets.testing.programs.dialect_inputs import NEW_DIALECTS, dialect_input
from prox_assets.testing.programs.mutations import HostileInput
from prox_assets.testing.programs.released_mutations import released_input

PAGE = "menu\nThe titel\n\nbody of text\nfoot\nwrite to jane@mail.net"


def rows_of(case: HostileInput) -> list[dict]:
    return [
        {
            "chunk_index": item.chunk.index,
            "line_start": item.chunk.line_start,
            "line_end": item.chunk.line_end,
            "skip_reason": None,
            "program": item.program,
            "line_keep_probabilities": None,
            "finish_reason": "length" if item.truncated else "stop",
        }
        for item in case.programs
    ]


def fate_of(case: HostileInput, refinement: Refinement) -> DocumentFate:
    found = find(refinement.text, case.policy.personal_data)
    if not found:
        return DocumentFate(refinement.outcome, refinement.reason, refinement.text, refinement)
    done = with_replacements(refinement, found, rows_of(case))
    return DocumentFate(done.outcome, None, done.text, done, tuple(found), refinement.text)


def published(case: HostileInput) -> tuple[dict, str]:
    """Return what is published of a document that is kept, and its refined text."""
    fate = fate_of(case, execute(case.text, case.programs, case.policy))
    row = compiled({"text": case.text, "doc_id": "d"}, rows_of(case), fate, case.policy)
    assert run(case.text, row["chunks"], row["replacements"], published_policy(case.policy)) == fate.text
    return row, fate.text or ""


@pytest.mark.parametrize("dialect", NEW_DIALECTS)
def test_hostile_programs_give_the_same_text_as_published(dialect):
    edited = 0
    for number in range(400):
        case = dialect_input(dialect, 2, number)
        if execute(case.text, case.programs, case.policy).text:
            edited += bool(published(case)[0]["chunks"])
    assert edited > 50


@pytest.mark.parametrize("dialect", ["ultrax", "rescraper"])
def test_programs_of_reference_mode_are_published_as_they_were_written(dialect):
    edited = 0
    for number in range(300):
        case = released_input(dialect, 3, number)
        if execute(case.text, case.programs, case.policy).text:
            row, text = published(case)
            edited += bool(row["chunks"])
            assert [one["program"] for one in row["chunks"]] == [
                item.program for item in case.programs if text != case.text
            ]
    assert edited > 50


@pytest.mark.parametrize(
    ("dialect", "program", "text", "calls"),
    [
        (
            "ultrax",
            "remove_lines(1, 1)\nreplace_str(2, 'titel', 'title')\nadd_line(4, 1, 'more')\nreplace_str(5, 'x', 'y')",
            "The title\n\nbody of text\nmore\nfoot\nwrite to jane@mail.net",
            'remove_lines(line_start=0, line_end=0)\nreplace_in_line(line=1, source_str="titel", target_str="title")\n'
            'insert_line(after=3, text="more", rank=1)',
        ),
        (
            "rescraper",
            '<edit>\n<extract>\nrm 2\n<edit>\nsub 3: "body "\nrm 4',
            "menu\nof text\nwrite to jane@mail.net",
            "remove_lines(line_start=1, line_end=2)\n"
            'replace_in_line(line=3, source_str="body ", target_str="", occurrence="first")\n'
            "remove_lines(line_start=4, line_end=4)",
        ),
        (
            "refinex",
            "remove_lines(0, 0)\nremove_str(3, ' of text')",
            "The titel\n\nbody\nfoot\nwrite to jane@mail.net",
            'remove_lines(line_start=0, line_end=0)\nreplace_in_line(line=3, source_str=" of text", target_str="")',
        ),
    ],
)
def test_only_what_took_effect_is_published_in_canonical_calls(
    dialect: DialectName, program: str, text: str, calls: str
):
    case = case_of(dialect, program)
    row, refined = published(case)
    assert refined == text
    assert row == {"chunks": [{"line_start": 0, "line_end": 5, "program": calls}], "replacements": []}
    assert published_policy(case.policy).dialect == "canonical"


def test_a_chunk_that_was_judged_worthless_is_removed_from_a_document_that_is_kept():
    case = case_of("ultrax", "remove_all()", lines=(0, 2))
    row, refined = published(case)
    assert refined == "body of text\nfoot\nwrite to jane@mail.net"
    assert [chunk["program"] for chunk in row["chunks"]] == ["remove_all()"]


def test_a_rewrite_that_was_executed_is_published():
    program = "<rewrite>\n<extract>\n<rewrite>\nA new\npage"
    assert published(case_of("rescraper", program, execute_rewrites=True)) == (
        {"chunks": [{"line_start": 0, "line_end": 5, "program": 'rewrite(text="A new\\npage")'}], "replacements": []},
        "A new\npage",
    )


@pytest.mark.parametrize("call", ["add_line(6, 1, 'or joe@mail.net')", "replace_str(6, 'jane@mail.net', 'us')"])
def test_no_call_that_names_personal_data_is_published(call):
    case = case_of("ultrax", f"remove_lines(2, 2)\n{call}\nadd_line(0, 1, 'first')", personal_data=("email",))
    row, refined = published(case)
    assert row["chunks"] == []
    assert "mail.net" not in refined + str(row)
    assert refined.startswith("first\nmenu\n\nbody of text")


def test_calls_of_prox_are_published_as_they_were():
    case = case_of("prox", 'remove_lines(1, 2)\nnormalize("body ", "")\nnormalize("nowhere")')
    row, _ = published(case)
    program = 'remove_lines(line_start=1, line_end=2)\nnormalize(source_str="body ", target_str="")'
    assert row["chunks"] == [{"line_start": 0, "line_end": 5, "program": program}]
    assert published_policy(case.policy) == case.policy
    assert parse(program).errors == ()


def case_of(dialect: DialectName, program: str, lines: tuple[int, int] = (0, 5), **settings) -> HostileInput:
    policy = ExecutionPolicy(dialect=dialect, line_numbers=DIALECTS[dialect].line_numbers)
    return HostileInput(PAGE, [ChunkProgram(Chunk(0, *lines), program)], replace(policy, **settings))
