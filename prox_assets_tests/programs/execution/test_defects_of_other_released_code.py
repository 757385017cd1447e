"""One vector per known defect of the released UltraX and ReScraper code: reference mode has it, strict mode does not.

Names tell the defect; its number is that of the table in docs/programs.md. Where PROX_ULTRAX_CHECKOUT and
PROX_RESCRAPER_CHECKOUT name checkouts, the vectors are checked against the released code too.
"""

import os
from functools import cache
from pathlib import Path
from typing import Literal

import pytest

from benchmarks.support.released_executors import ReleasedExecutor, released_rescraper, released_ultrax
from prox_assets.programs import DIALECTS, ChunkProgram, ExecutionPolicy, Refinement, execute, pack_lines
from prox_assets_tests.programs.cases import statuses

DIGITS = "9" * 5_000
NAV = "Home\nThe title\nA line of text."
Dialect = Literal["ultrax", "rescraper"]


def answer(decision: str, extraction: str = "", payload: str = "") -> str:
    """Return an answer of ReScraper."""
    return "\n".join(filter(None, (f"<{decision}>", "<extract>", extraction, f"<{decision}>", payload)))


def in_chunks(text: str, programs: list[str]) -> list[ChunkProgram]:
    """Return the text's lines in as many chunks as there are programs, each with its program."""
    lines = text.count("\n") + 1
    chunks = pack_lines([1] * lines, -(-lines // len(programs)))
    return [ChunkProgram(chunk, program) for chunk, program in zip(chunks, programs, strict=True)]


def run(dialect: Dialect, text: str, programs: list[str], mode: Literal["strict", "reference"]) -> Refinement:
    policy = ExecutionPolicy(mode=mode, dialect=dialect, line_numbers=DIALECTS[dialect].line_numbers)
    return execute(text, in_chunks(text, programs), policy)


# id, text, programs, text after the released code, text after strict execution
ULTRAX = [
    pytest.param(
        "intro\x0bmore\nmenu\nbody",
        ["remove_lines(2, 2)"],
        "intro\x0bmenu\nbody",
        "intro\x0bmore\nbody",
        id="U1 a vertical tab ends a line for the executor and not for the model",
    ),
    pytest.param(
        "intro\u2028more\nmenu\nbody",
        ["replace_str(2, 'menu', 'dish')"],
        "intro\u2028more\nmenu\nbody",
        "intro\u2028more\ndish\nbody",
        id="U1 a line separator ends a line for the executor and not for the model",
    ),
    pytest.param(
        "first\rsecond\nmenu\nbody",
        ["remove_lines(2, 2)"],
        "first\nmenu\nbody",
        "first\rsecond\nbody",
        id="U1 a lone carriage return ends a line",
    ),
    pytest.param(
        "menu\n\nfirst\n\nsecond\n",
        ["remove_lines(1, 1)"],
        "first\nsecond",
        "\nfirst\n\nsecond\n",
        id="U2 any edit squeezes blank lines and strips both ends",
    ),
    pytest.param(
        "first\r\nsecond", ["keep_all()"], "first\nsecond", "first\r\nsecond", id="U3 line breaks change unasked"
    ),
    pytest.param(
        "I won't go",
        ["replace_str(1, 'I won\\'t go', 'I won't"],
        "I won",
        "I won't go",
        id="U4 a call that was cut off inside a string is executed",
    ),
    pytest.param(
        "menu\nbody",
        ["remove_lines(1, 1) is what I would do"],
        "body",
        "menu\nbody",
        id="U5 what follows a call passes unseen",
    ),
    pytest.param(
        "menu\nbody",
        ["remove_all()\nremove_lines(1, 1)"],
        "body",
        "",
        id="U6 remove_all beside another call is ignored",
    ),
    pytest.param(
        "10\xa0km away",
        ["replace_str(1, '10\xa0km', '10 km')"],
        "10\xa0km away",
        "10 km away",
        id="U7 strings with a no-break space are not found after the second reading",
    ),
    pytest.param(
        "一\n二",
        ["add_line(1, 1, '三\u3000四')"],
        "一\n三\\u3000四\n二",
        "一\n三\u3000四\n二",
        id="U7 escapes of the second reading end up in the text",
    ),
    pytest.param(
        "colour and and flavour",
        ["replace_str(1, 'colour', 'colours')\nreplace_str(1, 'and and', 'and')"],
        "colour and flavour",
        "colours and flavour",
        id="U8 of two replacements in a line, one that only inserts is lost",
    ),
    pytest.param(
        "abcdef",
        ["replace_str(1, 'abc', 'XYZW')\nreplace_str(1, 'def', 'Q')"],
        "XYZQ",
        "XYZWQ",
        id="U8 of two replacements that touch, the first is cut",
    ),
    pytest.param(
        "first\nsecond",
        ["add_line(1, 0, 'new')"],
        "newsecond",
        "first\nnew\nsecond",
        id="U9 rank 0 overwrites the line",
    ),
    pytest.param(
        "a\nb\nc", ["add_line(1, 10000, 'new')"], "a\nnewc", "a\nnew\nb\nc", id="U9 rank 10000 overwrites the next line"
    ),
    pytest.param(
        "a\nb\nc",
        ["add_line(2, 1, 'new')\nremove_lines(2, 3)"],
        "a",
        "a\nnew",
        id="U10 a removal takes lines that were inserted",
    ),
    pytest.param(
        "first\nsecond",
        ["replace_str(1, 'first\\n', 'first ')"],
        "first second",
        "first\nsecond",
        id="U11 a line break in a string joins lines",
    ),
    pytest.param(
        "a\nb\nc",
        ["remove_lines(1, 1)\n" * 4, "remove_lines(2, 2)", "keep_all()"],
        "a\nb\nc",
        "c",
        id="U12 a loop in one window voids all programs",
    ),
    pytest.param(
        "a\nb\nc",
        ["remove_lines(1, 1)", f"remove_lines(2, {DIGITS})", "keep_all()"],
        "a\nb\nc",
        "b\nc",
        id="U13 a number of 5,000 digits in one window voids all programs",
    ),
    pytest.param(
        "a\nb\nc",
        ["remove_lines(1, 1)", f"add_line(2, {'9' * 400}, 'x')", "keep_all()"],
        "a\nb\nc",
        "b\nc",
        id="U13 a rank that is too large for a float voids all programs",
    ),
    pytest.param(
        "a\nb",
        ["add_line(0, 1, 'top')", "keep_all()"],
        "a\nb",
        "top\na\nb",
        id="U14 in a document of several windows nothing can be inserted at the top",
    ),
    pytest.param("a\nb", ["remove_lines(2, 9)"], "a", "a\nb", id="U15 numbers that were never shown are accepted"),
]

RESCRAPER = [
    pytest.param(
        NAV,
        [answer("edit", "rm 1", "rm 2\nsub 3")],
        "rm 2\nsub 3",
        NAV,
        id="R1 unreadable edits become the page's text",
    ),
    pytest.param(
        "def f():\n\n    return  1",
        [answer("keep")],
        "def f():\nreturn 1",
        "def f():\n\n    return  1",
        id="R2 indentation, spaces and blank lines go unasked",
    ),
    pytest.param(NAV, [answer("edit", "rm 1")], "", NAV, id="R3 an edit without calls drops the page"),
    pytest.param(NAV, ["<Update>\n<extract>\nrm 1\n<Update>"], "", NAV, id="R4 an unknown decision drops the page"),
    pytest.param(NAV, ["I would keep this page."], "", NAV, id="R4 prose drops the page"),
    pytest.param(
        "Type\nrm 1.txt\nrm 2.txt",
        [answer("keep")],
        "",
        "Type\nrm 1.txt\nrm 2.txt",
        id="R5 the filter drops pages that write about commands",
    ),
    pytest.param(
        "The tag\n<delete>\nmarks text.",
        [answer("keep")],
        "",
        "The tag\n<delete>\nmarks text.",
        id="R5 the filter drops pages that write about tags",
    ),
    pytest.param(NAV, [answer("keep", f"rm {DIGITS}")], "", NAV, id="R6 a number of 5,000 digits drops the page"),
    pytest.param(NAV, [answer("edit", "", "sub 2: 5")], "", NAV, id="R6 a number in place of a string drops the page"),
    pytest.param(
        NAV,
        [answer("rewrite", "rm 1", "Something quite different.")],
        "Something quite different.",
        "The title\nA line of text.",
        id="R7 a rewrite replaces the page unchecked",
    ),
    pytest.param(
        NAV, [answer("keep", "rm 3-9")], "Home\nThe title", NAV, id="R8 numbers that were never shown are accepted"
    ),
    pytest.param(
        NAV,
        [answer("edit", "", 'sub 2: " title')],
        "Home\nThe\nA line of text.",
        NAV,
        id="R9 a string that was cut off is executed",
    ),
    pytest.param(
        NAV, ["<keep>\n<extract>\nrm 1"], "The title\nA line of text.", NAV, id="R9 half an answer is executed"
    ),
    pytest.param(NAV, ["<delete>\n<extract>\nrm 1\n<keep>"], "", NAV, id="R10 decisions that disagree pass unseen"),
]


@pytest.mark.parametrize(("text", "programs", "released", "strict"), ULTRAX)
def test_ultrax_in_reference_mode_has_the_defect(text, programs, released, strict):
    assert run("ultrax", text, programs, "reference").text == released


@pytest.mark.parametrize(("text", "programs", "released", "strict"), ULTRAX)
def test_ultrax_in_strict_mode_does_not_have_it(text, programs, released, strict):
    assert run("ultrax", text, programs, "strict").text == strict


@pytest.mark.parametrize(("text", "programs", "released", "strict"), RESCRAPER)
def test_rescraper_in_reference_mode_has_the_defect(text, programs, released, strict):
    assert run("rescraper", text, programs, "reference").text == released


@pytest.mark.parametrize(("text", "programs", "released", "strict"), RESCRAPER)
def test_rescraper_in_strict_mode_does_not_have_it(text, programs, released, strict):
    assert run("rescraper", text, programs, "strict").text == strict


@pytest.mark.parametrize(("text", "programs", "released", "strict"), ULTRAX)
def test_the_released_ultrax_code_has_the_defect(text, programs, released, strict):
    assert as_released("ultrax", text, programs) == released


@pytest.mark.parametrize(("text", "programs", "released", "strict"), RESCRAPER)
def test_the_released_rescraper_code_has_the_defect(text, programs, released, strict):
    assert as_released("rescraper", text, programs) == released


def as_released(dialect: Dialect, text: str, programs: list[str]) -> str:
    policy = ExecutionPolicy(mode="reference", dialect=dialect)
    return released_executor(dialect)(text, in_chunks(text, programs), policy) or ""


@cache
def released_executor(dialect: Dialect) -> ReleasedExecutor:
    variable = f"PROX_{dialect.upper()}_CHECKOUT"
    if variable not in os.environ:
        pytest.skip(f"{variable} names no checkout")
    load = released_ultrax if dialect == "ultrax" else released_rescraper
    return load(Path(os.environ[variable]))


# What goes wrong and leaves the text as it was: strict mode says so


def test_u5_what_ultrax_cannot_read_is_silently_a_keep():
    for program in ("I would keep this page.", "replace_str(1, 'menu')", "keep_all( )"):
        assert statuses(run("ultrax", "menu\nbody", [program], "reference")) == ["ignored"]
    assert statuses(run("ultrax", "menu\nbody", ["I would keep this page."], "strict")) == ["unparsed"]


def test_u6_remove_all_beside_a_replacement_without_a_match_drops_the_document():
    program = "replace_str(1, 'absent', '')\nremove_all()"

    assert run("ultrax", "menu\nbody", [program], "reference").reason == "judged_worthless"
    # So does strict mode, which obeys remove_all() whatever stands beside it.
    assert run("ultrax", "menu\nbody", [program], "strict").reason == "judged_worthless"


def test_u16_four_similar_headings_void_the_program():
    program = "\n".join(f"add_line({line}, 1, 'Section {line} of the page')" for line in range(1, 5))

    assert run("ultrax", "a\nb\nc\nd", [program], "reference").reason == "repetitive"
    strict = run("ultrax", "a\nb\nc\nd", [program], "strict")
    assert (strict.text.count("Section"), statuses(strict)) == (4, ["applied"] * 4)


def test_r11_a_huge_range_fills_memory():
    program = answer("keep", f"rm 1-{10**12}")

    assert run("rescraper", NAV, [program], "reference").reason == "reference_crashed"
    assert statuses(run("rescraper", NAV, [program], "strict")) == ["out_of_range"]


def test_r12_calls_after_a_decision_to_keep_pass_unseen():
    program = "<keep>\n<extract>\n<keep>\nrm 1"

    assert statuses(run("rescraper", NAV, [program], "reference")) == ["ignored"]
    assert statuses(run("rescraper", NAV, [program], "strict")) == ["unparsed"]
