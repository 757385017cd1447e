"""Chunks with exact token accounting: complete, in order, and never longer than the window."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.model.tokenization import PromptTokenizer
from prox_assets.refiners.prompts.chunk_prompts import ChunkPrompts, PlannedChunk, ProgramChunkPlanner
from prox_assets.refiners.prompts.formats import label_lines, prompt_frame
from prox_assets_tests.refiners.prompts.test_formats import NASTY

FRAME = prompt_frame("plain", "chunk")
NASTY_DOCUMENTS = st.lists(
    st.one_of(NASTY, st.builds(str.__mul__, NASTY, st.integers(1, 120))), min_size=1, max_size=8
).map("\n".join)


def lines_of(chunks: list[PlannedChunk]) -> list[int]:
    return [line for planned in chunks for line in range(planned.chunk.line_start, planned.chunk.line_end + 1)]


@given(texts=st.lists(NASTY_DOCUMENTS, max_size=3), numbers=st.sampled_from(["document", "chunk"]))
def test_no_prompt_exceeds_the_budget_and_the_chunks_are_the_document(tokenizer, texts, numbers):
    budget = 60
    planned = ProgramChunkPlanner(ChunkPrompts(tokenizer, FRAME, budget, numbers)).plan(texts)
    assert len(planned) == len(texts)
    for text, chunks in zip(texts, planned, strict=True):
        lines = text.split("\n")
        assert lines_of(chunks) == list(range(len(lines)))
        for index, item in enumerate(chunks):
            assert item.chunk.index == index
            first = 0 if numbers == "chunk" else item.chunk.line_start
            shown = FRAME.render(label_lines(lines[item.chunk.line_start : item.chunk.line_end + 1], first))
            exact = tokenizer.opening + tokenizer.encode([shown])[0].token_ids
            if item.chunk.skip_reason is None:
                assert item.prompt_token_ids == exact
                assert len(exact) <= budget
            else:
                assert item.chunk.line_start == item.chunk.line_end
                assert len(exact) > budget


def test_a_document_that_fits_is_one_chunk(tokenizer: PromptTokenizer):
    ((planned,),) = ProgramChunkPlanner(ChunkPrompts(tokenizer, FRAME, 200)).plan(["one\ntwo\n\nthree"])
    assert (planned.chunk.line_start, planned.chunk.line_end, planned.chunk.skip_reason) == (0, 3, None)


def test_chunks_of_a_long_document_are_nearly_full(tokenizer: PromptTokenizer):
    text = "\n".join(["The quick brown fox jumps over the lazy dog near the river bank."] * 400)
    budget = 400
    for numbers in ("document", "chunk"):
        (chunks,) = ProgramChunkPlanner(ChunkPrompts(tokenizer, FRAME, budget, numbers)).plan([text])
        sizes = [len(item.prompt_token_ids) for item in chunks[:-1]]
        assert min(sizes) > 0.85 * budget


def test_labels_run_through_the_document_or_restart_in_each_chunk(tokenizer: PromptTokenizer):
    text = "\n".join(f"line with number {line}" for line in range(1100))
    (running,) = ProgramChunkPlanner(ChunkPrompts(tokenizer, FRAME, 300, "document")).plan([text])
    (restarting,) = ProgramChunkPlanner(ChunkPrompts(tokenizer, FRAME, 300, "chunk")).plan([text])
    label = tokenizer.encode(["1099]"])[0].token_ids
    zero = tokenizer.opening + tokenizer.encode(["[doc]\n[000]line"])[0].token_ids
    ids = running[-1].prompt_token_ids
    assert any(ids[place : place + len(label)] == label for place in range(len(ids)))
    assert all(item.prompt_token_ids[: len(zero)] == zero for item in restarting)


def test_a_line_longer_than_the_window_is_skipped_and_its_neighbours_are_not(tokenizer: PromptTokenizer):
    (chunks,) = ProgramChunkPlanner(ChunkPrompts(tokenizer, FRAME, 100)).plan(["before\n" + "word " * 5000 + "\nafter"])
    assert [(item.chunk.line_start, item.chunk.skip_reason, bool(item.prompt_token_ids)) for item in chunks] == [
        (0, None, True),
        (1, "line_longer_than_window", False),
        (2, None, True),
    ]


def test_a_window_without_room_for_an_empty_line_is_refused(tokenizer: PromptTokenizer):
    with pytest.raises(RefinerError, match="raise window"):
        ProgramChunkPlanner(ChunkPrompts(tokenizer, prompt_frame("llama2-chat", "chunk"), 20))
