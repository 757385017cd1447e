"""Previews show what was removed, and hostile text neither breaks out of Markdown nor reaches the terminal."""

import io
import re

from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import Console

from prox_assets.catalog.printable import printable
from prox_assets.cli.views.outcomes import preview_lines
from prox_assets.monitoring.metrics.previews import LINES_PER_EXCERPT, Preview, as_markdown, edit_previews
from prox_assets.stages.execution.refined_shards import refine_shard
from prox_assets_tests.stages.fake_refiners import FakeChunks
from prox_assets_tests.stages.shard_runs import infer, read_shard_of


def previews_of(folder, texts: list[str], count: int = 3, program: str = "remove_lines(0, 0)") -> list[Preview]:
    run = read_shard_of(folder, texts)
    infer(run, chunks=FakeChunks(program=lambda text: program if "\n" in text else "keep_chunk()"))
    refine_shard(run)
    return edit_previews(run.lake, "web", run.shard, count)


def preview(*diff: str, url: str | None = None) -> Preview:
    return Preview("0123", url, 10, 5, diff)


def terminal(previews: list[Preview]) -> str:
    """Return what a terminal is sent, colours included."""
    console = Console(file=io.StringIO(), force_terminal=True, color_system="standard", width=400)
    for line in preview_lines(previews):
        console.print(line, soft_wrap=True, highlight=False)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def without_colours(output: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", output)


def test_edited_documents_are_shown_before_and_after(tmp_path):
    [shown] = previews_of(tmp_path, ["menu\nA page.\nThe end.", "an untouched page"])
    assert shown.diff[1:] == ("-menu", " A page.")
    assert (shown.url, shown.characters_before, shown.characters_after) == ("https://example.org/0", 21, 16)


def test_documents_around_the_median_removal_are_chosen(tmp_path):
    texts = ["x" * length + "\nthe rest of the page" for length in range(1, 10)]
    shown = previews_of(tmp_path, texts)
    assert sorted(p.characters_before - p.characters_after for p in shown) == [5, 6, 7]


def test_a_shard_without_edits_says_so(tmp_path):
    assert as_markdown(previews_of(tmp_path, ["an untouched page"])) == "No document of this shard was edited."


def test_long_diffs_and_long_lines_are_cut(tmp_path):
    text = "\n".join(["y" * 5000, *(f"line {n}" for n in range(99)), *("the page that stays" for _ in range(50))])
    [shown] = previews_of(tmp_path, [text], program="remove_lines(0, 99)")
    assert len(shown.diff) == LINES_PER_EXCERPT + 1
    assert shown.diff[-1].endswith("more lines @@")
    assert max(map(len, shown.diff)) < 200


@given(st.lists(st.text(alphabet=st.sampled_from("`~\n\r\x0b\u2028 ab<>[]")), max_size=6))
@example(["```", "\r````\r# out", "~~~~"])
def test_no_text_closes_its_code_fence(lines):
    """CommonMark, section 4.5: a fence is closed by a line of at least as many backticks and nothing else."""
    text = as_markdown([preview(*(f"-{line}" for line in "\n".join(lines).split("\n")))])
    _, _, block = text.partition("\n\n")
    first, *body, last = re.split(r"\r\n|\r|\n", block)
    fence = first.removesuffix("diff")
    assert last == fence
    assert set(fence) == {"`"}
    assert not any(re.fullmatch(rf" {{0,3}}`{{{len(fence)},}}[ \t]*", line) for line in body)


def test_a_hostile_address_stays_inside_its_code_span():
    text = as_markdown([preview("-x", url="https://e.org/`<script>`\n\n# heading\x1b[2J")])
    title, _, _ = text.partition("\n\n")
    assert title.count("`") == 2
    assert "\x1b" not in text


@given(st.text(), st.text())
@example("[red]not markup[/red]", "\\")
@example("ends in \\\\", "[link=https://evil.example]x[/link]")
@example("\x1b[2J\x1b]0;title\x07", "\x9b31m")
def test_a_terminal_is_shown_the_text_itself_and_obeys_none_of_it(line, url):
    output = without_colours(terminal([preview(f"-{line}", url=url)]))
    assert f"-{printable(line)}\n" in output
    assert printable(url) in output
    assert all(character.isprintable() or character == "\n" for character in output)


def test_spaces_of_every_kind_stay_spaces():
    assert printable("a\tb\u00a0c\u3000中é\x1b") == "a b c 中é\ufffd"


def test_removed_and_added_lines_have_their_colours():
    output = terminal([preview("-gone", "+new", " same")])
    assert "\x1b[31m-gone" in output
    assert "\x1b[32m+new" in output
    assert "\n same" in output
