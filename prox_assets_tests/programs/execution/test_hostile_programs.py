"""Broken and hostile programs: a few of the million of `python -m benchmarks.fuzz_programs`, and every input it found.

The invariants themselves are in prox_assets/testing/programs/invariants.py; here also that they can fail.
"""

import time
from dataclasses import replace

import pytest
from hypothesis import given

from prox_assets.programs import (
    Chunk,
    ChunkOutcome,
    ChunkProgram,
    ExecutionPolicy,
    Outcome,
    Reason,
    Verdict,
    execute,
)
from prox_assets.testing.programs import invariants
from prox_assets.testing.programs.cases import chunked_documents
from prox_assets.testing.programs.dialect_inputs import NEW_DIALECTS, dialect_input, mixed_input
from prox_assets.testing.programs.invariants import (
    check_document,
    check_parsing,
    check_provenance,
    check_reference,
    check_strict,
)
from prox_assets.testing.programs.mutations import HostileInput, hostile_input

SEED = 1
LENIENT = ExecutionPolicy(error_limit=100, min_kept_share=0, min_kept_characters=0)


def hold(case: HostileInput) -> None:
    for item in case.programs:
        if isinstance(item.program, str):
            check_parsing(item.program)
            check_document(case.text, item.program)
    check_provenance(case, check_strict(case))
    check_reference(case.text, case.programs)


def hold_strictly(case: HostileInput) -> None:
    for item in case.programs:
        if isinstance(item.program, str):
            check_parsing(item.program, case.policy.dialect)
    check_provenance(case, check_strict(case))


def one(text: str, program: str, policy: ExecutionPolicy = LENIENT) -> HostileInput:
    return HostileInput(text, [ChunkProgram(Chunk(0, 0, text.count("\n")), program)], policy)


@pytest.mark.parametrize("first", range(0, 500, 250))
def test_what_must_hold_for_any_program_holds_for_mutated_ones(first):
    for number in range(first, first + 250):
        hold(hostile_input(SEED, number))


@pytest.mark.parametrize("dialect", NEW_DIALECTS)
def test_it_holds_in_every_dialect(dialect):
    for number in range(200):
        hold_strictly(dialect_input(dialect, SEED, number))


@given(chunked_documents())
def test_what_must_hold_for_any_program_holds_for_those_of_hypothesis(document):
    text, programs = document
    hold(HostileInput(text, programs, LENIENT))


def test_the_same_seed_and_number_make_the_same_input():
    assert hostile_input(3, 41) == hostile_input(3, 41) != hostile_input(3, 42)
    assert mixed_input(3, 41) == mixed_input(3, 41) != mixed_input(3, 46)
    assert [mixed_input(3, number).policy.dialect for number in range(5)] == list(NEW_DIALECTS)


BOMBS = {
    "a string that never ends": 'normalize("' + "\\" * 300_000,
    "quotes": "normalize(" + '"' * 300_000 + ")",
    "brackets": "(" * 300_000 + ")" * 300_000,
    "arguments": f"remove_lines({'0, ' * 100_000}0)",
    "exponential growth": 'normalize(source_str="a", target_str="aaaaaaaa")\n' * 10_000,
    "many different calls": "".join(f'normalize("{n}a", "{n}")\n' for n in range(2_000)),
    "a huge range": f"remove_lines(0, {'9' * 18})",
    "digits": f"remove_lines({'9' * 500_000}, 1)",
    "fences": "```" * 200_000,
    "comments": "#" * 500_000,
    "blanks": " " * 500_000 + "x",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_program_made_to_be_costly_costs_little(name):
    case = one("a ab a\n" * 2_000, BOMBS[name])
    started = time.process_time()
    hold(case)
    # Linear work on half a megabyte; a quadratic step anywhere takes minutes. The bound leaves room for slow machines.
    assert time.process_time() - started < 20


HUGE_LINE = "ab " * 20_000
DIALECT_BOMBS = {
    "strings of one huge line": ("ultrax", [f"replace_str(1, '{n}a', '{n}')" for n in range(2_000)]),
    "long strings of one huge line": ("refinex", [f"remove_str(0, '{'ab ' * (n % 600)}x')" for n in range(2_000)]),
    "gaps of one huge line": (
        "rescraper",
        ["<edit>", "<extract>", "<edit>", *(f'sub 1: "b{" a" * n}"' for n in range(900))],
    ),
    "lines inserted at one place": ("ultrax", [f"add_line(1, {2_000 - n}, 'line {n}')" for n in range(2_000)]),
    "overlapping removals": ("ultrax", [f"remove_lines(1, {n})" for n in range(500)]),
    "rewrites": ("canonical", [f'rewrite("{n}")' for n in range(2_000)]),
    "a huge rewrite": ("rescraper", ["<rewrite>", "<extract>", "<rewrite>", *["a line of text"] * 20_000]),
    "huge numbers": ("rescraper", ["<keep>", "<extract>", *(f"rm 1-{n}{'9' * 17}" for n in range(9)), "<keep>"] * 100),
    "tags": ("rescraper", ["<edit>", "<extract>"] * 5_000),
}


@pytest.mark.parametrize("text", [HUGE_LINE, "ab\n" * 20_000], ids=["line", "lines"])
@pytest.mark.parametrize("name", DIALECT_BOMBS)
def test_a_program_of_any_dialect_made_to_be_costly_costs_little(name, text):
    dialect, calls = DIALECT_BOMBS[name]
    policy = replace(LENIENT, dialect=dialect, error_limit=100_000, protect_formulas=True, execute_rewrites=True)
    started = time.process_time()
    hold_strictly(one(text, "\n".join(calls), policy))
    assert time.process_time() - started < 20


class TestTheInvariantsCanFail:
    """A check that accepts anything would let a million programs pass."""

    CASE = one("menu\nthe page\nfooter", 'remove_lines(0, 0)\nnormalize("page", "text")')

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"text": "the text\nfooter!", "characters_after": 16}, "edits do not add up"),
            ({"text": "the text\nfooled"}, "with replacements"),
            ({"text": "the text footer", "characters_after": 15, "lines_after": 1}, "lines are left"),
            ({"edits": ()}, "edits"),
            ({"chunks": ()}, "a chunk has no verdict"),
            ({"chunks": (ChunkOutcome(0, Verdict.NO_CHANGE),)}, "no_change with"),
            ({"chunks": (ChunkOutcome(0, Verdict.APPLIED),)}, "a removal without its lines"),
            ({"chunks": (ChunkOutcome(0, Verdict.APPLIED, ((0, 1),)),)}, "removed lines do not add up"),
        ],
    )
    def test_an_executor_with_a_wrong_result_is_caught(self, change, message, monkeypatch):
        right = execute(self.CASE.text, self.CASE.programs, self.CASE.policy)
        assert right.text == "the text\nfooter"
        monkeypatch.setattr(invariants, "execute", lambda *arguments: replace(right, **change))
        with pytest.raises(AssertionError, match=message):
            check_strict(self.CASE)

    GROWN = one(
        "menu\nthe page\nfooter",
        'insert_line(1, "new")\nreplace_in_line(1, "page", "text")\nremove_lines(0, 0)',
        replace(LENIENT, dialect="canonical"),
    )

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("the text\nnew\nfooter", None),
            ("the text\nold\nfooter", "with replacements"),
            ("the text\nfooter\nnew", "with replacements"),
            ("the page\nnew\nfooter", None),  # which match of a string is replaced, its own test says
            ("the text\nnew\nfoo\nter", "do not add up"),
        ],
    )
    def test_a_text_that_the_calls_do_not_ask_for_is_caught(self, text, message, monkeypatch):
        right = execute(self.GROWN.text, self.GROWN.programs, self.GROWN.policy)
        wrong = replace(right, text=text, characters_after=len(text), lines_after=text.count("\n") + 1)
        monkeypatch.setattr(invariants, "execute", lambda *arguments: wrong)
        if message is None:
            check_strict(self.GROWN)
        else:
            with pytest.raises(AssertionError, match=message):
                check_strict(self.GROWN)

    def test_a_document_that_nobody_judged_worthless_may_not_be_dropped(self, monkeypatch):
        case = one("menu\nthe page", "remove_lines(0, 0)", replace(LENIENT, dialect="ultrax"))
        right = execute(case.text, case.programs, case.policy)
        changes = {"text": "", "characters_after": 0, "lines_after": 0, "outcome": Outcome.DROPPED_BY_CHUNKS}
        for reason, message in ((Reason.JUDGED_WORTHLESS, "nobody judged"), (Reason.NOTHING_LEFT, "called worthless")):
            wrong = replace(right, reason=reason, **changes)
            monkeypatch.setattr(invariants, "execute", lambda *arguments, wrong=wrong: wrong)
            with pytest.raises(AssertionError, match=message):
                check_strict(case)

    def test_a_reference_mode_that_differs_from_the_released_code_is_caught(self):
        text = "one two three four five six seven eight nine ten eleven twelve"
        assert check_reference(text, one(text, "keep_chunk()").programs, lambda text, program: text)
        with pytest.raises(AssertionError, match="released executor"):
            check_reference(text, one(text, "keep_chunk()").programs, lambda text, program: text + "!")
