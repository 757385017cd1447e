"""Tokens of arms on disk, and the streams that models are trained on."""

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prox_assets.lake.lake import Lake
from prox_assets.proof.arms.build import write_arm
from prox_assets.proof.arms.table import arm_texts
from prox_assets.proof.errors import ProofError
from prox_assets.proof.folder import ProofFolder
from prox_assets.proof.settings import ProofSettings
from prox_assets.proof.texts.documents import training_texts, write_documents
from prox_assets.proof.tokens.arm_tokens import ArmTokens, TokenStream, write_arm_tokens
from prox_assets.proof.tokens.tokenizer import open_tokenizer, save_tokenizer, write_tokenizer
from prox_assets_tests.proof.refined_sample import proof_of, refine

END = 0
CAP = 100


def arm_of(lengths: list[int]) -> ArmTokens:
    """Return an arm whose documents have these lengths; document i consists of the token i + 1."""
    ids = np.repeat(np.arange(1, len(lengths) + 1, dtype=np.uint16), lengths)
    return ArmTokens(ids, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), END, len(lengths) + 1, "hash")


LENGTHS = st.lists(st.integers(0, 5), min_size=1, max_size=12).filter(any)


def by_hand(lengths: list[int], seed: int, epochs: int) -> list[int]:
    stream: list[int] = []
    for epoch in range(epochs):
        for document in np.random.default_rng([seed, epoch]).permutation(len(lengths)).tolist():
            stream += [document + 1] * lengths[document] + [END] * bool(lengths[document])
    return stream


@given(LENGTHS, st.integers(0, 2**32), st.integers(1, 150), st.data())
def test_any_pattern_of_reads_sees_the_same_stream(lengths: list[int], seed: int, tokens: int, data: Any) -> None:
    stream = TokenStream.of_tokens(arm_of(lengths), seed, tokens)
    wanted = by_hand(lengths, seed, 1 + tokens // sum(lengths))[:tokens]
    assert len(stream) == tokens
    for _ in range(6):
        start = data.draw(st.integers(0, tokens))
        stop = data.draw(st.integers(start, tokens))
        assert stream.read(start, stop).tolist() == wanted[start:stop]
    assert stream.read(0, tokens).dtype == np.uint16
    assert stream.documents == len(set(wanted) - {END})
    epoch = sum(lengths) + sum(length > 0 for length in lengths)
    assert (stream.unique_tokens, stream.epochs) == (min(tokens, epoch), tokens / epoch)


@given(LENGTHS, st.integers(0, 100), st.data())
def test_equal_documents_are_the_first_places_of_the_order(lengths: list[int], seed: int, data: Any) -> None:
    places = data.draw(st.integers(1, len(lengths)))
    first = np.random.default_rng([seed, 0]).permutation(len(lengths))[:places].tolist()
    wanted = [t for i in first for t in [i + 1] * lengths[i] + [END] * bool(lengths[i])]
    if not wanted:
        with pytest.raises(ProofError, match=f"none of the first {places} documents"):
            TokenStream.of_documents(arm_of(lengths), seed, places)
        return
    stream = TokenStream.of_documents(arm_of(lengths), seed, places)
    assert stream.read(0, len(stream)).tolist() == wanted
    assert stream.documents == sum(lengths[i] > 0 for i in first)
    assert stream.unique_tokens == len(stream)


@given(LENGTHS, st.integers(0, 100), st.data())
def test_arms_of_the_same_documents_have_the_same_order(lengths: list[int], seed: int, data: Any) -> None:
    dropped = data.draw(
        st.lists(st.booleans(), min_size=len(lengths), max_size=len(lengths)).filter(lambda d: not all(d))
    )
    others = [0 if drop else length + 1 for drop, length in zip(dropped, lengths, strict=True)]

    def order(arm: ArmTokens) -> list[int]:
        stream = TokenStream.of_documents(arm, seed, None)
        return list(dict.fromkeys(t for t in stream.read(0, len(stream)).tolist() if t != END))

    both = {i + 1 for i, (a, b) in enumerate(zip(lengths, others, strict=True)) if a and b}
    assert [i for i in order(arm_of(lengths)) if i in both] == [i for i in order(arm_of(others)) if i in both]


def test_streams_that_cannot_be_are_refused() -> None:
    with pytest.raises(ProofError, match="no token to train on"):
        TokenStream.of_tokens(arm_of([0, 0]), 0, 10)
    with pytest.raises(ProofError, match="there are 2 documents to train on, fewer than 3"):
        TokenStream.of_documents(arm_of([1, 1]), 0, 3)
    with pytest.raises(IndexError):
        TokenStream.of_tokens(arm_of([3]), 0, 4).read(2, 5)


@pytest.fixture(scope="module")
def proof(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, ProofSettings, ProofFolder]:
    root = tmp_path_factory.mktemp("tokens")
    lake = Lake(str(root / "lake"))
    refine(lake)
    settings, folder = proof_of(
        root / "proof", {"kind": "refined"}, tokenizer={"vocabulary": 600}, text={"document_tokens": CAP}
    )
    write_documents(lake, settings, folder)
    for arm in ("raw", "refined"):
        write_arm(lake, settings, folder, arm)
    write_tokenizer(lake, settings, folder)
    return lake, settings, folder


def test_tokens_are_those_of_the_arms_texts_up_to_the_cap(proof: Any) -> None:
    from transformers import AutoTokenizer

    lake, settings, folder = proof
    tokenizer = AutoTokenizer.from_pretrained(folder.tokenizer())
    for arm in ("raw", "refined"):
        tokens = write_arm_tokens(lake, settings, folder, arm)
        texts = [text for _, text in arm_texts(lake, folder, arm)]
        assert len(tokens.offsets) == len(texts) + 1
        for number, text in enumerate(texts):
            expected = tokenizer(text, add_special_tokens=False)["input_ids"]
            assert tokens.ids[tokens.offsets[number] : tokens.offsets[number + 1]].tolist() == expected[:CAP]
        lengths = np.diff(tokens.offsets)
        assert lengths.max() == CAP
        assert 0 < tokens.cut <= (lengths == CAP).sum()
        assert (tokens.ids.dtype, tokens.vocabulary) == (np.uint16, len(tokenizer))
        assert tokenizer.eos_token_id == tokens.end_of_text
        assert tokens.end_of_text not in tokens.ids
        assert ArmTokens.open(folder.tokens(arm)).offsets.tolist() == tokens.offsets.tolist()
    assert min(np.diff(ArmTokens.open(folder.tokens("refined")).offsets)) == 0, "a dropped document keeps its place"


def test_current_tokens_are_kept_and_others_replaced(proof: Any, tmp_path: Path) -> None:
    lake, settings, folder = proof
    into = tmp_path / "tokens"
    first = write_arm_tokens(lake, settings, folder, "raw", into=into)
    stamps = {path.name: path.stat().st_mtime_ns for path in into.iterdir() if path.is_file()}
    assert write_arm_tokens(lake, settings, folder, "raw", into=into).identity == first.identity
    assert {path.name: path.stat().st_mtime_ns for path in into.iterdir() if path.is_file()} == stamps
    text = settings.text.model_copy(update={"document_tokens": 20})
    short = write_arm_tokens(lake, settings.model_copy(update={"text": text}), folder, "raw", into=into)
    assert np.diff(short.offsets).max() == 20
    assert len(first.ids) > len(short.ids), "what is open stays readable"
    assert len([path for path in into.iterdir() if path.is_file()]) == 3
    with pytest.raises(ProofError, match=r"tokens\.json is not there"):
        ArmTokens.open(tmp_path / "nowhere")


def test_a_trained_tokenizer_is_the_same_each_time_and_end_of_text_in_a_text_is_text(proof: Any) -> None:
    lake, settings, folder = proof
    tokenizer = open_tokenizer(folder.tokenizer())
    before = tokenizer.hash
    assert write_tokenizer(lake, settings, folder).hash == before
    texts = [*islice(training_texts(lake, folder), 20), "a <eos> b", " \n\n漢字😀\ud7ff"]
    ids = tokenizer.encode(texts, 10**6)
    assert [tokenizer.backend.decode(part, skip_special_tokens=False) for part in ids] == texts
    assert all(tokenizer.end_of_text not in part for part in ids)
    assert tokenizer.encode([texts[0]], 5) == [ids[0][:5]]


def word_level(words: list[str], start: str | None = None) -> Any:
    """Return a tokenizer that cuts texts after three tokens and, if it has a start token, puts it before each."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token=words[0]))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if start is not None:
        special = [(start, words.index(start))]
        backend.post_processor = processors.TemplateProcessing(single=f"{start} $A", special_tokens=special)
    backend.enable_truncation(3)
    return PreTrainedTokenizerFast(tokenizer_object=backend, unk_token=words[0], bos_token=start)


def test_a_given_tokenizer_brings_its_end_of_text_and_no_beginning(proof: Any, tmp_path: Path) -> None:
    lake, settings, folder = proof
    words = ["<unk>", "<s>", "</s>", *(f"word{number}" for number in range(70_000)), "the"]
    word_level(words, start="<s>").save_pretrained(tmp_path / "given")
    settings = settings.model_copy(
        update={"tokenizer": settings.tokenizer.model_copy(update={"path": str(tmp_path / "given")})}
    )
    other = ProofFolder(tmp_path / "proof")
    tokenizer = write_tokenizer(lake, settings, other)
    assert (tokenizer.end_of_text, tokenizer.vocabulary) == (2, len(words))
    assert tokenizer.encode(["the word69999 word7 the the"], CAP) == [
        [len(words) - 1, 70_002, 10, len(words) - 1, len(words) - 1]
    ]
    tokens = write_arm_tokens(lake, settings, folder, "raw", tokenizer=other.tokenizer(), into=tmp_path / "tokens")
    assert tokens.ids.dtype == np.uint32
    assert len(words) - 1 in tokens.ids
    assert save_tokenizer(str(tmp_path / "given" / "tokenizer.json"), tmp_path / "copy").end_of_text == 2


def test_tokenizers_without_an_end_of_text_are_refused(tmp_path: Path) -> None:
    word_level(["<unk>", "a"]).save_pretrained(tmp_path / "given")
    with pytest.raises(ProofError, match="no end-of-text token"):
        save_tokenizer(str(tmp_path / "given"), tmp_path / "copy")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "tokenizer.json").write_text("{}")
    with pytest.raises(ProofError, match="is no tokenizer that can be read"):
        save_tokenizer(str(tmp_path / "broken" / "tokenizer.json"), tmp_path / "copy")
    with pytest.raises(ProofError, match=r"tokenizer\.json is not there"):
        open_tokenizer(tmp_path / "copy")
