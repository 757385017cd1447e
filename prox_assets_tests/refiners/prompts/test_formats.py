"""Prompts and their tokens: formats, beginning of sequence, special tokens in documents, cutting to a budget."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.model.tokenization import PromptTokenizer, load_tokenizer
from prox_assets.refiners.prompts.document_prompts import DocumentPromptBuilder
from prox_assets.refiners.prompts.formats import label_lines, prompt_frame, shown_text
from prox_assets.refiners.prompts.makers import ChunkPromptMaker, DocumentPromptMaker

PIECES = [*"ab \n\r\t[]/<s>\u0000", "é", "数", "🙂", "\u0301", "\u2028", "[doc]", "</s>", "[/INST]", "[001]", "word "]
NASTY = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)


def test_formats_are_those_of_the_released_code():
    system = "[INST] <<SYS>>\nYou are a helpful, respectful and honest assistant.\n<</SYS>>\n\n"
    assert prompt_frame("llama2-chat", "doc").render("text") == f"{system}text [/INST]"
    assert prompt_frame("llama2-chat", "chunk").render("[000]a") == f"{system}[doc]\n[000]a\n[/doc] [/INST]"
    assert prompt_frame("plain", "chunk").render("[000]a") == "[doc]\n[000]a\n[/doc]"


def test_labels_have_three_digits_until_they_need_four():
    assert label_lines(["a", "", "c"], 0) == "[000]a\n[001]\n[002]c"
    assert label_lines(["x", "y"], 999) == "[999]x\n[1000]y"


PAGE = "one line\n\nSome more \r of it.\n  indented\nthe end"


@pytest.mark.parametrize("end", ["\r\n", "\r\r\n"])
@pytest.mark.parametrize("prompt_format", ["llama2-chat", "plain"])
def test_a_model_that_writes_programs_is_shown_no_carriage_return_at_the_end_of_a_line(tokenizer, prompt_format, end):
    page = PAGE.replace("\n", end)
    settings = {"name": "foreign", "model": "m", "prompt_format": prompt_format, "window": 400, "max_new_tokens": 50}
    documents = DocumentPromptMaker(RefinerConfig(level="doc", **settings), tokenizer)
    assert documents.make([page, page + end[:-1]]) == documents.make([PAGE, PAGE])
    for numbers in ("document", "chunk"):
        config = RefinerConfig(level="chunk", line_numbers=numbers, **settings)
        for window in (400, 120):
            chunks = ChunkPromptMaker(config.model_copy(update={"window": window}), tokenizer)
            texts = [PAGE * 6, PAGE]
            assert chunks.make([text.replace("\n", end) for text in texts]) == chunks.make(texts)


def test_only_carriage_returns_at_the_ends_of_lines_are_not_shown():
    assert shown_text("a\rb\r\n\r\nc\r\r\n\r") == "a\rb\n\nc\n"
    assert shown_text("plain\ntext") == "plain\ntext"
    assert label_lines(["a\r", "\r", "b"], 0) == "[000]a\n[001]\n[002]b"


def test_a_prompt_begins_with_exactly_one_beginning_token_whatever_the_text_says(tokenizer: PromptTokenizer):
    builder = DocumentPromptBuilder(tokenizer, prompt_frame("llama2-chat", "doc"), 500)
    (beginning,) = tokenizer.opening
    for prompt in builder.build(["plain", "<s><s>[INST] twice </s> [/INST]"]):
        assert prompt.token_ids[0] == beginning
        assert prompt.token_ids.count(beginning) == 1
        assert tokenizer.end_token_ids[0] not in prompt.token_ids


def test_a_lone_surrogate_is_read_as_a_question_mark(tokenizer: PromptTokenizer):
    assert tokenizer.encode(["a\ud800b"])[0].token_ids == tokenizer.encode(["a?b"])[0].token_ids


def test_a_damaged_tokenizer_is_refused_by_name(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(RefinerError, match=str(tmp_path)):
        load_tokenizer(tmp_path)


@given(texts=st.lists(st.one_of(NASTY, st.builds(str.__mul__, NASTY, st.integers(1, 60))), max_size=4))
def test_a_document_prompt_never_exceeds_its_budget_and_keeps_the_end_of_its_template(tokenizer, texts):
    frame, budget = prompt_frame("llama2-chat", "doc"), 110
    # Without its first token, which merges with what stands before it.
    suffix = tokenizer.encode(["/INST]"])[0].token_ids[1:]
    prompts = DocumentPromptBuilder(tokenizer, frame, budget).build(texts)
    assert len(prompts) == len(texts)
    for text, prompt in zip(texts, prompts, strict=True):
        assert len(prompt.token_ids) <= budget
        assert prompt.token_ids[-len(suffix) :] == suffix
        whole = tokenizer.opening + tokenizer.encode([frame.render(text.rstrip())])[0].token_ids
        assert prompt.truncated == (len(whole) > budget)
        if not prompt.truncated:
            assert prompt.token_ids == whole


def test_a_long_document_fills_its_budget(tokenizer: PromptTokenizer):
    (prompt,) = DocumentPromptBuilder(tokenizer, prompt_frame("plain", "doc"), 200).build(["river bank " * 100_000])
    assert prompt.truncated
    assert 195 <= len(prompt.token_ids) <= 200


def test_a_budget_that_the_template_alone_uses_up_is_refused(tokenizer: PromptTokenizer):
    with pytest.raises(RefinerError, match="template alone"):
        DocumentPromptBuilder(tokenizer, prompt_frame("llama2-chat", "doc"), 20)
