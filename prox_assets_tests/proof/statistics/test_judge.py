"""Verdicts on proofs that are written as files, with effects that are known."""

import numpy as np
import polars as pl
import pytest

from prox_assets.proof.runs import ModelRun
from prox_assets.proof.statistics.best_rules import with_best_rules
from prox_assets.proof.statistics.break_even import RefiningCost
from prox_assets.proof.statistics.findings import Comparison, Findings
from prox_assets.proof.statistics.judge import judge
from prox_assets.proof.statistics.scores import Cell, ScoresError, read_scores
from prox_assets_tests.proof.scored_proofs import TINY, Effects, settings_of, write_proof

GAINS = {"refined": 0.05, "refined_random_lines": 0.03, "gopher": 0.01, "c4": -0.05, "oracle": 0.07}
KNOWN = Effects(GAINS)


def findings(folder, settings=None, effects=KNOWN, refining=None) -> Findings:
    settings = settings or settings_of()
    return judge(settings, read_scores(settings, write_proof(folder, settings, effects)), refining)


def one(found: tuple[Comparison, ...], arm: str, against: str, model: str = "4gram", **rest: str) -> Comparison:
    [match] = [
        entry
        for entry in found
        if (entry.arm, entry.against, entry.model) == (arm, against, model)
        and all(getattr(entry, name) == value for name, value in rest.items())
    ]
    return match


def known(*values: float | None) -> list[float]:
    assert None not in values
    return [value for value in values if value is not None]


def test_primary_contrasts_say_by_how_much_and_how_sure(tmp_path):
    found = findings(tmp_path)
    assert len(found.primary) == 8  # raw, two controls and the best rules, for two models
    against = one(found.primary, "refined", "refined_random_lines")
    assert against.verdict == "better"
    gain, low, high, p, adjusted, score, other = known(
        *(against.gain, against.low, against.high, against.p, against.adjusted_p),
        *(against.score, against.against_score),
    )
    assert gain == pytest.approx(0.02, abs=0.008)
    assert low < gain < high
    assert adjusted > p
    assert against.sentence.startswith(
        f"refined is better than refined_random_lines on gold (4gram, equal tokens) by {gain:.4f} bits per byte "
        f"(95 % {low:.4f} to {high:.4f}, 3 orders, 40 sites); adjusted p "
    )
    assert other - score == pytest.approx(gain)


def test_all_else_is_exploratory_and_not_adjusted(tmp_path):
    found = findings(tmp_path).exploratory
    assert all(entry.adjusted_p is None and not entry.primary for entry in found)
    worse = one(found, "c4", "raw", evaluation="gold")
    assert worse.verdict == "worse"
    assert "worse than raw" in worse.sentence
    assert "not adjusted" in worse.sentence
    # On raw text, what is better on gold loses.
    assert one(found, "oracle", "raw", evaluation="raw").verdict == "worse"
    quiz = one(found, "refined", "raw", evaluation="quiz")
    gain, score, other = known(quiz.gain, quiz.score, quiz.against_score)
    assert gain == pytest.approx(score - other)


def test_equal_arms_cannot_be_told_apart(tmp_path):
    found = one(findings(tmp_path, effects=Effects()).primary, "refined", "raw")
    assert found.verdict == "undecided"
    assert "cannot be told apart" in found.sentence
    assert f"{found.detectable:.4f} would be seen in four experiments of five" in found.sentence


def test_the_best_rules_are_chosen_on_the_other_half_of_the_sites(tmp_path):
    found = one(findings(tmp_path).primary, "refined", "best_rules")
    assert found.chosen == ("gopher", "gopher")
    assert found.gain == pytest.approx(0.04, abs=0.012)


def test_the_best_of_equal_rules_is_not_better_by_luck():
    rng = np.random.default_rng(8)
    names = [f"rules{number}" for number in range(6)]
    sites = tuple(f"site{number}" for number in range(40))
    scores, luckiest = [], []
    for number in range(200):
        sums = {name: {0: rng.normal(0, 1, 40)} for name in names}
        cell = Cell("m", "tokens", "gold", "bits_per_byte", sites, 40, np.ones(40), sums)
        together, chosen = with_best_rules(cell, names, number)
        assert set(chosen) <= set(names)
        scores.append(together.score("best_rules"))
        luckiest.append(min(cell.score(name) for name in names))
    assert np.mean(luckiest) < -0.15
    assert abs(np.mean(scores)) < 3 * np.std(scores) / 200**0.5


def test_too_few_sites_or_seeds_give_no_verdict(tmp_path):
    small = one(findings(tmp_path / "a", effects=Effects(GAINS, sites=6)).primary, "refined", "raw")
    assert (small.verdict, small.p) == ("none", None)
    assert "too small to conclude: 6 sites where a verdict needs 10" in small.sentence
    single = settings_of(models=[{"kind": "ngram", "seeds": 1}])
    found = one(findings(tmp_path / "b", single).primary, "refined", "raw")
    assert found.reasons == ("too small to conclude: 1 order where a verdict needs 2",)


def test_models_that_have_not_learned_give_no_verdict(tmp_path):
    found = findings(tmp_path, effects=Effects(GAINS, not_learned=("refined_random_lines",)))
    gated = one(found.primary, "refined", "refined_random_lines", model="tiny")
    assert gated.verdict == "none"
    assert "predicts no better than a bigram model" in gated.sentence
    assert one(found.primary, "refined", "raw", model="tiny").verdict == "better"
    assert found.not_learned == tuple(f"refined_random_lines/tiny-tokens-{seed}" for seed in range(3))
    # Holm is over the seven that are judged.
    assert max(entry.adjusted_p / entry.p for entry in found.primary if entry.p and entry.adjusted_p) == (
        pytest.approx(7)
    )


def test_models_that_are_missing_are_named(tmp_path):
    found = findings(tmp_path, effects=Effects(GAINS, untrained=(("refined", "tiny"),)))
    assert found.missing == tuple(f"refined/tiny-tokens-{seed}" for seed in range(3))
    assert "3 of its models are not trained or not scored" in one(found.primary, "refined", "raw", "tiny").sentence
    assert one(found.primary, "refined", "raw").verdict == "better"


def test_an_evaluation_set_that_is_not_there_is_named(tmp_path):
    settings = settings_of(contrasts=[{"arm": "refined", "against": "raw", "evaluation": "books"}])
    assert "there is no evaluation set books" in findings(tmp_path, settings).primary[0].sentence


def test_one_arm_against_itself_differs_by_noise(tmp_path):
    settings = settings_of(models=[{"kind": "ngram", "seeds": 4}])
    [found] = findings(tmp_path, settings, Effects(noise_of_seeds=0.01)).repeats
    assert (found.arm, found.seeds) == ("raw", 2)
    assert found.low <= found.difference <= found.high
    assert 0 < abs(found.difference) <= found.largest < 0.05


def test_sizes_agree_where_the_larger_one_tells_arms_apart(tmp_path):
    [found] = findings(tmp_path).agreements
    assert (found.small, found.large) == ("4gram", "tiny")
    assert found.agreed == found.counted < found.pairs == 28


def test_tokens_saved_are_read_off_the_curves_and_never_beyond(tmp_path):
    costs = {"refined": RefiningCost(flops=6e10), "oracle": RefiningCost(flops=6e13)}
    found = {(entry.arm, entry.model): entry for entry in findings(tmp_path, refining=costs).break_even}
    refined = found["refined", "tiny"]
    # A doubling of tokens is worth 0.4 bits here, so 0.05 bits are worth a factor of 2 ** (0.05 / 0.4).
    assert refined.reached_after == pytest.approx(1e6 / 2 ** (0.05 / 0.4), rel=0.03)
    assert refined.raw_needs is None
    assert refined.cost_in_tokens == pytest.approx(10_000)
    assert refined.cost_ratio == pytest.approx(0.01)
    assert "beyond the curve of raw" in refined.sentence
    assert refined.sentence.endswith("pays.")
    assert found["oracle", "tiny"].sentence.endswith("does not pay.")
    assert found["oracle", "4gram"].cost_in_tokens is None  # no FLOPs to compare with
    assert found["c4", "tiny"].reached_after is None
    assert "does not reach" in found["c4", "tiny"].sentence


def test_a_curve_that_begins_beyond_raw_saves_at_least_so_much(tmp_path):
    every = findings(tmp_path, effects=Effects({"oracle": 2.0, "c4": -2.0})).break_even
    [found] = [entry for entry in every if (entry.arm, entry.model) == ("oracle", "4gram")]
    assert found.saved == 750_000
    assert "it saves at least 750,000 tokens" in found.sentence
    [found] = [entry for entry in every if (entry.arm, entry.model) == ("c4", "4gram")]
    assert found.sentence.endswith("raw has after 250,000 tokens or fewer.")


def test_scores_on_other_texts_are_refused(tmp_path):
    settings = settings_of()
    folder = write_proof(tmp_path, settings, Effects())
    path = folder.scores(ModelRun("refined", "4gram", "tokens", 0))
    rows = pl.read_parquet(path)
    rows.filter(pl.col("item") != "page3").write_parquet(path)
    with pytest.raises(ScoresError, match=r"refined/4gram-tokens-0 was not scored on the same texts of gold"):
        judge(settings, read_scores(settings, folder))
    pl.concat([rows, rows.head(1)]).write_parquet(path)
    with pytest.raises(ScoresError, match=r"4gram-tokens-0.parquet scores the item page0 of gold .* twice"):
        read_scores(settings, folder)
    path.write_bytes(b"no parquet")
    with pytest.raises(ScoresError, match="score the model again"):
        read_scores(settings, folder)


def test_a_model_that_has_diverged_has_not_learned(tmp_path):
    settings = settings_of()
    folder = write_proof(tmp_path, settings, Effects(GAINS))
    run = ModelRun("refined", "tiny", "tokens", 1)
    pl.read_parquet(folder.scores(run)).with_columns(value=pl.lit(float("nan"))).write_parquet(folder.scores(run))
    found = judge(settings, read_scores(settings, folder))
    assert found.not_learned == ("refined/tiny-tokens-1",)
    assert one(found.primary, "refined", "raw", "tiny").verdict == "none"


def test_a_proof_without_models_says_nothing(tmp_path):
    settings = settings_of()
    folder = write_proof(tmp_path, settings, Effects(untrained=tuple((arm.name, "tiny") for arm in settings.arms)))
    nothing = settings_of(models=[TINY])
    found = judge(nothing, read_scores(nothing, folder))
    assert {entry.verdict for entry in found.primary} == {"none"}
    assert found.exploratory == found.repeats == found.agreements == found.break_even == ()
