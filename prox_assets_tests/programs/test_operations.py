"""Operations and their canonical spelling."""

import pytest
from hypothesis import given

from prox_assets.programs import DropDoc, KeepChunk, KeepDoc, Normalize, RemoveAllLines, RemoveLines, parse, render
from prox_assets_tests.programs.cases import operation_lists


@given(operation_lists)
def test_rendering_and_parsing_give_back_the_operations(operations):
    parsed = parse(render(operations))

    assert parsed.operations == tuple(operations)
    assert parsed.errors == ()


@given(operation_lists)
def test_every_operation_renders_on_one_line(operations):
    assert render(operations).count("\n") == max(len(operations) - 1, 0)


def test_the_canonical_spelling_is_the_papers():
    operations = [KeepDoc(), DropDoc(), KeepChunk(), RemoveLines(0, 5), RemoveAllLines(), Normalize('say "hi"\\', "\n")]

    assert render(operations).split("\n") == [
        "keep_doc()",
        "drop_doc()",
        "keep_chunk()",
        "remove_lines(line_start=0, line_end=5)",
        "remove_lines(all=True)",
        r'normalize(source_str="say \"hi\"\\", target_str="\n")',
    ]


@pytest.mark.parametrize("numbers", [(10**18, 0), (0, 10**18), (-(10**18), 0), (0, -(10**18))])
def test_line_numbers_that_no_64_bit_column_holds_are_refused(numbers):
    with pytest.raises(ValueError, match="at most 18 digits"):
        RemoveLines(*numbers)
