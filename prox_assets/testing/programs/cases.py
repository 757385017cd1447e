"""Hypothesis strategies: documents, programs, and documents cut into chunks with a program each."""

from hypothesis import strategies as st

from prox_assets.programs import ChunkProgram, Normalize, RemoveLines, pack_lines, render

BODY = "the body of the page goes on for more than ten words so that it is long enough to stay"
# Characters that mean something to a parser, an escape rule, a word rule or a line splitter.
_NASTY = st.text(alphabet="\"'\\,()=#`;[]{}<> \t\r\n\x00\x0b\x1c\x85\u2028nrtxuU0189aZé中あก́\ud800", max_size=30)
strings = st.one_of(st.text(max_size=20), _NASTY, st.sampled_from(["a", "ab", "b", "\\n", "\\theta", "line 1"]))

_far_numbers = st.integers(-(10**18) + 1, 10**18 - 1)
_near_numbers = st.integers(-2, 12)
line_removals = st.builds(RemoveLines, _near_numbers | _far_numbers, _near_numbers | _far_numbers)
normalizations = st.builds(Normalize, strings, strings)
_WORDS = "remove_lines normalize keep_chunk untouch_doc drop_doc delete start line_end all source_str target_str True"
_MARKS = "()(),=\"'\\\n\n #"
_pieces = st.sampled_from([*_WORDS.split(), *_MARKS, "```", "0", "1", "7", "-1", "9" * 30, "a", "line 1", "中文"])
program_texts = st.one_of(
    st.text(),
    st.lists(_pieces, max_size=40).map("".join),
    st.lists(line_removals | normalizations, max_size=5).flatmap(
        lambda chosen: st.integers(0, 60).map(lambda cut: render(chosen)[: -cut or None])
    ),
)
document_texts = st.one_of(
    st.text(),
    st.lists(st.sampled_from(["", " ", "a", "ab ab", "line 1", "ClickHere", "中文页面", BODY, "x\r"]), max_size=12).map(
        "\n".join
    ),
)


@st.composite
def chunked_documents(draw: st.DrawFn) -> tuple[str, list[ChunkProgram]]:
    """Draw a document cut into chunks, each with a program, some skipped and some truncated."""
    text = draw(document_texts)
    line_count = text.count("\n") + 1
    chunks = pack_lines([1] * line_count, draw(st.integers(1, line_count)))
    programs = [ChunkProgram(chunk, draw(st.none() | program_texts), draw(st.booleans())) for chunk in chunks]
    return text, programs
