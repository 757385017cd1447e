"""Mutated programs of every dialect: a parser never raises, quotes what it cannot read, and takes linear time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prox_assets.programs import DIALECTS, render
from prox_assets.programs.dialects import canonical
from prox_assets.programs.dialects.parsed import EXCERPT_CHARACTERS
from prox_assets.testing.programs.cases import program_texts
from prox_assets.testing.programs.dialect_mutations import hostile_program

SEED = 1
PROGRAMS = 3_000
NAMES = sorted(DIALECTS)


def check(name, program):
    """Check what must hold for the parser of a dialect, and return the program as it was read."""
    parsed = DIALECTS[name].parse(program)
    for error in parsed.errors:
        assert error.text in program, "an error quotes what is not in the program"
        assert len(error.text) <= EXCERPT_CHARACTERS
    again = canonical.parse(render(parsed.operations))
    assert again.errors == ()
    assert again.operations == parsed.operations, "not every operation has its canonical spelling"
    return parsed


@pytest.mark.parametrize("name", NAMES)
def test_what_must_hold_for_any_program_holds_for_mutated_ones(name):
    kinds = {"sound": 0, "mixed": 0, "broken": 0}
    for number in range(PROGRAMS):
        parsed = check(name, hostile_program(name, SEED, number))
        kind = "broken" if not parsed.operations else "mixed" if parsed.errors else "sound"
        kinds[kind] += 1

    assert min(kinds.values()) > PROGRAMS / 20, "the mutations are too wild, or too tame, to test anything"


@pytest.mark.parametrize("name", NAMES)
@given(program=program_texts | st.text(alphabet="<>keptracdilwubsm 123-:\"'\\\n(),=#`"))
def test_what_must_hold_for_any_program_holds_for_those_of_hypothesis(name, program):
    check(name, program)


def test_the_same_seed_and_number_make_the_same_program():
    assert hostile_program("ultrax", 3, 41) == hostile_program("ultrax", 3, 41) != hostile_program("ultrax", 3, 42)
    assert hostile_program("ultrax", 3, 41) != hostile_program("refinex", 3, 41)


CHARACTERS = 200_000
CALLS = [
    "replace_str(1, '",
    "replace_str(1, 'a', \"\n",
    "add_line(\n",
    "'a',",
    "'\"",
    "\\",
    "' ",
    "'\n",
    "remove_lines(1, 2",
]
LINES = [
    "rm 1\n",
    "rm ",
    "sub 1: ",
    'sub 1: "\n',
    'sub 1: "a"\n',
    "[",
    "<keep>\n",
    "<",
    "\n",
    " ",
    '"',
    "\\",
    "中",
    "x",
]
OPENINGS = [
    *("", "<keep>\n<extract>\n", "<edit>\n<extract>\n<edit>\n", "<rewrite>\n<extract>\n<rewrite>\n"),
    *("<think>", 'sub 1: "', '<edit>\n<extract>\n<edit>\nsub 1: "', "<edit>\n<extract>\n<edit>\nsub 1: "),
]
BOMBS = [
    *(("ultrax", opening, unit) for opening in ("", "replace_str(1, ", "replace_str(1, '") for unit in CALLS),
    *(("rescraper", opening, unit) for opening in OPENINGS for unit in LINES),
]


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("name", "opening", "unit"), BOMBS)
def test_garbage_is_read_in_linear_time(name, opening, unit):
    # A fraction of a second when linear, minutes when quadratic.
    parsed = check(name, opening + unit * (CHARACTERS // len(unit)))

    assert len(parsed.operations) + len(parsed.errors) == len(parsed.calls)
