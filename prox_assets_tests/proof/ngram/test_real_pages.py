"""n-gram models on real pages: what labels remove helps more than what chance removes."""

import os
from pathlib import Path
from random import Random

import numpy as np
import polars as pl
import pytest

from prox_assets.proof.ngram.scorer import NgramScorer
from prox_assets.refiners.model.tokenization import load_tokenizer
from prox_assets.refiners.ngram.model import fit
from prox_assets.training.data.vocabulary import train_tokenizer

VOCABULARY = 2048


def main_lines(text: str, labels: list[int]) -> str:
    return "\n".join(line for line, label in zip(text.split("\n"), labels, strict=True) if label != 0)


def random_lines(text: str, characters: int, random: Random) -> str:
    lines = text.split("\n")
    order = random.sample(range(len(lines)), len(lines))
    kept = set(order)
    size = len(text)
    while size > characters and order:
        line = order.pop()
        kept.remove(line)
        size -= len(lines[line]) + 1
    return "\n".join(lines[line] for line in sorted(kept))


@pytest.mark.skipif("PROX_LABELLED_PAGES" not in os.environ, reason="PROX_LABELLED_PAGES names no labelled pages")
def test_perfect_labels_beat_as_much_text_removed_at_random_and_both_beat_raw_text(tmp_path: Path) -> None:
    columns = ["site", "gold", "text_full", "keep_full"]
    pages = pl.read_parquet(Path(os.environ["PROX_LABELLED_PAGES"]), columns=columns)
    random = Random(0)
    sites = sorted(pages["site"].unique())
    random.shuffle(sites)
    known, new = sites[:600], sites[600:800]
    training = pages.filter(pl.col("site").is_in(known)).sample(fraction=1, shuffle=True, seed=0)
    evaluation = pages.filter(pl.col("site").is_in(new), pl.col("gold").str.len_chars() > 200)["gold"].to_list()
    raw = training["text_full"].to_list()
    labels = training["keep_full"].to_list()
    oracle = [main_lines(text, own) for text, own in zip(raw, labels, strict=True)]
    chance = [random_lines(text, len(kept), random) for text, kept in zip(raw, oracle, strict=True)]

    train_tokenizer(raw[:150], VOCABULARY, (), 1 << 20).save_pretrained(tmp_path)
    tokenizer = load_tokenizer(tmp_path)
    (end,) = tokenizer.end_token_ids
    requests = [("", text[:3000]) for text in evaluation]
    nats = {}
    for name, texts in (("raw", raw), ("chance", chance), ("oracle", oracle)):
        documents = [[*text.token_ids[:800], end] for text in tokenizer.encode([text[:6000] for text in texts])]
        stream = np.concatenate([np.array(ids) for ids in documents if len(ids) > 1])[:300_000]
        assert len(stream) == 300_000
        model = fit(stream, 4, 0.75, VOCABULARY)
        nats[name] = sum(NgramScorer(model, tokenizer, end).negative_log_likelihoods(requests))
    assert nats["oracle"] < nats["chance"] < nats["raw"]
