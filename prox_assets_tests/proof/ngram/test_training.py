"""n-gram models of a proof: trained once, scored as evaluation asks."""

import math
from pathlib import Path

import numpy as np
import pytest

from prox_assets.proof.ngram.training import ngram_after, open_ngram, train_ngram, vocabulary_size
from prox_assets.proof.results import read_result
from prox_assets.proof.runs import ModelRun
from prox_assets.proof.settings import NgramModel
from prox_assets.proof.tokens.arm_tokens import ArmTokens, TokenStream
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.model.tokenization import load_tokenizer
from prox_assets.refiners.ngram.model import NGRAM_FILE

RUN = ModelRun("raw", "4gram", "tokens", 0)
SETTINGS = NgramModel(kind="ngram")
SENTENCES = [
    "The cat sat on the mat and looked at the door.",
    "The dog sat on the rug and looked at the cat.",
    "A bird sat on the roof; nobody looked at it — naïve, 鳥.",
] * 12


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(SENTENCES, trainer)
    folder = tmp_path_factory.mktemp("tokenizer")
    backend.save(str(folder / "tokenizer.json"))
    return folder


def stream_of(texts: list[str], tokenizer: Path) -> TokenStream:
    encoded = [text.token_ids for text in load_tokenizer(tokenizer).encode(texts)]
    ids = np.array([token for text in encoded for token in text], dtype=np.uint16)
    offsets = np.cumsum([0, *map(len, encoded)])
    return TokenStream.of_documents(ArmTokens(ids, offsets, 0, 320, ""), seed=0, documents=None)


def test_a_run_is_trained_once_for_equal_inputs(tokenizer: Path, tmp_path: Path) -> None:
    stream = stream_of(SENTENCES, tokenizer)
    result = train_ngram(RUN, SETTINGS, stream, tokenizer, tmp_path)
    assert read_result(tmp_path) == result
    assert (result.tokens, result.unique_tokens, result.documents, result.epochs) == (len(stream), len(stream), 36, 1)
    assert result.flops == 0
    written = (tmp_path / NGRAM_FILE).stat().st_mtime_ns
    assert train_ngram(RUN, SETTINGS, stream, tokenizer, tmp_path) == result
    assert (tmp_path / NGRAM_FILE).stat().st_mtime_ns == written

    (tmp_path / NGRAM_FILE).unlink()  # run.json alone is no model
    assert train_ngram(RUN, SETTINGS, stream, tokenizer, tmp_path).identity == result.identity
    assert (tmp_path / NGRAM_FILE).is_file()
    smaller = train_ngram(RUN, SETTINGS.model_copy(update={"order": 3}), stream, tokenizer, tmp_path)
    assert smaller.identity != result.identity
    assert smaller.parameters < result.parameters
    other = train_ngram(RUN, SETTINGS, stream_of(SENTENCES[:-1], tokenizer), tokenizer, tmp_path)
    (tmp_path / "tokenizer").mkdir()
    content = (tokenizer / "tokenizer.json").read_text()
    (tmp_path / "tokenizer" / "tokenizer.json").write_text(f"{content}\n")
    renamed = train_ngram(RUN, SETTINGS, stream, tmp_path / "tokenizer", tmp_path)
    assert len({found.identity for found in (result, smaller, other, renamed)}) == 4


def test_texts_begin_after_an_end_of_text_and_contexts_condition(tokenizer: Path, tmp_path: Path) -> None:
    train_ngram(RUN, SETTINGS, stream_of(SENTENCES, tokenizer), tokenizer, tmp_path)
    scorer = open_ngram(tmp_path, tokenizer, end_of_text=0)
    text = SENTENCES[0]
    whole, known, unknown, nothing = scorer.negative_log_likelihoods(
        [("", text), (text[:20], text[20:]), ("", text[20:]), (text, "")]
    )
    assert nothing == 0
    assert known < unknown
    # Split where tokens end, the parts of a text make up the whole.
    (encoded,) = load_tokenizer(tokenizer).encode([text])
    cut = encoded.start(5)
    first, second = scorer.negative_log_likelihoods([("", text[:cut]), (text[:cut], text[cut:])])
    assert first + second == pytest.approx(whole, rel=1e-12)
    # Documents begin with "The" or "A": the end-of-text token says so.
    beginning, elsewhere = scorer.negative_log_likelihoods([("", "The"), ("x", "The")])
    assert beginning < elsewhere


def test_the_learning_curve_falls(tokenizer: Path) -> None:
    rng = np.random.default_rng(0)
    words = [word for sentence in SENTENCES[:3] for word in sentence.split()]
    texts = [" ".join(rng.choice(words, size=20)) for _ in range(120)]
    stream = stream_of(texts[1:], tokenizer)
    bigrams = SETTINGS.model_copy(update={"order": 2})
    nats = [
        ngram_after(tokens, bigrams, stream, tokenizer, 0).negative_log_likelihoods([("", texts[0])])[0]
        for tokens in (0, 50, 500, len(stream))
    ]
    (encoded,) = load_tokenizer(tokenizer).encode(texts[:1])
    assert nats[0] == pytest.approx(len(encoded) * math.log(vocabulary_size(tokenizer)))  # it has read nothing
    assert nats == sorted(nats, reverse=True)


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefinerError, match=r"tokenizer\.json cannot be read"):
        vocabulary_size(tmp_path)
