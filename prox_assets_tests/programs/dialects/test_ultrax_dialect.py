"""Reading UltraX programs, and those of RefineX, which are spelled alike."""

import pytest

from prox_assets.programs import InsertLine, KeepChunk, ParseErrorReason, RemoveAll, RemoveLines, ReplaceInLine
from prox_assets.programs.dialects import noise_pruner, refinex, ultrax


def operations_of(program, parse=ultrax.parse):
    parsed = parse(program)
    assert parsed.errors == ()
    return list(parsed.operations)


def reasons_of(program, parse=ultrax.parse):
    return [error.reason for error in parse(program).errors]


def test_every_call_is_read_with_the_numbers_that_are_written():
    program = (
        "remove_lines(1, 3)\nremove_lines(12,12)\nreplace_str(4, 'a', \"b\")\nadd_line(0, 2, 'new')\nkeep_all()\n"
        "remove_all()\n"
    )
    assert operations_of(program) == [
        RemoveLines(1, 3),
        RemoveLines(12, 12),
        ReplaceInLine(4, "a", "b"),
        InsertLine(0, "new", 2),
        KeepChunk(),
        RemoveAll(),
    ]


@pytest.mark.parametrize("thinking", ["<think>\n\n</think>\n\n", "\n<think></think>", "<think>remove_all()</think>"])
def test_what_was_thought_is_no_program(thinking):
    assert operations_of(f"{thinking}keep_all()") == [KeepChunk()]


def test_a_thought_that_never_ends_is_no_program_either():
    assert reasons_of("<think>\nkeep it") == [ParseErrorReason.NOT_A_CALL] * 2


@pytest.mark.parametrize(
    ("written", "source"),
    [
        ("'a, (b)=\"c\"'", 'a, (b)="c"'),
        (r"'it\'s'", "it's"),
        (r'"it\'s"', r"it\'s"),
        (r"'say \"hi\"'", r"say \"hi\""),
        (r'"say \"hi\""', 'say "hi"'),
        ("'it's'", "it's"),
        (r"'a\tb\rc\nd\\e'", "a\tb\rc\nd\\e"),
        (r"'\theta'", "\theta"),
        (r"'\alpha \0'", r"\alpha \0"),
        (r"'\xa0\u200b\U0001f600'", "\xa0\u200b😀"),
        (r"'\xZZ\ud800'", r"\xZZ\ud800"),
        ("'# no comment'", "# no comment"),
        ("''", ""),
    ],
)
def test_strings_are_those_of_repr(written, source):
    assert operations_of(f"replace_str(7, {written}, '')") == [ReplaceInLine(7, source, "")]
    assert operations_of(f"remove_str(7, {written})", refinex.parse) == [ReplaceInLine(7, source, "")]


@pytest.mark.parametrize(
    "text", ["it's", '"', 'it\'s "so"', "a\\b\\", "\t\r\n", "\xa0\u2028", "中文", "\\'", "\\xa0", ""]
)
def test_what_repr_writes_is_read_and_so_is_what_is_written_here(text):
    assert operations_of(f"add_line(1, 0, {text!r})") == [InsertLine(1, text)]
    assert operations_of(f"add_line(1, 0, {ultrax.quote(text)})") == [InsertLine(1, text)]


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("remove_lines(start=1, end=2)", ParseErrorReason.BAD_ARGUMENTS),
        ("remove_lines(1)", ParseErrorReason.BAD_ARGUMENTS),
        ("remove_lines(1, 2, 3)", ParseErrorReason.BAD_ARGUMENTS),
        ("remove_lines(+1, 2)", ParseErrorReason.BAD_ARGUMENTS),
        ("remove_lines(1_0, 20)", ParseErrorReason.UNTERMINATED_CALL),
        ("remove_lines(１, 2)", ParseErrorReason.BAD_ARGUMENTS),
        (f"remove_lines(1, {'9' * 19})", ParseErrorReason.NUMBER_TOO_LONG),
        ("remove_lines(1, 2", ParseErrorReason.UNTERMINATED_CALL),
        ("replace_str(1, 'a')", ParseErrorReason.BAD_ARGUMENTS),
        ("replace_str('1', 'a', 'b')", ParseErrorReason.BAD_ARGUMENTS),
        ("replace_str(1, 'a', 2)", ParseErrorReason.BAD_ARGUMENTS),
        ("replace_str(1, 'a' 'b')", ParseErrorReason.BAD_ARGUMENTS),
        ("replace_str(1, 'a',, 'b')", ParseErrorReason.BAD_ARGUMENTS),
        ("replace_str(1, 'a', 'b', 'c')", ParseErrorReason.BAD_ARGUMENTS),
        ("replace_str(1, 'a', 'b'", ParseErrorReason.UNTERMINATED_CALL),
        ("replace_str(1, 'a', 'b", ParseErrorReason.UNTERMINATED_CALL),
        (r"replace_str(1, 'C:\', 'b)", ParseErrorReason.UNTERMINATED_CALL),
        ("add_line(1, 'a')", ParseErrorReason.BAD_ARGUMENTS),
        ("add_line(1, 'a', 2)", ParseErrorReason.BAD_ARGUMENTS),
        ("keep_all(1)", ParseErrorReason.BAD_ARGUMENTS),
        ("normalize('a', 'b')", ParseErrorReason.UNKNOWN_FUNCTION),
        ("keep_chunk()", ParseErrorReason.UNKNOWN_FUNCTION),
        ("---", ParseErrorReason.NOT_A_CALL),
        ("The page is clean.", ParseErrorReason.NOT_A_CALL),
    ],
)
def test_what_is_no_call_of_the_dialect_is_an_error(program, reason):
    parsed = ultrax.parse(program)

    assert parsed.operations == ()
    assert [(error.reason, error.text) for error in parsed.errors] == [(reason, program)]


@pytest.mark.parametrize(("parse", "call"), [(ultrax.parse, "replace_str(1, 'a"), (refinex.parse, "remove_str(1, 'a")])
def test_a_string_that_never_ends_takes_no_other_line_with_it(parse, call):
    parsed = parse(f"{call}\nremove_lines(2, 3)\n{call}'s\nremove_lines(5, 6)")

    assert parsed.operations == (RemoveLines(2, 3), RemoveLines(5, 6))
    assert [error.text for error in parsed.errors] == [call, f"{call}'s"]


def test_what_follows_a_call_on_its_line_is_read_too():
    assert operations_of("remove_lines(1, 2) remove_lines(4, 5); keep_all() # why") == [
        RemoveLines(1, 2),
        RemoveLines(4, 5),
        KeepChunk(),
    ]
    assert ultrax.parse("remove_lines(1, 2) and more").operations == (RemoveLines(1, 2),)
    assert reasons_of("remove_lines(1, 2) and more") == [ParseErrorReason.NOT_A_CALL]


def test_refinex_only_removes():
    program = "remove_lines(0, 2)\nremove_str(4, ' [edit]')\nkeep_all()"

    assert operations_of(program, refinex.parse) == [RemoveLines(0, 2), ReplaceInLine(4, " [edit]"), KeepChunk()]
    for call in ("replace_str(1, 'a', 'b')", "remove_all()", "add_line(1, 0, 'a')"):
        assert reasons_of(call, refinex.parse) == [ParseErrorReason.UNKNOWN_FUNCTION]
    assert reasons_of("remove_str(1, 'a', 'b')", refinex.parse) == [ParseErrorReason.BAD_ARGUMENTS]
    assert reasons_of("remove_str('a')", refinex.parse) == [ParseErrorReason.BAD_ARGUMENTS]


def test_the_noise_pruner_only_removes_lines():
    for call in ("remove_lines(0, 2)", "remove_lines(start=0, end=2)", "remove_lines(line_start=0, line_end=2)"):
        assert operations_of(call, noise_pruner.parse) == [RemoveLines(0, 2)]
    for call in ("keep_chunk()", "skip_chunk()", "untouch_doc()", "keep_all()"):
        assert operations_of(call, noise_pruner.parse) == [KeepChunk()]
    for call in ("normalize('a', 'b')", "drop_doc()", "remove_str(1, 'a')"):
        assert reasons_of(call, noise_pruner.parse) == [ParseErrorReason.UNKNOWN_FUNCTION]
