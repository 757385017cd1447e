"""Our parsers and writers beside the released ones, where the environment names checkouts of them.

PROX_ULTRAX_CHECKOUT is a checkout of openbmb/UltraX, PROX_RESCRAPER_CHECKOUT one of cxcscmu/ReScraper.
"""

import importlib.util
import os
import re
import sys
from pathlib import Path

import pytest
from hypothesis import assume, given

from prox_assets.programs import (
    DIALECTS,
    InsertLine,
    KeepChunk,
    RemoveAll,
    RemoveLines,
    ReplaceInLine,
    Rewrite,
)
from prox_assets.testing.programs.dialect_cases import LINE_COUNT, SAYABLE
from prox_assets.testing.programs.dialect_mutations import hostile_program

ULTRAX = os.environ.get("PROX_ULTRAX_CHECKOUT")
RESCRAPER = os.environ.get("PROX_RESCRAPER_CHECKOUT")
with_ultrax = pytest.mark.skipif(not ULTRAX, reason="PROX_ULTRAX_CHECKOUT names no checkout of openbmb/UltraX")
with_rescraper = pytest.mark.skipif(not RESCRAPER, reason="PROX_RESCRAPER_CHECKOUT names no checkout of ReScraper")

PROGRAMS = 20_000


def load(path: Path):
    specification = importlib.util.spec_from_file_location(f"released_{path.stem}", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def ultrax():
    pytest.importorskip("pandas", reason="the released code imports it")
    return load(Path(ULTRAX or "", "stage2_large_scale_execution/post_processing/post_process_and_execute.py"))


@pytest.fixture(scope="module")
def rescraper():
    folder = str(Path(RESCRAPER or "", "lib"))
    sys.path.insert(0, folder)
    try:
        yield load(Path(folder, "rescraper_ops.py"))
    finally:
        sys.path.remove(folder)


@pytest.fixture(scope="module")
def postfilter():
    return load(Path(RESCRAPER or "", "inference/postfilter.py"))


def written(name, operations):
    dialect = DIALECTS[name]
    return dialect.render(operations, dialect.shown_lines(["x"] * LINE_COUNT, 0, dialect.first_number))


def from_ultrax(call):
    match call["operation"]:
        case "keep_all":
            return KeepChunk()
        case "remove_all":
            return RemoveAll()
        case "remove_lines":
            return RemoveLines(call["start_line"], call["end_line"])
        case "replace_str":
            return ReplaceInLine(call["line_number"], call["search_content"], call["replace_content"])
        case _:
            return InsertLine(call["base_position"], call["content"], call["sub_index"])


@with_ultrax
@given(operations=SAYABLE["ultrax"])
def test_the_released_ultrax_reads_what_is_written_here(ultrax, operations):
    program = written("ultrax", operations)

    released = ultrax.parse_function_list(ultrax.extract_prediction(program))
    assert tuple(map(from_ultrax, released)) == DIALECTS["ultrax"].parse(program).operations


@with_ultrax
@given(operations=SAYABLE["ultrax"])
def test_what_the_released_ultrax_writes_is_read_here(ultrax, operations):
    program = written("ultrax", operations)
    assume(not re.search("[\ud800-\udfff]", program))  # repr escapes what no text in a file can hold
    calls = ultrax.parse_function_list(program)
    parsed = DIALECTS["ultrax"].parse(ultrax.functions_to_string(calls))

    assert parsed.errors == ()
    assert parsed.operations == tuple(map(from_ultrax, calls))


# What is sound by any reading: strings whose own quotes are escaped, without the escapes that only repr knows.
_STRING = r"""(?:'(?:[^'\\\n]|\\[^\nxuU])*'|"(?:[^"\\\n]|\\[^\nxuU])*")"""
_NUMBER = "[0-9]{1,18}"
SOUND_CALL = re.compile(
    rf"keep_all\(\)|remove_all\(\)|remove_lines\({_NUMBER},[ \t]*{_NUMBER}\)"
    rf"|replace_str\([ \t]*{_NUMBER}[ \t]*,[ \t]*{_STRING},[ \t]*{_STRING}[ \t]*\)"
    rf"|add_line\([ \t]*{_NUMBER}[ \t]*,[ \t]*{_NUMBER}[ \t]*,[ \t]*{_STRING}[ \t]*\)"
)


@with_ultrax
def test_both_read_alike_whatever_is_sound(ultrax):
    sound = 0
    for number in range(PROGRAMS):
        for line in hostile_program("ultrax", 7, number).split("\n")[:20]:
            if not SOUND_CALL.fullmatch(line.strip()):
                continue
            sound += 1
            parsed = DIALECTS["ultrax"].parse(line)
            assert parsed.errors == (), line
            assert parsed.operations == (from_ultrax(ultrax.parse_function_call(line)),), line
    assert sound > PROGRAMS / 10


READ_BY_THE_RELEASED_PARSER_ALONE = [
    ("remove_lines(1, 2) and prose", RemoveLines(1, 2)),
    ("remove_lines(１, 2)", RemoveLines(1, 2)),
    ("replace_str(+1, 'a', 'b')", ReplaceInLine(1, "a", "b")),
    ("replace_str(1_0, 'a', 'b')", ReplaceInLine(10, "a", "b")),
    ("replace_str(1, 'a' 'b')", ReplaceInLine(1, "a", "b")),
    ("replace_str(1, 'a',, 'b')", ReplaceInLine(1, "a", "b")),
    ("replace_str(1, 'a', 'b', 'c')", ReplaceInLine(1, "a", "b")),
    ("replace_str(1, 'a', 'b']", ReplaceInLine(1, "a", "b")),
    ("add_line(1, 2, 'a', 3)", InsertLine(1, "a", 2)),
]


@with_ultrax
@pytest.mark.parametrize(("line", "operation"), READ_BY_THE_RELEASED_PARSER_ALONE)
def test_what_the_released_ultrax_reads_by_passing_over_the_rest_is_an_error_here(ultrax, line, operation):
    assert from_ultrax(ultrax.parse_function_call(line)) == operation
    assert DIALECTS["ultrax"].parse(line).errors != ()


READ_OTHERWISE = [
    (r"replace_str(1, '\xa0', ' ')", ReplaceInLine(1, r"\xa0", " "), ReplaceInLine(1, "\xa0", " ")),
    ("replace_str(1, 'a', 'it's')", ReplaceInLine(1, "a", "it"), ReplaceInLine(1, "a", "it's")),
    ("replace_str(1, 'it's', 'a')", None, ReplaceInLine(1, "it's", "a")),
    ("replace_str(1, 'a', 'b", None, None),
    ("keep_all( )", None, KeepChunk()),
]


@with_ultrax
@pytest.mark.parametrize(("line", "released", "ours"), READ_OTHERWISE)
def test_what_the_released_ultrax_reads_otherwise(ultrax, line, released, ours):
    call = ultrax.parse_function_call(line)

    assert (call and from_ultrax(call)) == released
    assert DIALECTS["ultrax"].parse(line).operations == (() if ours is None else (ours,))


def ours_of(text):
    """Return what the calls of an answer leave of numbered lines, as ReScraper's reader returns it."""
    lines = [f"line {number} a b c" for number in range(1, LINE_COUNT + 1)]
    removed: set[int] = set()
    for operation in DIALECTS["rescraper"].parse(text).operations:
        match operation:
            case RemoveAll():
                return ""
            case Rewrite(rewritten):
                return rewritten
            case RemoveLines(start, end):
                removed |= {*range(start, min(end, LINE_COUNT) + 1)}
            case ReplaceInLine(line, source) if 1 <= line <= LINE_COUNT and source:
                lines[line - 1] = lines[line - 1].replace(source, "", 1)
            case _:
                pass
    left = [" ".join(line.split()) for number, line in enumerate(lines, 1) if number not in removed]
    return "\n".join(filter(None, left))


NUMBERED = "\n".join(f"<lid:{number}> line {number} a b c" for number in range(1, LINE_COUNT + 1))


@with_rescraper
@given(operations=SAYABLE["rescraper"])
def test_the_released_rescraper_reads_what_is_written_here(rescraper, operations):
    text = written("rescraper", operations)

    _, released = rescraper.body_from_prediction_dfirst(NUMBERED, text)
    assert released == ours_of(text)


@with_rescraper
def test_what_is_sound_here_means_the_same_there_and_passes_the_released_filter(rescraper, postfilter):
    sound = 0
    for number in range(PROGRAMS):
        text = hostile_program("rescraper", 7, number)
        parsed = DIALECTS["rescraper"].parse(text)
        # The released reader knows no thinking, and puts every number of a range into a set.
        if not parsed.operations or parsed.errors or "<think>" in text or re.search("[0-9]{6}", text):
            continue
        sound += 1
        tag, released = rescraper.body_from_prediction_dfirst(NUMBERED, text)
        assert released == ours_of(text), text
        assert tag == "<delete>" or not postfilter.judge(released, tag), text
    assert sound > PROGRAMS / 20


MISREAD = {
    "calls become text": "<edit>\n<extract>\n<edit>\nrm 1\nrm 2\nsub 3: ",
    "text after an unknown decision stays": "<Update>\n<extract>\nrm 1\nrm 2\n<Update>\nA text.",
    "calls leak into a rewrite": "<rewrite>\n<extract>\n<rewrite>\nA text.\nrm 3\nrm 5-9",
    "a tag leaks into a rewrite": "<rewrite>\n<extract>\n<rewrite>\nA text.\n<extract>\nMore.",
}


@with_rescraper
@pytest.mark.parametrize("text", MISREAD.values(), ids=MISREAD.keys())
def test_what_the_released_filter_has_to_find_is_an_error_here(rescraper, postfilter, text):
    tag, released = rescraper.body_from_prediction_dfirst(NUMBERED, text)

    assert postfilter.judge(released, tag)
    assert DIALECTS["rescraper"].parse(text).errors


@with_rescraper
def test_what_no_filter_finds_is_an_error_here_too(rescraper, postfilter):
    disagreeing = "<keep>\n<extract>\nrm 1\n<delete>"
    tag, released = rescraper.body_from_prediction_dfirst(NUMBERED, disagreeing)

    assert not postfilter.judge(released, tag)
    assert [error.reason for error in DIALECTS["rescraper"].parse(disagreeing).errors] == ["tags_disagree"]
    with pytest.raises(TypeError):  # where the string is a number, there is no result
        rescraper.body_from_prediction_dfirst(NUMBERED, "<edit>\n<extract>\n<edit>\nsub 1: 5")
