"""Programs against single kinds of noise: which ones are accepted, and how they are merged."""

import pytest

from prox_assets.programs import KeepChunk, Normalize, RemoveLines, execute, parse
from prox_assets.programs.policy import ExecutionPolicy
from prox_assets.training.annotation.errors import UnusableAnswerError
from prox_assets.training.annotation.levels.noise import FOOTERS, NAVIGATION, URLS, NoisePrompt, merge, read_program

LINES = (
    "Home | News",
    "Log in",
    "Tides follow the Moon (http://tides.example/a).",
    "http://tides.example/b",
    "They are highest at new moon. Posted by Ada",
    "© Tide Institute",
)


def test_prose_before_the_fence_is_no_part_of_the_program() -> None:
    answer = "Lines 0 and 1 are a menu.\n```python\nremove_lines(line_start=0, line_end=1)  # menu\n```"
    assert read_program(answer, LINES, NAVIGATION) == (RemoveLines(0, 1),)


def test_keep_chunk_asks_for_nothing() -> None:
    assert read_program("keep_chunk()", LINES, NAVIGATION) == ()


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        ("There is a menu in lines 0 and 1.", NAVIGATION, "not_a_call"),
        ("```python\n```", NAVIGATION, "no call"),
        ("delete_lines(line_start=0, line_end=1)", NAVIGATION, "unknown_function"),
        ("remove_lines(line_start=0, line_end=", NAVIGATION, "unterminated_call"),
        ("remove_lines(line_start='a', line_end=1)", NAVIGATION, "bad_arguments"),
        ("drop_doc()", NAVIGATION, "drop_doc.* not allowed against navigation"),
        ("remove_lines(all=True)", FOOTERS, "not allowed against footers"),
        ('normalize(source_str="Log in", target_str="")', NAVIGATION, "normalize.* not allowed against navigation"),
        ("keep_chunk()\nremove_lines(line_start=0, line_end=1)", NAVIGATION, "beside other calls"),
        ("remove_lines(line_start=5, line_end=6)", FOOTERS, "out_of_range"),
        ("remove_lines(line_start=2, line_end=1)", FOOTERS, "reversed"),
        ('normalize(source_str="http://tides.example/invented", target_str="")', URLS, "no_match"),
        ('normalize(source_str="tides.exam", target_str="")', URLS, "cuts_word"),
        ('normalize(source_str="Moon", target_str="Sun")', URLS, "inserts new text"),
    ],
)
def test_an_unusable_program_is_told_from_a_usable_one(answer: str, kind: NoisePrompt, message: str) -> None:
    with pytest.raises(UnusableAnswerError, match=message):
        read_program(answer, LINES, kind)


def test_lines_are_united_and_strings_kept_where_lines_stay() -> None:
    navigation = (RemoveLines(0, 1),)
    urls = (Normalize(" (http://tides.example/a)", ""), RemoveLines(3, 3))
    footers = (RemoveLines(1, 1), Normalize(" Posted by Ada", ""), RemoveLines(5, 5))
    merged = merge([navigation, urls, footers], LINES)
    assert merged.program == (
        "remove_lines(line_start=0, line_end=1)\n"
        "remove_lines(line_start=3, line_end=3)\n"
        "remove_lines(line_start=5, line_end=5)\n"
        'normalize(source_str=" (http://tides.example/a)", target_str="")\n'
        'normalize(source_str=" Posted by Ada", target_str="")'
    )
    assert merged.removed_lines == {0, 1, 3, 5}


def test_the_merged_program_does_in_strict_mode_what_it_says() -> None:
    merged = merge([(RemoveLines(0, 1),), (Normalize(" (http://tides.example/a)", ""),), (RemoveLines(3, 5),)], LINES)
    result = execute("\n".join(LINES), [((0, 5), merged.program)], ExecutionPolicy(line_numbers="chunk"))
    assert result.text == "Tides follow the Moon."
    visible = sum(len(word) for line in LINES for word in line.split())
    assert merged.removed_share == pytest.approx(1 - len("TidesfollowtheMoon.") / visible)


def test_a_string_in_a_line_that_another_program_removes_is_left_out() -> None:
    replacing = (Normalize("Posted by Ada", ""), Normalize(" (http://tides.example/a)", ""))
    merged = merge([(RemoveLines(4, 4),), replacing, replacing], LINES)
    assert [type(operation) for operation in parse(merged.program).operations] == [RemoveLines, Normalize]


def test_nothing_to_do_is_keep_chunk() -> None:
    merged = merge([(), (), ()], LINES)
    assert parse(merged.program).operations == (KeepChunk(),)
    assert merged.removed_share == 0
    assert not merged.removed_lines


def test_removing_everything_is_a_share_of_one() -> None:
    assert merge([(RemoveLines(0, 5),), (), ()], LINES).removed_share == 1


def test_a_string_with_a_backslash_stays_the_string_that_was_matched() -> None:
    lines = (r"The angle \theta is small. See C:\new\table", "End.")
    operations = read_program(r'normalize(source_str=" See C:\new\table", target_str="")', lines, URLS)
    merged = merge([operations], lines)
    assert [operation.source for operation in parse(merged.program).operations if isinstance(operation, Normalize)] == [
        r" See C:\new\table"
    ]
