"""Helpers for tests of programs: running a document that is one chunk, and hypothesis strategies."""

from hypothesis import strategies as st

from prox_assets.programs import (
    Chunk,
    ChunkProgram,
    DropDoc,
    ExecutionPolicy,
    KeepChunk,
    KeepDoc,
    Normalize,
    Refinement,
    RemoveAllLines,
    RemoveLines,
    execute,
    pack_lines,
    render,
)

REFERENCE = ExecutionPolicy(mode="reference")
BODY = "the body of the page goes on for more than ten words so that it is long enough to stay"


def run(text: str, program: str, *, truncated: bool = False, **policy: object) -> Refinement:
    """Execute one program on a document that is one chunk."""
    chunk = Chunk(0, 0, text.count("\n"))
    return execute(text, [ChunkProgram(chunk, program, truncated)], ExecutionPolicy(**policy))  # pyright: ignore[reportArgumentType]


def run_chunks(
    text: str, lines_per_chunk: int, programs: list[str], policy: ExecutionPolicy | None = None
) -> Refinement:
    """Execute programs on a document cut into chunks of a given number of lines."""
    chunks = pack_lines([1] * (text.count("\n") + 1), lines_per_chunk)
    return execute(text, list(zip(chunks, programs, strict=True)), policy)


def statuses(refinement: Refinement) -> list[str]:
    """Return the status of each edit, in order."""
    return [edit.status.value for edit in refinement.edits]


# Characters that mean something to a parser, an escape rule, a word rule or a line splitter.
_NASTY = st.text(alphabet="\"'\\,()=#`;[]{}<> \t\r\n\x00\x0b\x1c\x85\u2028nrtxuU0189aZé中あก́\ud800", max_size=30)
strings = st.one_of(st.text(max_size=20), _NASTY, st.sampled_from(["a", "ab", "b", "\\n", "\\theta", "line 1"]))

_far_numbers = st.integers(-(10**18) + 1, 10**18 - 1)
_near_numbers = st.integers(-2, 12)
line_removals = st.builds(RemoveLines, _near_numbers | _far_numbers, _near_numbers | _far_numbers)
normalizations = st.builds(Normalize, strings, strings)
operations = st.one_of(
    st.just(KeepDoc()),
    st.just(DropDoc()),
    st.just(KeepChunk()),
    st.just(RemoveAllLines()),
    line_removals,
    normalizations,
)
operation_lists = st.lists(operations, max_size=12)

_pieces = st.sampled_from(
    [
        *("remove_lines", "normalize", "keep_chunk", "untouch_doc", "drop_doc", "delete", "start", "line_end", "all"),
        *(
            "source_str",
            "target_str",
            "True",
            "(",
            ")",
            "(",
            ")",
            ",",
            "=",
            '"',
            "'",
            "\\",
            "\n",
            "\n",
            " ",
            "#",
            "```",
        ),
        *("0", "1", "7", "-1", "9" * 30, "a", "line 1", "中文"),
    ]
)
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
