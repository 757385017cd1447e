"""Selectors: what they prefer, what their scores are, and that they survive being stored."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from prox_assets.proof.selectors import perplexity
from prox_assets.proof.selectors.selector import fit_selector, open_selector
from prox_assets.proof.selectors.settings import (
    DsirSettings,
    EducationalSettings,
    FasttextSettings,
    LinearSettings,
    PerplexitySettings,
    SelectorSettings,
    TargetFile,
)
from prox_assets.proof.selectors.target import read_target
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.selector.dsir import DsirRecord, DsirSelector, bucket_counts
from prox_assets.refiners.selector.perplexity import PerplexitySelector

PROSE = ["river", "mill", "stone", "meadow", "winter", "museum", "family", "story", "water", "town", "hill", "bridge"]
MENU = ["home", "login", "cart", "share", "cookies", "subscribe", "price", "basket", "privacy", "terms", "sale"]
FITTED: list[SelectorSettings] = [
    DsirSettings(kind="dsir"),
    PerplexitySettings(kind="perplexity", vocabulary=400, order=3),
    LinearSettings(kind="linear"),
]


def texts_of(words: Sequence[str], count: int, seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    return ["\n".join(" ".join(rng.choice(words, size=12)) + "." for _ in range(4)) for _ in range(count)]


TARGET = texts_of(PROSE, 40, 0)
RAW = [*texts_of(PROSE, 20, 1), *texts_of(MENU, 40, 2)]
GOOD, BAD = texts_of(PROSE, 15, 3), texts_of(MENU, 15, 4)
ODD = ["", " \n ", "数据清洗很重要。", "a\ud800b", "x" * 5000]


@pytest.mark.parametrize("settings", FITTED, ids=lambda settings: settings.kind)
def test_a_fitted_selector_prefers_new_target_text_and_is_the_same_when_opened(
    settings: SelectorSettings, tmp_path: Path
) -> None:
    fitted = fit_selector(settings, TARGET, RAW, tmp_path / "a", seed=0)
    assert min(fitted.score(GOOD)) > max(fitted.score(BAD))
    texts = [*GOOD, *ODD]
    scores = fitted.score(texts)
    assert np.isfinite(scores).all()
    assert open_selector(tmp_path / "a").score(texts) == scores
    assert [fitted.score([text])[0] for text in texts] == pytest.approx(scores, rel=1e-5)  # batches change nothing
    again = fit_selector(settings, TARGET, RAW, tmp_path / "b", seed=0)
    assert again.score(texts) == scores
    assert fitted.name == settings.kind


@pytest.mark.parametrize("settings", FITTED, ids=lambda settings: settings.kind)
@pytest.mark.parametrize(("target", "raw", "what"), [([" "], RAW, "target"), (TARGET, [], "corpus")])
def test_nothing_to_fit_to_is_refused(settings, target, raw, what, tmp_path: Path) -> None:
    with pytest.raises(RefinerError, match=f"{settings.kind} has no {what} texts"):
        fit_selector(settings, target, raw, tmp_path, seed=0)


def test_dsir_scores_are_sums_of_log_ratios_of_shares() -> None:
    record = DsirRecord(ngrams=2, buckets=10_000, gumbel=False, seed=0)
    selector = DsirSelector.fit(["The mill. A mill?"], ["A cart, the cart"], record)
    # Of n-grams: the, mill, ., a, ?, "the mill", "mill .", ". a", "a mill", "mill ?" with mill twice;
    # a, cart, ",", the, "a cart", "cart ,", ", the", "the cart" with cart twice.
    target, raw = 11, 9
    expected = math.log(2 / target + 1e-8) - math.log(1e-8)  # mill
    expected += math.log(1 / target + 1e-8) - math.log(1 / raw + 1e-8)  # the
    expected += math.log(1 / target + 1e-8) - math.log(1e-8)  # the mill
    assert selector.score(["THE MILL"]) == pytest.approx([expected])


def test_dsir_has_the_features_of_the_package() -> None:
    package = pytest.importorskip("data_selection.hashed_ngram_dsir")
    record = DsirRecord(ngrams=2, buckets=10_000, gumbel=False, seed=0)
    for text in [*RAW[::10], "It's 3.5 %, isn't it?  “Naïve” 数据 — e-mail:a_b@c.org", *ODD[:3]]:
        theirs = package.get_ngram_counts(text, n=2, num_buckets=10_000)
        ours = bucket_counts([text], record)
        assert {bucket: theirs[bucket] for bucket in np.flatnonzero(theirs)} == ours


def test_gumbel_noise_makes_the_best_a_sample_in_proportion_to_the_weights() -> None:
    record = DsirRecord(ngrams=1, buckets=10_000, gumbel=True, seed=0)
    texts = ["seven", *MENU[:7]]
    ratios = np.zeros(10_000)
    ratios[next(iter(bucket_counts(texts[:1], record)))] = math.log(7)
    wins = []
    for seed in range(1000):
        selector = DsirSelector(record.model_copy(update={"seed": seed}), ratios)
        scores = selector.score(texts)
        assert selector.score(texts[1:]) == scores[1:]
        wins.append(scores[0] == max(scores))
    assert np.mean(wins) == pytest.approx(7 / 14, abs=0.05)


def test_perplexity_is_that_of_the_target_and_each_third_comes_first(tmp_path: Path) -> None:
    raw = [*texts_of(PROSE, 20, 5), *texts_of([*PROSE, *MENU], 20, 6), *texts_of(MENU, 20, 7)]
    chosen = {}
    for third in ("head", "middle", "tail"):
        settings = PerplexitySettings(kind="perplexity", vocabulary=400, order=3, third=third)
        scores = fit_selector(settings, TARGET, raw, tmp_path / third, seed=0).score(raw)
        chosen[third] = set(np.argsort(scores)[-20:].tolist())
    assert chosen["head"] == set(range(20))
    assert chosen["tail"] == set(range(40, 60))
    assert len(chosen["middle"] & set(range(20, 40))) >= 18
    head = PerplexitySelector.load(tmp_path / "head")
    (text,) = head.tokenizer.encode(raw[:1])
    (logs,) = head.model.log_probabilities([np.array([*head.tokenizer.end_token_ids, *text.token_ids])])
    assert head.score(raw[:1]) == [pytest.approx(logs[1:].mean())]


def test_perplexity_learns_from_a_sample_of_a_large_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perplexity, "TARGET_CHARACTERS", sum(map(len, TARGET)) // 2)
    settings = PerplexitySettings(kind="perplexity", vocabulary=400, order=3)
    tokens = {}
    for seed in (0, 1):
        fit_selector(settings, TARGET, RAW, tmp_path / str(seed), seed)
        tokens[seed] = PerplexitySelector.load(tmp_path / str(seed)).model.unigrams
    ends = [counts[0] - 1 for counts in tokens.values()]  # one comes before the first text
    assert all(len(TARGET) * 0.4 < count < len(TARGET) * 0.6 for count in ends)
    assert tokens[0].tolist() != tokens[1].tolist()


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random classifier with one output."""
    from transformers import AutoConfig, BertForSequenceClassification, set_seed

    from prox_assets.training.data.vocabulary import train_tokenizer

    folder = tmp_path_factory.mktemp("bert")
    tokenizer = train_tokenizer(RAW, 300, ["<pad>"], 64)
    tokenizer.pad_token = "<pad>"  # noqa: S105 (a token of the vocabulary)
    tokenizer.save_pretrained(folder)
    set_seed(0)
    config = AutoConfig.for_model(
        "bert",
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
        num_labels=1,
        initializer_range=0.5,
        pad_token_id=tokenizer.pad_token_id,
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    return folder


def test_an_educational_classifier_gives_the_marks_of_its_model(bert: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    settings = EducationalSettings(kind="educational", model=str(bert), tokens=64)
    selector = fit_selector(settings, [], [], tmp_path, seed=0)
    texts = [*GOOD[:9], *BAD[:9], "short"]
    tokenizer = AutoTokenizer.from_pretrained(bert)
    model = AutoModelForSequenceClassification.from_pretrained(bert).eval()
    with torch.inference_mode():
        expected = [
            model(**tokenizer(text, return_tensors="pt", truncation=True, max_length=64)).logits.item()
            for text in texts
        ]
    assert selector.score(texts) == pytest.approx(expected, abs=1e-4)
    assert np.std(expected) > 1e-3
    (bert / "generation_config.json").write_text("{}")
    try:
        with pytest.raises(RefinerError, match="is another model than the one of the selector"):
            open_selector(tmp_path).score(["x"])
    finally:
        (bert / "generation_config.json").unlink()


def test_a_classifier_with_several_outputs_is_refused(tmp_path: Path) -> None:
    from transformers import AutoConfig, BertForSequenceClassification

    from prox_assets.training.data.vocabulary import train_tokenizer

    train_tokenizer(RAW, 300, [], 64).save_pretrained(tmp_path / "bert")
    config = AutoConfig.for_model(
        "bert",
        vocab_size=300,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        num_labels=3,
    )
    BertForSequenceClassification(config).save_pretrained(tmp_path / "bert")
    settings = EducationalSettings(kind="educational", model=str(tmp_path / "bert"))
    selector = fit_selector(settings, [], [], tmp_path / "selector", seed=0)
    with pytest.raises(RefinerError, match="has 3 outputs"):
        selector.score(["x"])


def test_a_fasttext_model_needs_its_file_and_the_package(tmp_path: Path) -> None:
    file = tmp_path / "model.bin"
    settings = FasttextSettings(kind="fasttext", model=str(file))
    with pytest.raises(RefinerError, match="there is no fastText model"):
        fit_selector(settings, [], [], tmp_path / "selector", seed=0)
    file.write_bytes(b"no model")
    selector = fit_selector(settings, [], [], tmp_path / "selector", seed=0)
    with pytest.raises(RefinerError, match=r"extra `fasttext`|is no fastText model"):
        selector.score(["x"])


def test_folders_without_a_whole_selector_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RefinerError, match=r"holds no selector\.json"):
        open_selector(tmp_path)
    (tmp_path / "selector.json").write_text('{"kind": "luck"}')
    with pytest.raises(RefinerError, match="names the kind luck"):
        open_selector(tmp_path)
    fit_selector(FITTED[0], TARGET, RAW, tmp_path, seed=0)
    (tmp_path / "arrays.safetensors").unlink()
    with pytest.raises(RefinerError, match="Fit the selector again"):
        open_selector(tmp_path)


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl"])
def test_target_texts_come_from_a_file(suffix: str, tmp_path: Path) -> None:
    import polars as pl

    rows = pl.DataFrame({"body": ["one", None, " ", "two"], "n": [1, 2, 3, 4]})
    file = tmp_path / f"target{suffix}"
    rows.write_parquet(file) if suffix == ".parquet" else rows.write_ndjson(file)
    assert read_target(TargetFile(path=str(file), column="body")) == ["one", "two"]
    for wrong in (TargetFile(path=str(file)), TargetFile(path=str(tmp_path / f"none{suffix}"))):
        with pytest.raises(RefinerError, match="target texts cannot be read"):
            read_target(wrong)
