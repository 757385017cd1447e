"""One vector per known defect of the released ProX code: the reference mode has it, the strict mode does not.

Names tell the defect; its number only keeps related vectors together.
"""

import pytest

from prox_assets.programs import ExecutionPolicy, decide_document, pack_lines
from prox_assets.programs.execution.reference.no_result import ReferenceExecutionError
from prox_assets.programs.execution.reference.prox import execute_chunk_program
from prox_assets.testing.programs.cases import BODY
from prox_assets_tests.programs.cases import REFERENCE, run, run_chunks, statuses


def page(*lines: str) -> str:
    """Return the lines and a body long enough that no threshold is met."""
    return "\n".join((*lines, BODY))


# id, text, program, text after the released code, text after strict execution
VECTORS = [
    pytest.param(
        page("Home, About, Contact"),
        'normalize(source_str="Home, About, Contact", target_str="")',
        page("Home, About, Contact"),
        page(""),
        id="B1 a comma in a string makes the call a silent no-op",
    ),
    pytest.param(
        page("Hi (link) see"),
        'normalize(source_str="(link)", target_str="")',
        page("Hi ) see"),
        page("Hi  see"),
        id="B2 the first closing bracket ends the call, inside a string too",
    ),
    pytest.param(
        page("see http://s.com/c?user=tF_eBK now"),
        'normalize(source_str="http://s.com/c?user=tF_eBK", target_str="")',
        page("see =tF_eBK now"),
        page("see  now"),
        id="B3 an equals sign cuts the string",
    ),
    pytest.param(
        page("a=b beta gamma"),
        'normalize(source_str="a=b", target_str="")',
        page("a=b beta gamma").replace("a", ""),
        page(" beta gamma"),
        id="B3 a cut string deletes a letter from the whole document",
    ),
    pytest.param(
        page("ClickHere now"),
        "normalize(source_str='ClickHere', target_str='')",
        page("ClickHere now"),
        page(" now"),
        id="B4 single quotes are taken for part of the string",
    ),
    pytest.param(
        page("nav", "ClickHere now"),
        'normalize("ClickHere", "")\nremove_lines(0, 0)',
        page("nav", "ClickHere now"),
        page(" now"),
        id="B5 positional arguments are errors",
    ),
    pytest.param(
        page("a\tb said hi"),
        r'normalize(source_str="a\tb", target_str="")',
        page("a\tb said hi"),
        page(" said hi"),
        id="B6 escapes are not read",
    ),
    pytest.param(
        page('he said "hi" again'),
        r'normalize(source_str="\"hi\"", target_str="")',
        page('he said "hi" again'),
        page("he said  again"),
        id="B6 an escaped quote leaves its backslash in the string",
    ),
    pytest.param(
        page('"quoted" text'),
        'normalize(source_str=""quoted"", target_str="")',
        page('"" text'),
        page(" text"),
        id="B6 quotes that belong to the string are stripped",
    ),
    pytest.param(
        page("one", "two"),
        'normalize(source_str="one\ntwo", target_str="")',
        page("one", "two").replace("on", ""),
        page("one", "two"),
        id="B7 a line break cuts a string and its half is executed",
    ),
    pytest.param(
        page(*(f"line {n}" for n in range(20))),
        "remove_lines(start=1, end=15",
        page("line 0", *(f"line {n}" for n in range(2, 20))),
        page(*(f"line {n}" for n in range(20))),
        id="B8 a cut-off call loses its last digit and is executed",
    ),
    pytest.param(
        page("see http://x.com/abcdef and http://x.co/zzz"),
        'normalize(source_str="http://x.co',
        page("see om/abcdef and o/zzz"),
        page("see http://x.com/abcdef and http://x.co/zzz"),
        id="B8 a cut-off string is executed",
    ),
    pytest.param(
        page("nav", "title"),
        "```python\n    remove_lines(start=0, end=0)\n```",
        page("nav", "title"),
        page("title"),
        id="B9 an indented call in a fence is passed over",
    ),
    pytest.param(
        page("nav", "title"),
        "remove_lines(start=-3, end=0)",
        page("title"),
        page("nav", "title"),
        id="B10 negative line numbers are accepted",
    ),
    pytest.param(
        page("cat", "concatenate the category"),
        'normalize(source_str="cat", target_str="")',
        page("", "conenate the egory"),
        page("", "concatenate the category"),
        id="B11 strings are replaced inside words",
    ),
    pytest.param(
        page("see http://a.com/b and http://a.com/b/c now"),
        'normalize(source_str="http://a.com/b", target_str="")\n'
        'normalize(source_str="http://a.com/b/c", target_str="")',
        page("see  and /c now"),
        page("see  and  now"),
        id="B12 replacements act on what earlier ones left",
    ),
    pytest.param(
        page("a", "b"),
        r'normalize(source_str="a", target_str="x\ny")' + "\nremove_lines(start=1, end=1)",
        r"x\ny" + "\n" + BODY.replace("a", r"x\ny"),
        page("a"),
        id="B13 a line break in a target is put in as two characters",
    ),
    pytest.param(
        f"{BODY}\r\nfooter\r",
        'remove_lines(start=1, end=1)\nnormalize(source_str="stay\r", target_str="stay")',
        BODY,
        BODY,
        id="B20 a carriage return is a character of its line in either mode",
    ),
]


@pytest.mark.parametrize(("text", "program", "released", "strict"), VECTORS)
def test_the_reference_mode_has_the_defect(text, program, released, strict):
    assert execute_chunk_program(text, program) == released
    assert run(text, program, mode="reference").text == released


@pytest.mark.parametrize(("text", "program", "released", "strict"), VECTORS)
def test_the_strict_mode_does_not_have_it(text, program, released, strict):
    assert run(text, program).text == strict


# B8 to B10: what goes wrong is recorded


@pytest.mark.parametrize("program", ["drop_chunk()", "delete_lines(0, 1)", "I would keep this page."])
def test_b9_a_program_of_garbage_is_silently_a_keep(program):
    assert statuses(run(page("nav"), program, mode="reference")) == ["ignored"]

    strict = run(page("nav"), program)
    assert (strict.text, statuses(strict), strict.operations_failed) == (page("nav"), ["unparsed"], 1)


def test_b10_a_reversed_range_is_accepted_silently():
    assert run(page("a"), "remove_lines(start=1, end=0)\n" * 3, mode="reference").reason is None

    assert statuses(run(page("a"), "remove_lines(start=1, end=0)")) == ["reversed"]


def test_b10_a_huge_range_exhausts_memory():
    program = f"remove_lines(start=0, end={10**15})"

    with pytest.raises(ReferenceExecutionError):
        execute_chunk_program(page("a"), program)
    assert run(page("a"), program, mode="reference").reason == "reference_crashed"
    assert statuses(run(page("a"), program)) == ["out_of_range"]


# B11 to B16: what an operation reaches


def test_b11_a_normalize_of_one_chunk_edits_all_others():
    text = f"Page 1\n{BODY}\nOn Page 1 we discuss Page 12"
    programs = ['normalize(source_str="Page 1", target_str="")', "untouch_doc()"]

    assert run_chunks(text, 2, programs, REFERENCE).text == f"\n{BODY}\nOn  we discuss 2"
    assert run_chunks(text, 2, programs).text == f"\n{BODY}\nOn Page 1 we discuss Page 12"


def test_b12_the_order_of_normalizes_matters():
    text = page("http://a.com/b/c http://a.com/b")
    calls = [f'normalize(source_str="{url}", target_str="")' for url in ("http://a.com/b/c", "http://a.com/b")]
    programs = ["\n".join(calls), "\n".join(reversed(calls))]

    assert len({run(text, program, mode="reference").text for program in programs}) == 2
    assert {run(text, program).text for program in programs} == {page(" ")}


def test_b14_removing_all_lines_of_one_chunk_empties_the_document():
    text = f"nav\nmenu\n{BODY}\n{BODY}"
    programs = ["remove_lines(all=True)", "untouch_doc()"]

    assert run_chunks(text, 2, programs, REFERENCE).text == ""
    assert run_chunks(text, 2, programs).text == f"{BODY}\n{BODY}"


def test_b15_one_bad_operation_in_each_of_two_chunks_voids_all_programs():
    text = "\n".join(["nav", BODY, BODY, BODY, "footer", BODY])
    programs = ["remove_lines(start=0, end=0)\nnormalize()", "normalize()", "remove_lines(start=4, end=4)"]

    assert run_chunks(text, 2, programs, REFERENCE).text == text
    strict = run_chunks(text, 2, programs)
    assert strict.text == "\n".join(["nav", BODY, BODY, BODY, BODY])
    assert statuses(strict) == ["program_rejected", "unparsed", "unparsed", "applied"]


def test_b16_a_hallucinated_string_and_a_loop_leave_no_mark():
    program = 'normalize(source_str="doi:10/x", target_str="")\n' + "remove_lines(start=0, end=0)\n" * 50

    assert run(page("nav"), program, mode="reference").operations_failed == 1
    strict = run(page("nav"), program)
    assert statuses(strict)[:3] == ["no_match", "applied", "duplicate"]
    assert statuses(strict).count("looped") == 46


# B17 to B19: thresholds


@pytest.mark.parametrize("text", ["", " \n"])
def test_b17_a_blank_document_crashes_the_batch(text):
    with pytest.raises(ReferenceExecutionError):
        execute_chunk_program(text, "untouch_doc()")
    assert run(text, "untouch_doc()").text == text


@pytest.mark.parametrize("text", ["A clean document of exactly nine words is deleted.", "中文页面没有空格。" * 125])
def test_b18_ten_words_or_fewer_are_deleted_untouched(text):
    assert run(text, "untouch_doc()", mode="reference").text == ""
    assert run(text, "untouch_doc()").text == text


def test_b18_an_edited_page_without_spaces_is_deleted():
    body = "中文页面没有空格。" * 125

    assert run(f"首页\n{body}", "remove_lines(start=0, end=0)", mode="reference").text == ""
    assert run(f"首页\n{body}", "remove_lines(start=0, end=0)").text == body


def test_b19_the_word_floor_overrides_the_error_limit():
    text = "\n".join(f"words of line {n}" for n in range(30))
    program = "remove_lines(start=0, end=28)\nnormalize()\nnormalize()"

    assert run(text, program, mode="reference").text == ""
    assert run(text, program).text == text


# B21, B22, B33: chunks and documents


def test_b21_a_line_longer_than_the_window_is_sent_all_the_same():
    chunks = pack_lines([10, 5_001, 10], budget=1_500)

    assert [chunk.skip_reason for chunk in chunks] == [None, "line_longer_than_window", None]


def test_b22_line_numbers_grow_a_fourth_digit():
    policy = ExecutionPolicy(line_numbers="chunk")
    chunks = pack_lines([1] * 2_500, budget=10_000, max_lines=1_000)

    last_numbers = [policy.first_line_number(chunk) + chunk.line_end - chunk.line_start for chunk in chunks]
    assert last_numbers == [999, 999, 499]


def test_b33_do_not_drop_means_drop():
    assert not decide_document("text", "do not drop", None, REFERENCE).keep
    assert decide_document("text", "do not drop", None, ExecutionPolicy()).keep
