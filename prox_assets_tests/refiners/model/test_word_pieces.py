"""Texts encoded piece by piece against the tokenizers library encoding them whole."""

from __future__ import annotations

import json
from bisect import bisect_left
from functools import lru_cache
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prox_assets.programs.chunking import pack_lines
from prox_assets.refiners.model import word_pieces
from prox_assets.refiners.model.tokenization import PromptTokenizer
from prox_assets.refiners.model.word_pieces import piece_rule
from prox_assets.refiners.prompts.chunk_prompts import ChunkPrompts, ProgramChunkPlanner
from prox_assets.refiners.prompts.formats import label_lines, prompt_frame

if TYPE_CHECKING:
    from tokenizers import Tokenizer

KINDS = ("normalizer", "metaspace", "byte-level")
UNKNOWN = "<unk>"
TRAINING = [
    "The café, the naïve reader's cat. Then 12 lines (and more): see http://example.org/a?b=c",
    "[000]Home\n[001]About us\n    indented  twice\n[INST] <<SYS>>\nYou are helpful\n<</SYS>>",
]
TEXT = st.text(st.sampled_from(" \n\t\r▁[]()<>01aAbeéthe.,'\"/=_-語\u3000\x1c\x85\xa0😀²"), max_size=60)


@lru_cache
def _tokenizer(kind: str) -> Tokenizer:
    return _byte_level() if kind == "byte-level" else _sentencepiece_like(metaspace=kind == "metaspace")


def _sentencepiece_like(metaspace: bool) -> Tokenizer:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token=UNKNOWN, fuse_unk=True))
    # Training cuts words apart, as SentencePiece does; encoding does not.
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(split=True), pre_tokenizers.Split("\n", "isolated")]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=800,
        special_tokens=["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))],
        show_progress=False,
    )
    tokenizer.train_from_iterator(TRAINING * 3, trainer)
    vocabulary = {piece: number for piece, number in tokenizer.get_vocab().items() if piece != "\n"}
    vocabulary = {piece: number for number, piece in enumerate(sorted(vocabulary, key=lambda piece: vocabulary[piece]))}
    merges = [pair for pair in _merges(tokenizer) if "".join(pair) in vocabulary]
    model = models.BPE(vocabulary, merges, byte_fallback=True, unk_token=UNKNOWN, fuse_unk=True)
    made = Tokenizer(model)
    if metaspace:
        made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    else:
        made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    made.add_special_tokens(["<unk>", "<s>", "</s>"])
    return made


def _merges(tokenizer: Tokenizer) -> list[tuple[str, str]]:
    return [tuple(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]


def _byte_level() -> Tokenizer:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=500, initial_alphabet=alphabet, special_tokens=["<s>", "</s>"], show_progress=False
    )
    tokenizer.train_from_iterator(TRAINING * 3, trainer)
    return tokenizer


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=300)
@given(texts=st.lists(TEXT, min_size=1, max_size=4))
def test_pieces_have_the_tokens_and_places_of_the_whole_text(kind: str, texts: list[str]) -> None:
    backend = _tokenizer(kind)
    assert piece_rule(backend) is not None
    ours = PromptTokenizer(backend, "<s>", "</s>").encode([*texts, *texts])
    whole = backend.encode_batch([*texts, *texts], add_special_tokens=False)
    assert [list(text.token_ids) for text in ours] == [encoding.ids for encoding in whole]
    for text, encoded, encoding in zip([*texts, *texts], ours, whole, strict=True):
        starts = [start for start, _ in encoding.offsets]
        assert [encoded.start(token) for token in range(len(encoded))] == starts
        before = [encoded.tokens_before(character) for character in range(len(text) + 2)]
        assert before == [bisect_left(starts, character) for character in range(len(text) + 2)]
    assert [len(text) for text in ours] == [len(encoding) for encoding in whole]


@pytest.mark.parametrize("kind", KINDS)
def test_pieces_are_forgotten_when_there_are_too_many_and_tokens_stay_the_same(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(word_pieces, "MAX_CACHED_PIECES", 5)
    tokenizer = PromptTokenizer(_tokenizer(kind), "<s>", "</s>")
    texts = [f"[00{number}]the cat {number} and a very-long-address-without-spaces-in-it\n" for number in range(9)]
    for text in texts:
        [encoded] = tokenizer.encode([text])
        expected = _tokenizer(kind).encode(text, add_special_tokens=False)
        assert list(encoded.token_ids) == expected.ids
        starts = [encoded.start(token) for token in range(len(encoded))]
        assert starts == [start for start, _ in expected.offsets]
    assert tokenizer._pieces is not None
    assert len(tokenizer._pieces._ids) <= 5


def test_a_vocabulary_that_joins_words_is_not_cut_at_spaces() -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    vocabulary = {token: number for number, token in enumerate(["<unk>", "a", "b", "▁", "a▁", "▁b"])}
    tokenizer = Tokenizer(models.BPE(vocabulary, [("a", "▁"), ("▁", "b")], byte_fallback=True, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(split=False)
    assert piece_rule(tokenizer) is None


def test_a_byte_level_tokenizer_with_a_pattern_of_its_own_is_not_cut() -> None:
    from tokenizers import pre_tokenizers

    tokenizer = _byte_level()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split("\n", "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    assert piece_rule(tokenizer) is None


@pytest.mark.parametrize("kind", ["normalizer", "metaspace"])
@settings(max_examples=200)
@given(text=st.lists(TEXT, max_size=12).map("\n".join), budget=st.integers(60, 160))
def test_chunks_are_packed_exactly_where_the_tokenizer_keeps_lines_apart(kind: str, text: str, budget: int) -> None:
    tokenizer = PromptTokenizer(_tokenizer(kind), "<s>", "</s>")
    frame = prompt_frame("plain", "chunk")
    planner = ProgramChunkPlanner(ChunkPrompts(tokenizer, frame, budget))
    [planned] = planner.plan([text])
    lines = text.split("\n")
    room = budget - len(tokenizer.opening)

    def tokens(start: int, end: int) -> tuple[int, ...]:
        return tokenizer.encode([frame.render(label_lines(lines[start : end + 1], start))])[0].token_ids

    overhead = len(tokenizer.encode([frame.render("")])[0]) - 1  # the break behind the last line is the line's
    counts = [len(tokens(number, number)) - overhead for number in range(len(lines))]
    assert [item.chunk for item in planned] == pack_lines(counts, room, overhead=overhead)
    for item in planned:
        if item.chunk.skip_reason is None:
            assert item.prompt_token_ids == tokenizer.opening + tokens(item.chunk.line_start, item.chunk.line_end)
