"""Reading answers of ReScraper."""

import json

import pytest

from prox_assets.programs import DIALECTS, KeepChunk, ParseErrorReason, RemoveAll, RemoveLines, ReplaceInLine, Rewrite

parse = DIALECTS["rescraper"].parse


def answer(decision, extraction="", payload="", again=None):
    return "\n".join(part for part in (decision, "<extract>", extraction, again or decision, payload) if part)


def operations_of(text):
    parsed = parse(text)
    assert parsed.errors == ()
    return list(parsed.operations)


@pytest.mark.parametrize(
    ("text", "operations"),
    [
        (answer("<keep>"), [KeepChunk()]),
        (answer("<keep>", "rm 1\nrm 7-12"), [RemoveLines(1, 1), RemoveLines(7, 12)]),
        (answer("<edit>", "", 'sub 3: " »"'), [ReplaceInLine(3, " »", "", "first")]),
        (
            answer("<edit>", "rm 1", 'rm 4-5\nsub 3: "a \\"b\\" \\u00e9\\n"\nrm 9'),
            [RemoveLines(1, 1), RemoveLines(4, 5), ReplaceInLine(3, 'a "b" é\n', "", "first"), RemoveLines(9, 9)],
        ),
        (answer("<delete>"), [RemoveAll()]),
        (answer("<delete>", "rm 1-2"), [RemoveLines(1, 2), RemoveAll()]),
        (answer("<rewrite>", "rm 2", "One.\n\n  Two. "), [RemoveLines(2, 2), Rewrite("One.\n\n  Two.")]),
        (answer("<rewrite>", "", "The rm command removes files.\nsub 5 is a boat."), None),
        (answer("<keep>", "rm 5-3\nrm 0"), [RemoveLines(5, 3), RemoveLines(0, 0)]),
        (answer("<edit>", "", 'sub 3: ""'), [ReplaceInLine(3, "", "", "first")]),
        ("\n <keep> \r\n\n<extract>\r\n\n rm 1 \r\n\n<keep>\n\n", [RemoveLines(1, 1)]),
        ("<think>\n\n</think>\n\n<keep>\n<extract>\n<keep>", [KeepChunk()]),
    ],
)
def test_answers_are_read_with_the_numbers_that_are_written(text, operations):
    if operations is None:
        operations = [Rewrite("The rm command removes files.\nsub 5 is a boat.")]
    assert operations_of(text) == operations


@pytest.mark.parametrize("text", ["", " \n ", "<think>\n\n</think>\n"])
def test_an_empty_answer_holds_nothing(text):
    assert parse(text).calls == ()


R = ParseErrorReason
WRONG = [
    ("The page is clean.", [], (R.MISSING_TAG, "The page is clean.")),
    ("rm 1", [], (R.MISSING_TAG, "rm 1")),
    ("<extract>\nrm 1\n<keep>", [], (R.MISSING_TAG, "<extract>")),
    ("<Update>\n<extract>\n<Update>", [], (R.UNKNOWN_TAG, "<Update>")),
    ("<keep>", [], (R.MISSING_TAG, "<keep>")),
    ("<keep>\nrm 1\n<keep>", [], (R.MISSING_TAG, "rm 1")),
    ("<keep>\n<text>\n<keep>", [], (R.UNKNOWN_TAG, "<text>")),
    ("<keep>\n<extract>", [], (R.MISSING_TAG, "<extract>")),
    ("<edit>\n<extract>\nrm 1", [RemoveLines(1, 1)], (R.MISSING_TAG, "rm 1")),
    (answer("<keep>", "rm 1", again="<delete>"), [RemoveLines(1, 1)], (R.TAGS_DISAGREE, "<delete>")),
    (answer("<rewrite>", "", "A text.", again="<edit>"), [], (R.TAGS_DISAGREE, "<edit>")),
    (answer("<keep>", "remove 1"), [], (R.NOT_A_CALL, "remove 1")),
    (answer("<keep>", "rm -1"), [], (R.NOT_A_CALL, "rm -1")),
    (answer("<keep>", "rm 1-"), [], (R.NOT_A_CALL, "rm 1-")),
    (answer("<keep>", "rm １"), [], (R.NOT_A_CALL, "rm １")),
    (answer("<keep>", "<html>"), [], (R.UNKNOWN_TAG, "<html>")),
    (answer("<keep>", 'sub 1: "a"'), [], (R.UNEXPECTED, 'sub 1: "a"')),
    (answer("<keep>", "rm 1", "\nThe text\nof the page"), [RemoveLines(1, 1)], (R.UNEXPECTED, "The text")),
    (answer("<delete>", "", "rm 1"), [RemoveAll()], (R.UNEXPECTED, "rm 1")),
    (answer("<edit>", "rm 1"), [RemoveLines(1, 1)], (R.EMPTY_PAYLOAD, "<edit>")),
    (answer("<edit>", "", "rm 2\nA text of the page."), [RemoveLines(2, 2)], (R.NOT_A_CALL, "A text of the page.")),
    (answer("<edit>", "", "rm 2\nsub"), [RemoveLines(2, 2)], (R.NOT_A_CALL, "sub")),
    (answer("<edit>", "", 'sub 1: "cut'), [], (R.BAD_STRING, 'sub 1: "cut')),
    (answer("<edit>", "", "sub 1: a"), [], (R.BAD_STRING, "sub 1: a")),
    (answer("<edit>", "", 'sub 1: ["a"]'), [], (R.BAD_STRING, 'sub 1: ["a"]')),
    (answer("<edit>", "", 'sub 1: "a" "b"'), [], (R.BAD_STRING, 'sub 1: "a" "b"')),
    (answer("<edit>", "", r'sub 1: "\ud800"'), [], (R.BAD_STRING, r'sub 1: "\ud800"')),
    (answer("<edit>", "", f"rm {'9' * 19}"), [], (R.NUMBER_TOO_LONG, f"rm {'9' * 19}")),
    (answer("<edit>", "", f'sub {"9" * 19}: "a"'), [], (R.NUMBER_TOO_LONG, f'sub {"9" * 19}: "a"')),
    (answer("<rewrite>"), [], (R.EMPTY_PAYLOAD, "<rewrite>")),
    (answer("<rewrite>", "", "A text.\nrm 10-12"), [], (R.LEAKED_CALL, "rm 10-12")),
    (answer("<rewrite>", "", 'A text.\n sub 3: "'), [], (R.LEAKED_CALL, 'sub 3: "')),
    (answer("<rewrite>", "", "<extract>\nA text."), [], (R.LEAKED_CALL, "<extract>")),
    (answer("<rewrite>", "", "A text.\n<edit>\nMore."), [], (R.LEAKED_CALL, "<edit>")),
    (answer("<rewrite>", "", "A text.\n<refine>"), [], (R.LEAKED_CALL, "<refine>")),
]


@pytest.mark.parametrize(("text", "operations", "error"), WRONG)
def test_what_breaks_the_form_is_an_error_and_never_text(text, operations, error):
    parsed = parse(text)

    assert list(parsed.operations) == operations
    assert [(found.reason, found.text) for found in parsed.errors] == [error]


def test_every_line_that_is_no_call_is_an_error_of_its_own():
    parsed = parse(answer("<edit>", "rm 1\nwhat\nrm 2", "why\nrm 3\nsub 4: no"))

    assert parsed.operations == (RemoveLines(1, 1), RemoveLines(2, 2), RemoveLines(3, 3))
    assert [error.reason for error in parsed.errors] == [R.NOT_A_CALL, R.NOT_A_CALL, R.BAD_STRING]


def test_a_deep_list_instead_of_a_string_exhausts_no_stack():
    assert [error.reason for error in parse(answer("<edit>", "", "sub 1: " + "[" * 100_000)).errors] == [R.BAD_STRING]


def test_strings_are_json():
    text = "\x00\x1f\x7f\u2028 \"'\\/ 中文 😀"

    for written in (json.dumps(text), json.dumps(text, ensure_ascii=False)):
        assert operations_of(answer("<edit>", "", f"sub 2: {written}")) == [ReplaceInLine(2, text, "", "first")]


def test_errors_quote_only_the_beginning():
    (error,) = parse("x" * 5_000).errors

    assert error.text == "x" * 200
