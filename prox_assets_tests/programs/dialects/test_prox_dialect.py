"""Reading ProX programs."""

import pytest
from hypothesis import given

from prox_assets.programs import (
    DropDoc,
    KeepChunk,
    KeepDoc,
    Normalize,
    ParseErrorReason,
    RemoveAllLines,
    RemoveLines,
    parse,
)
from prox_assets.testing.programs.cases import program_texts


def operations_of(program):
    parsed = parse(program)
    assert parsed.errors == ()
    return list(parsed.operations)


def reasons_of(program):
    return [error.reason for error in parse(program).errors]


@pytest.mark.parametrize("name", ["keep_chunk", "skip_chunk", "untouch_doc", "keep_all"])
def test_every_name_of_the_keep_call_is_read(name):
    assert operations_of(f"{name}()") == [KeepChunk()]


def test_document_calls_are_read():
    assert operations_of("keep_doc()\ndrop_doc()") == [KeepDoc(), DropDoc()]


@pytest.mark.parametrize(
    "arguments",
    [
        "line_start=3, line_end=12",
        "start=3, end=12",
        "3, 12",
        "3, end=12",
        "end=12, start=3",
        "start=003, end=012",
        " start = 3 ,\n  end = 12, ",
    ],
)
def test_every_way_to_name_a_range_is_read(arguments):
    assert operations_of(f"remove_lines({arguments})") == [RemoveLines(3, 12)]


def test_negative_numbers_are_read_and_left_to_the_executor():
    assert operations_of("remove_lines(start=-5, end=-1)") == [RemoveLines(-5, -1)]


def test_all_lines_of_the_chunk_can_be_meant():
    assert operations_of("remove_lines(all=True)") == [RemoveAllLines()]


@pytest.mark.parametrize(
    ("arguments", "operation"),
    [
        ('source_str="a", target_str="b"', Normalize("a", "b")),
        ('source_str="a"', Normalize("a", "")),
        ('"a", "b"', Normalize("a", "b")),
        ('"a"', Normalize("a", "")),
        ('target_str="b", source_str="a"', Normalize("a", "b")),
        ("source_str='it is', target_str='it\\'s'", Normalize("it is", "it's")),
        ("""source_str='say "hi"', target_str=''""", Normalize('say "hi"', "")),
        ('source_str="Home, About, Contact", target_str=""', Normalize("Home, About, Contact", "")),
        ('source_str="(link)", target_str=""', Normalize("(link)", "")),
        ('source_str="?user=tF_eBK&x=1", target_str=""', Normalize("?user=tF_eBK&x=1", "")),
        ('source_str="# no comment", target_str=""', Normalize("# no comment", "")),
        ('source_str="```", target_str=""', Normalize("```", "")),
        (r'source_str="tab\there", target_str="\x41\u00e9\U0001F600"', Normalize("tab\there", "Aé😀")),
        (r'source_str="C:\path\alpha", target_str=""', Normalize(r"C:\path\alpha", "")),
        (r'source_str="\ud800\uD8", target_str=""', Normalize(r"\ud800\uD8", "")),
        ('source_str="a\nb", target_str=""', Normalize("a\nb", "")),
        ('source_str="", target_str=""', Normalize("", "")),
    ],
)
def test_strings_hold_anything(arguments, operation):
    assert operations_of(f"normalize({arguments})") == [operation]


@pytest.mark.parametrize(
    ("written", "source"),
    [('"say "hi" now"', 'say "hi" now'), ('""quoted""', '"quoted"'), ("'it's'", "it's"), ('"5" disk"', '5" disk')],
)
def test_quotes_that_a_model_forgot_to_escape_belong_to_the_string(written, source):
    assert operations_of(f'normalize(source_str={written}, target_str="")\nkeep_chunk()') == [
        Normalize(source, ""),
        KeepChunk(),
    ]


def test_a_string_remembers_how_it_was_written_where_unescaping_changed_it():
    changed, same = operations_of(r'normalize("\theta", "")' + '\nnormalize("theta", "")')

    assert isinstance(changed, Normalize)
    assert isinstance(same, Normalize)
    assert changed.source == "\theta"
    assert changed.verbatim == (r"\theta", "")
    assert same.verbatim is None


def test_comments_fences_indentation_and_semicolons_are_passed_over():
    program = """```python
    # the navigation bar
    remove_lines(start=0, end=2)  # up to the title
\tnormalize("x", "");untouch_doc() untouch_doc()

```
"""
    assert operations_of(program) == [RemoveLines(0, 2), Normalize("x", ""), KeepChunk(), KeepChunk()]


def test_a_call_on_the_line_of_its_fence_is_read():
    assert operations_of("```remove_lines(0, 1)```") == [RemoveLines(0, 1)]


def test_prose_around_a_fence_is_a_description():
    program = "The page starts with navigation.\n```python\nremove_lines(0, 1)\n```\nNothing else."

    assert operations_of(program) == [RemoveLines(0, 1)]


@pytest.mark.parametrize(
    "prose", ["Navigation (lines 0 to 1) goes.", 'Note ("unclosed quote', "analysis(\n", "The menu (`Home`) is noise:"]
)
def test_prose_that_looks_like_a_call_is_still_prose_around_a_fence(prose):
    program = f"{prose}\n```python\nremove_lines(0, 1)\n```\n{prose}"

    assert parse(program).calls == (RemoveLines(0, 1),)


def test_a_broken_call_of_a_known_function_is_an_error_around_a_fence_too():
    assert reasons_of("```\nremove_lines(0, 1)\n```\nremove_lines(4, ") == [ParseErrorReason.UNTERMINATED_CALL]


def test_prose_inside_a_fence_is_an_error():
    assert reasons_of("```\nsome words\nremove_lines(0, 1)\n```") == [ParseErrorReason.NOT_A_CALL]


def test_prose_without_a_fence_is_an_error_and_no_call_in_it_is_read():
    parsed = parse("Please do not call remove_lines(0, 9)\nkeep_chunk()")

    assert parsed.operations == (KeepChunk(),)
    assert [error.reason for error in parsed.errors] == [ParseErrorReason.NOT_A_CALL]


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("delete_lines(0, 1)", ParseErrorReason.UNKNOWN_FUNCTION),
        ("__import__('os')", ParseErrorReason.UNKNOWN_FUNCTION),
        ("remove_lines(start=1, end=15", ParseErrorReason.UNTERMINATED_CALL),
        ("remove_lines(start=1, end=", ParseErrorReason.UNTERMINATED_CALL),
        ("remove_lines(", ParseErrorReason.UNTERMINATED_CALL),
        ('normalize(source_str="http://x.co', ParseErrorReason.UNTERMINATED_CALL),
        ('normalize(source_str="http://x.co"', ParseErrorReason.UNTERMINATED_CALL),
        ("remove_lines(start=1)", ParseErrorReason.BAD_ARGUMENTS),
        ("remove_lines()", ParseErrorReason.BAD_ARGUMENTS),
        ("remove_lines(1, 2, 3)", ParseErrorReason.BAD_ARGUMENTS),
        ("remove_lines(start=1, start=2)", ParseErrorReason.BAD_ARGUMENTS),
        ("remove_lines(start=1, 2)", ParseErrorReason.BAD_ARGUMENTS),
        ("remove_lines(first=1, last=2)", ParseErrorReason.BAD_ARGUMENTS),
        ("remove_lines(True, 2)", ParseErrorReason.BAD_ARGUMENTS),
        ("remove_lines(all=1)", ParseErrorReason.BAD_ARGUMENTS),
        ("remove_lines(all=False)", ParseErrorReason.BAD_ARGUMENTS),
        ("remove_lines(10**15, 3)", ParseErrorReason.UNTERMINATED_CALL),
        ('remove_lines("0", "5")', ParseErrorReason.BAD_ARGUMENTS),
        ("remove_lines(１, ２)", ParseErrorReason.BAD_ARGUMENTS),
        ("normalize()", ParseErrorReason.BAD_ARGUMENTS),
        ("normalize(1, 2)", ParseErrorReason.BAD_ARGUMENTS),
        ('normalize(target_str="x")', ParseErrorReason.BAD_ARGUMENTS),
        ('normalize("a", 5)', ParseErrorReason.BAD_ARGUMENTS),
        ("keep_chunk(1)", ParseErrorReason.BAD_ARGUMENTS),
        ("drop_doc(reason)", ParseErrorReason.BAD_ARGUMENTS),
        ("drop", ParseErrorReason.NOT_A_CALL),
        (f"remove_lines(0, {'9' * 19})", ParseErrorReason.NUMBER_TOO_LONG),
    ],
)
def test_what_is_no_call_of_the_language_is_an_error_and_no_operation(program, reason):
    parsed = parse(program)

    assert parsed.operations == ()
    assert [error.reason for error in parsed.errors] == [reason]
    assert parsed.errors[0].text == program


def test_reading_goes_on_behind_a_broken_call():
    program = "remove_lines(start=1, end=\nkeep_chunk()\nremove_lines(first=1)\nremove_lines(4, 5)"

    assert parse(program).operations == (KeepChunk(), RemoveLines(4, 5))
    assert len(parse(program).errors) == 2


def test_nothing_behind_a_string_that_never_ends_is_read():
    program = 'normalize(source_str="abc\nremove_lines(4, 5)'

    assert parse(program).operations == ()
    assert reasons_of(program) == [ParseErrorReason.UNTERMINATED_CALL]


def test_calls_and_errors_keep_their_order():
    kinds = [type(call).__name__ for call in parse("keep_chunk()\nwhat?\nremove_lines(0, 1)\nwhy()").calls]

    assert kinds == ["KeepChunk", "ParseError", "RemoveLines", "ParseError"]


def test_errors_quote_only_the_beginning_of_what_they_are_about():
    (error,) = parse("x" * 5_000).errors

    assert error.text == "x" * 200


@given(program_texts)
def test_parsing_never_raises(program):
    parsed = parse(program)

    assert len(parsed.operations) + len(parsed.errors) == len(parsed.calls)


_MEGABYTE = 1_000_000


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "unit",
    [
        *(
            '"',
            'normalize("\n',
            "normalize(\"x\nnormalize('x\n",
            'normalize("',
            '"a",',
            '"a", 5, ',
            "5,",
            "\\",
            " ",
            "#\n",
            "```",
            "```\nx\n",
            "(",
        ),
        *(
            "a",
            "a(",
            "a=",
            '"  ',
            '", a',
            'normalize("a",\n',
            'normalize("a\n",',
            "9",
            ";",
            '"\n',
            'normalize("a"\n"',
            'normalize(\n"a" "\n',
            "x\n",
            "中",
        ),
    ],
)
@pytest.mark.parametrize("opening", ["", "normalize(", 'normalize(source_str="'])
def test_a_megabyte_of_garbage_is_read_in_linear_time(opening, unit):
    # Seconds when linear, hours when quadratic.
    program = opening + unit * (_MEGABYTE // len(unit))

    assert parse(program).operations == ()
