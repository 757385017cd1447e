"""The reproduced executors on their own."""

import pytest

from prox_assets.programs.execution.reference import prox
from prox_assets.programs.execution.reference.no_result import LINE_NUMBER_LIMIT, ReferenceExecutionError
from prox_assets.programs.execution.reference.prox import execute_chunk_program, execute_doc_program
from prox_assets.testing.programs.cases import BODY


@pytest.mark.parametrize("text", ["", " ", "\n \u3000\n\x1c"])
def test_blank_texts_have_no_result(text):
    with pytest.raises(ReferenceExecutionError, match="division by zero"):
        execute_chunk_program(text, "untouch_doc()")


@pytest.mark.parametrize(
    "program",
    [
        f"remove_lines(start=0, end={10**12})",
        f"remove_lines(start={-(10**15)}, end=0)",
        f"remove_lines(start=0, end={10**12})\nremove_lines(all=True)",
        "\n".join(f"remove_lines(start={n * 10**9}, end={(n + 1) * 10**9})" for n in range(11)),
    ],
)
def test_ranges_that_would_fill_any_memory_have_no_result(program):
    with pytest.raises(ReferenceExecutionError, match="line ranges"):
        execute_chunk_program(BODY, program)


def test_large_ranges_that_memory_could_hold_have_their_result_without_it():
    program = f"remove_lines(start=1, end={LINE_NUMBER_LIMIT})\nremove_lines(start=1, end={LINE_NUMBER_LIMIT})"

    assert execute_chunk_program(f"{BODY}\nfooter", program) == BODY


def test_texts_that_grow_without_bound_have_no_result():
    program = "\n".join(['normalize(source_str="a", target_str="aaaaaaaaaa")'] * 1_000)

    with pytest.raises(ReferenceExecutionError, match="longer than"):
        execute_chunk_program(f"a {BODY}", program)


def test_a_program_in_a_loop_costs_one_search():
    text = f"{BODY}\n" * 20_000

    # 10^5 searches through 2 * 10^6 characters, were each carried out.
    assert execute_chunk_program(text, "\n".join(['normalize(source_str="zzz", target_str="")'] * 100_000)) == text


def test_words_are_counted_across_blocks_as_split_counts_them():
    for length in (prox._BLOCK - 1, prox._BLOCK, prox._BLOCK + 1):
        for text in ("a" * length + "b c", "a" * length + " b", " " * length + "b", "a " * length):
            assert prox._count_words(text) == len(text.split())


def test_the_thresholds_are_parameters():
    text = "\n".join([BODY] * 4)
    half = "remove_lines(start=0, end=1)"

    assert execute_chunk_program(text, half) == "\n".join([BODY] * 2)
    assert execute_chunk_program(text, half, threshold_2=0.5) == ""
    assert execute_chunk_program(text, half, threshold_1=0.6) == text
    assert execute_chunk_program(text, f"{half}\nnormalize(x)", error_op=1) == text


@pytest.mark.parametrize(
    ("program", "kept"),
    [("keep_doc()", True), ("drop_doc()", False), ("please do not drop", False), ("DROP_DOC()", True), ("", True)],
)
def test_the_document_stage_looks_for_four_letters(program, kept):
    assert execute_doc_program("text", program) == ("text" if kept else "")
