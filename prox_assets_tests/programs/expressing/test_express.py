"""Programs of the ProX language said in other dialects: executed strictly, they leave the same text."""

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prox_assets.programs import (
    DIALECTS,
    ChunkProgram,
    EditStatus,
    ExecutionPolicy,
    InsertLine,
    Normalize,
    Outcome,
    RemoveAll,
    RemoveLines,
    ReplaceInLine,
    Rewrite,
    execute,
    pack_lines,
)
from prox_assets.programs.execution.judging import SEARCH_LIMIT
from prox_assets.programs.execution.recording import ChunkRecord
from prox_assets.programs.expressing.changes import Changes, Replaced, changes_of
from prox_assets.programs.expressing.choosing import MEANS, Unsaid
from prox_assets.programs.expressing.express import Expressed, Fidelity, express
from prox_assets.testing.programs.cases import chunked_documents, document_texts

POLICY = ExecutionPolicy(min_kept_share=0.0, min_kept_characters=0, on_empty="drop", whole_words=False)


def said(dialect: str, text: str, *programs: Any, policy: ExecutionPolicy = POLICY) -> tuple[Expressed, str | None]:
    """Execute programs; return what was done in a dialect, and the refined text."""
    records: list[ChunkRecord] = []
    refinement = execute(text, programs, policy, records)
    refined = None if refinement.outcome is Outcome.DROPPED_BY_CHUNKS else refinement.text
    changes = None if refined is None else changes_of(text, refined, records)
    return express(text, refined, changes, DIALECTS[dialect]), refined


def whole(dialect: str, text: str, *operations: Any) -> Expressed:
    return said(dialect, text, ((0, text.count("\n")), operations))[0]


def agree(expressed: Expressed, refined: str | None) -> None:
    """Check what holds for any document in any dialect."""
    assert (expressed.fidelity is Fidelity.EXACT) == (expressed.text == refined)
    assert expressed.unsaid or expressed.fidelity is Fidelity.EXACT
    assert Unsaid.EXECUTED_DIFFERENTLY not in expressed.unsaid


_PIECES = st.sampled_from([" ", "a", "b", "ab", "[1]", "Share", "é", "\\", "'", '"', "中", "\t"])
# Their lines are short, so no string is too long to be executed.
pages = st.lists(st.lists(_PIECES, max_size=9).map("".join), min_size=1, max_size=9).map("\n".join)
_numbers = st.integers(0, 8)
removals = st.builds(lambda one, other: RemoveLines(min(one, other), max(one, other)), _numbers, _numbers)
_sources = st.sampled_from(["a", "ab", "[1]", " ", "b[1]", "Share", "'", "\\"])
replacements = st.builds(Normalize, _sources, st.sampled_from(["", "a", "x y", "'\\", "中"]))
cuts = st.builds(Normalize, _sources, st.just(""))


@st.composite
def refined_pages(draw: st.DrawFn, inside: st.SearchStrategy[Normalize]) -> tuple[str, tuple[Any, ...]]:
    """Draw a page, and operations of which all can be executed."""
    text = draw(pages)
    last = text.count("\n")
    operations = draw(st.lists(removals | inside, max_size=6))
    fits = [call for call in operations if not isinstance(call, RemoveLines) or call.end <= last]
    return text, (((0, last), tuple(fits)),)


@pytest.mark.parametrize("dialect", ["canonical", "ultrax"])
@given(refined_pages(replacements))
def test_what_replaces_and_inserts_says_everything_exactly(dialect, page):
    text, programs = page
    expressed, refined = said(dialect, text, *programs)
    assert expressed.text == refined
    assert expressed.fidelity is Fidelity.EXACT
    assert not expressed.unsaid


@given(refined_pages(cuts))
def test_what_removes_says_what_a_unique_string_names_and_lists_the_rest(page):
    text, programs = page
    expressed, refined = said("refinex", text, *programs)
    agree(expressed, refined)
    assert set(expressed.unsaid) <= {Unsaid.NOT_UNIQUE}


@given(refined_pages(cuts))
def test_rescraper_is_exact_but_for_white_space_and_what_has_no_first_occurrence(page):
    text, programs = page
    expressed, refined = said("rescraper", text, *programs)
    agree(expressed, refined)
    assert set(expressed.unsaid) <= {Unsaid.NOT_UNIQUE, Unsaid.WHITE_SPACE}
    if set(expressed.unsaid) <= {Unsaid.WHITE_SPACE}:
        assert expressed.fidelity is not Fidelity.INEXACT


@given(refined_pages(st.nothing()))
def test_whole_lines_are_said_exactly_where_all_lines_are_shown(page):
    text, programs = page
    for dialect in ("refinex", "dataorchestra-np"):
        expressed, _ = said(dialect, text, *programs)
        assert expressed.fidelity is Fidelity.EXACT
    assert said("rescraper", text, *programs)[0].fidelity is not Fidelity.INEXACT


@pytest.mark.parametrize("dialect", MEANS)
@given(chunked_documents(), st.booleans())
def test_any_document_and_program_under_any_policy(dialect, document, lenient):
    text, programs = document
    expressed, refined = said(dialect, text, *programs, policy=POLICY if lenient else ExecutionPolicy())
    agree(expressed, refined)


@pytest.mark.parametrize("dialect", MEANS)
@given(document_texts)
def test_documents_that_are_dropped_or_stay(dialect, text):
    dropped = express(text, None, None, DIALECTS[dialect])
    assert (dropped.text, dropped.fidelity) == (None, Fidelity.EXACT)
    kept = express(text, text, None, DIALECTS[dialect])
    assert (kept.text, kept.fidelity) == (text, Fidelity.EXACT)


REWRITING = ExecutionPolicy(dialect="canonical", execute_rewrites=True, min_kept_share=0.0, min_kept_characters=0)


@st.composite
def edited_pages(draw: st.DrawFn, rewrites: bool) -> tuple[str, list[ChunkProgram]]:
    """Draw a page of several chunks and what canonical and UltraX say of lines: mostly blank ones and those beside."""
    lines = draw(st.lists(st.sampled_from(["", "", "a", "ab", "[1] a [1]", " ", "x\r", "中"]), min_size=1, max_size=8))
    programs: list[ChunkProgram] = []
    for chunk in pack_lines([1] * len(lines), draw(st.integers(1, len(lines)))):
        own = st.integers(chunk.line_start, chunk.line_end)
        calls: list[st.SearchStrategy[Any]] = [
            st.builds(lambda one, other: RemoveLines(min(one, other), max(one, other)), own, own),
            st.builds(ReplaceInLine, own, _sources, st.sampled_from(["", "a", "x y", "中"])),
            st.builds(
                InsertLine,
                st.integers(chunk.line_start - 1, chunk.line_end),
                st.sampled_from(["", " ", "a", "new"]),
                st.integers(0, 2),
            ),
        ]
        if rewrites:
            calls += [st.builds(Rewrite, st.lists(st.sampled_from(["", "a", "ab"]), min_size=1).map("\n".join))]
        program = st.lists(st.one_of(calls), max_size=5).map(tuple) | st.sampled_from([None, (RemoveAll(),)])
        programs.append(ChunkProgram(chunk, draw(program)))
    return "\n".join(lines), programs


@pytest.mark.parametrize("dialect", ["canonical", "ultrax"])
@pytest.mark.parametrize("said_in", ["canonical", "ultrax"])
@given(st.data())
@settings(max_examples=300)
def test_what_the_dialects_that_insert_say_is_exact_in_both(dialect, said_in, data):
    text, programs = data.draw(edited_pages(rewrites=dialect == "canonical"))
    policy = replace(REWRITING, dialect=dialect, on_empty="drop")
    expressed, refined = said(said_in, text, *programs, policy=policy)
    assert (expressed.text, expressed.fidelity, expressed.unsaid) == (refined, Fidelity.EXACT, {})


MAY_BE_UNSAID = {
    "insert_line": {Unsaid.INSERTS_LINE},
    "rewrite": {Unsaid.REWRITES},
    "replace_in_line": {Unsaid.INSIDE_LINE, Unsaid.PUTS_TEXT, Unsaid.NOT_UNIQUE, Unsaid.WHITE_SPACE},
    "remove_lines": {Unsaid.WHITE_SPACE},
    "remove_all": {Unsaid.WHITE_SPACE},
}


@pytest.mark.parametrize("dialect", ["rescraper", "refinex", "dataorchestra-np"])
@given(edited_pages(rewrites=True))
def test_what_is_left_unsaid_has_the_reason_of_what_was_done(dialect, page):
    text, programs = page
    expressed, refined = said(dialect, text, *programs, policy=replace(REWRITING, on_empty="drop"))
    agree(expressed, refined)
    edits = execute(text, programs, replace(REWRITING, on_empty="drop")).edits
    applied = [edit.operation for edit in edits if edit.status is EditStatus.APPLIED]
    assert set(expressed.unsaid) <= set().union(*(MAY_BE_UNSAID[operation] for operation in applied))
    if refined not in (None, text) and Unsaid.REWRITES not in expressed.unsaid and "<rewrite>" not in expressed.program:
        assert expressed.unsaid[Unsaid.INSERTS_LINE] == applied.count("insert_line")
    if dialect != "rescraper":
        assert Unsaid.WHITE_SPACE not in expressed.unsaid


@pytest.mark.parametrize(
    ("text", "program", "same"),
    [
        ("a\n\nb", "add_line(1, 1, 'new')", "add_line(1, 1, 'new')"),
        ("a\nb", "add_line(1, 1, 'new')\nremove_lines(2, 2)", "remove_lines(2, 2)\nadd_line(1, 1, 'new')"),
        ("a\nb", "add_line(0, 1, 'new')\nremove_lines(1, 2)", "remove_lines(1, 2)\nadd_line(0, 1, 'new')"),
        ("\na", "remove_lines(1, 1)\nadd_line(0, 1, 'new')", "remove_lines(1, 1)\nadd_line(0, 1, 'new')"),
    ],
)
def test_lines_inserted_beside_blank_and_removed_ones(text, program, same):
    policy = ExecutionPolicy(dialect="ultrax", min_kept_share=0.0, min_kept_characters=0)
    expressed, refined = said("ultrax", text, ((0, text.count("\n")), program), policy=policy)
    assert (expressed.program, expressed.text) == (same, refined)


@pytest.mark.parametrize(
    ("dialect", "program"),
    [
        ("rescraper", "<rewrite>\n<extract>\n<rewrite>\na\nnew\nd"),
        ("canonical", 'rewrite(text="a\\nnew\\nd")'),
        ("ultrax", "remove_lines(2, 3)\nadd_line(1, 1, 'new')"),
    ],
)
def test_a_rewritten_document(dialect, program):
    expressed, _ = said(dialect, "a\nb\nc\nd", ((0, 3), (Rewrite("a\nnew\nd"),)), policy=REWRITING)
    assert (expressed.program, expressed.text, expressed.unsaid) == (program, "a\nnew\nd", {})


@pytest.mark.parametrize("dialect", ["rescraper", "refinex", "dataorchestra-np"])
def test_a_rewritten_chunk_stays_where_lines_are_not_inserted(dialect):
    programs = ((0, 1), (Rewrite("new"),)), ((2, 3), (RemoveLines(2, 2),))
    expressed, refined = said(dialect, "a\nb\nc\nd", *programs, policy=REWRITING)
    assert refined == "new\nd"
    assert (expressed.text, expressed.unsaid) == ("a\nb\nd", {Unsaid.REWRITES: 1})


@pytest.mark.parametrize("text", [" new", "new\n", "rm 1", "<keep>"])
def test_a_rewrite_that_rescraper_would_read_otherwise_is_left_out(text):
    expressed, _ = said("rescraper", "a\nb", ((0, 1), (Rewrite(text),)), policy=REWRITING)
    assert (expressed.text, expressed.unsaid) == ("a\nb", {Unsaid.REWRITES: 1})


PAGE = "menu\n\nOne [1] and two [1].\nshare\n\nThe end."


def test_how_each_dialect_says_the_same():
    operations = RemoveLines(0, 1), RemoveLines(3, 3), Normalize("[1] ", ""), Normalize("end", "finish")
    programs = {dialect: whole(dialect, PAGE, *operations) for dialect in MEANS}
    assert programs["ultrax"].program == (
        "remove_lines(1, 2)\nremove_lines(4, 4)\nreplace_str(3, '[1] ', '')\nreplace_str(6, 'end', 'finish')"
    )
    assert programs["refinex"].program == "remove_lines(0, 1)\nremove_lines(3, 3)\nremove_str(2, '[1] ')"
    assert programs["dataorchestra-np"].program == (
        "remove_lines(line_start=0, line_end=1)\nremove_lines(line_start=3, line_end=3)"
    )
    assert programs["rescraper"].program == '<edit>\n<extract>\nrm 1\nrm 3\n<edit>\nsub 2: "[1] "'
    assert {dialect: one.fidelity.value for dialect, one in programs.items()} == {
        "canonical": "exact",
        "ultrax": "exact",
        "rescraper": "inexact",
        "refinex": "inexact",
        "dataorchestra-np": "inexact",
    }
    assert programs["rescraper"].unsaid == {Unsaid.PUTS_TEXT: 1, Unsaid.WHITE_SPACE: 1}
    assert programs["refinex"].unsaid == {Unsaid.PUTS_TEXT: 1}
    assert programs["dataorchestra-np"].unsaid == {Unsaid.INSIDE_LINE: 2}


def test_keeping_and_dropping_in_the_words_of_each_dialect():
    kept = {dialect: express("a\nb", "a\nb", None, DIALECTS[dialect]).program for dialect in MEANS}
    dropped = {dialect: express("a\nb", None, None, DIALECTS[dialect]).program for dialect in MEANS}
    assert (kept["ultrax"], dropped["ultrax"]) == ("keep_all()", "remove_all()")
    assert kept["rescraper"].startswith("<keep>")
    assert dropped["rescraper"].startswith("<delete>")
    assert (kept["refinex"], dropped["refinex"]) == ("keep_all()", "remove_lines(0, 1)")


def test_a_change_that_cannot_be_traced_leaves_the_document_as_it_was():
    expressed = express("a\nb", "c", None, DIALECTS["ultrax"])
    assert (expressed.text, expressed.fidelity) == ("a\nb", Fidelity.INEXACT)
    assert expressed.unsaid == {Unsaid.NOT_TRACED: 1}


def test_programs_of_one_dialect_are_said_in_another():
    policy = ExecutionPolicy(dialect="ultrax", min_kept_share=0.0)
    program = "remove_lines(1, 1)\nreplace_str(2, 'two', '2')\nadd_line(2, 1, 'new')"
    expressed, refined = said("canonical", "menu\none two\nend", ((0, 2), program), policy=policy)
    assert refined == expressed.text == "one 2\nnew\nend"
    assert expressed.operations == (RemoveLines(0, 0), ReplaceInLine(1, "two", "2"), InsertLine(1, "new", 1))


@pytest.mark.parametrize(("dialect", "left_out"), [("ultrax", 0), ("refinex", 3), ("rescraper", 3)])
def test_more_strings_of_a_line_than_are_executed_are_left_out_one_by_one(dialect, left_out):
    line = "".join(f"word[{number}] " for number in range(SEARCH_LIMIT + 3))
    cuts = tuple(Replaced(mark.start(), mark.end(), "") for mark in re.finditer(r"\[\d+\]", line))
    refined = re.sub(r"\[\d+\]", "", line)
    expressed = express(line, refined, Changes((), {0: cuts}), DIALECTS[dialect])
    assert expressed.unsaid == ({Unsaid.TOO_MANY: left_out} if left_out else {})
    assert expressed.text is not None
    assert expressed.text.count("[") == left_out


def test_many_lines_may_each_have_a_replacement():
    text = "\n".join(f"line {number}[{number}]" for number in range(SEARCH_LIMIT + 3))
    refined = re.sub(r"\[\d+\]", "", text)
    cuts = {number: (Replaced(line.index("["), len(line), ""),) for number, line in enumerate(text.split("\n"))}
    done = Changes(replaced=cuts)
    assert express(text, refined, done, DIALECTS["ultrax"]).fidelity is Fidelity.EXACT
