"""Side-by-side comparison: nothing is invented, nothing is shown as kept that is gone."""

from hypothesis import given
from hypothesis import strategies as st

from prox_assets.catalog.printable import printable
from prox_assets.catalog.text_diff import DiffPiece, diff_lines, grouped
from prox_assets.monitoring.report.samples import CHARACTERS_PER_LINE, SampleRow, samples, side_by_side
from prox_assets_tests.monitoring.report.lakes import CORPUS, measured_run

LINES = st.lists(st.sampled_from(["a b c", "a c", "", "menu", "text that stays", "x" * 50]), max_size=30)


def compare(before: str, after: str | None) -> tuple[SampleRow, ...]:
    return side_by_side(grouped(diff_lines(before, after, None)))


def shown(pieces: tuple[DiffPiece, ...], *marks: str) -> str:
    return "".join(text for mark, text in pieces if mark in marks)


def test_a_removed_line_stands_on_the_left_alone():
    rows = compare("menu\nthe rest stays", "the rest stays")
    assert (rows[0].before, rows[0].after) == ((("removed", "menu"),), ())
    assert rows[1].before == rows[1].after == (("kept", "the rest stays"),)


def test_inside_a_line_only_what_is_gone_is_marked():
    [row] = compare("Share the tide came in", "the tide came in")
    assert shown(row.before, "removed").strip() == "Share"
    assert shown(row.before, "kept") == shown(row.after, "kept") == "the tide came in"


def test_long_runs_are_shortened_and_counted():
    same = "\n".join(f"line {n}" for n in range(50))
    menu = "\n".join(f"menu {n}" for n in range(30))
    rows = compare(f"{menu}\n{same}\nlast", f"{same}\nfirst")
    left_out = [(row.left_out_mark, row.left_out) for row in rows if row.left_out]
    assert left_out == [("removed", 30 - 12), ("kept", 50 - 4)]
    assert len(rows) < 25


def test_a_dropped_document_has_nothing_on_the_right():
    assert all(not row.after for row in compare("one\ntwo", None))


@given(LINES, st.data())
def test_both_texts_can_be_read_off_their_sides(lines: list[str], data: st.DataObject):
    kept = [line for line in lines if data.draw(st.booleans())]
    before, after = "\n".join(lines), "\n".join(kept)
    rows = compare(before, after)
    stayed = [
        "".join(shown(side, "kept") for side in sides)
        for sides in zip(*((r.before, r.after) for r in rows), strict=True)
    ]
    assert stayed[0] == stayed[1], "what stayed is the same on both sides"
    if not any(row.left_out for row in rows):
        assert "".join(shown(row.before, "kept", "removed") for row in rows) == "".join(lines)
        assert "".join(shown(row.after, "kept", "added") for row in rows) == "".join(kept)


@given(st.text(max_size=2 * CHARACTERS_PER_LINE), st.text(max_size=100))
def test_what_is_shown_is_printable_and_short(before: str, after: str):
    for row in compare(before, after):
        for pieces in (row.before, row.after):
            text = shown(pieces, "kept", "removed", "added")
            assert text == printable(text)
            assert len(text) <= CHARACTERS_PER_LINE + 1


def test_a_text_of_one_enormous_line_takes_no_time():
    words = " ".join(str(number) for number in range(200_000))
    row, _ = compare(words, words[5:])
    assert row.before[0].mark == "removed"


def test_edited_and_dropped_documents_are_shown_with_their_programs(tmp_path):
    run = measured_run(tmp_path)
    found = samples(run.lake, CORPUS, [run.shard])
    assert [sample.trace.outcome and sample.trace.outcome.outcome for sample in found] == [
        "kept_edited",
        "kept_edited",
        "dropped_by_document",
    ]
    assert found[0].programs == ("remove_lines(0, 0)",)
    assert found[2].trace.decision is not None
    assert found[2].trace.decision.keep_probability == 0.1
    assert (found[0].trace.url or "").startswith("https://example.org/")
