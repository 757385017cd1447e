"""Judges a proof: contrasts, A/A, decision accuracy, and what refining saves."""

from collections.abc import Collection, Iterator, Mapping
from itertools import combinations

import numpy as np
import polars as pl

from prox_assets.compute.break_even import break_even_tokens, cost_ratio, tokens_to_reach
from prox_assets.proof.results import TrainedModel
from prox_assets.proof.runs import ModelRun
from prox_assets.proof.settings import NgramModel, ProofSettings, RawArm
from prox_assets.proof.statistics.best_rules import BEST_RULES
from prox_assets.proof.statistics.break_even import BreakEven, RefiningCost, in_words
from prox_assets.proof.statistics.contrasts import DECIDING, Key, compare_arms, gains
from prox_assets.proof.statistics.findings import Agreement, Findings, Repeat
from prox_assets.proof.statistics.intervals import intervals
from prox_assets.proof.statistics.scores import LOWER_IS_BETTER, Cell, Scores


def judge(settings: ProofSettings, scores: Scores, refining: Mapping[str, RefiningCost] | None = None) -> Findings:
    """Return everything that the statistics say about a proof.

    Args:
        settings: Settings of the proof.
        scores: Its scores.
        refining: What refining cost, by arm.

    Raises:
        ScoresError: Models were scored on different texts.
    """
    cells: dict[Key, Cell] = {(cell.model, cell.budget, cell.evaluation, cell.measure): cell for cell in scores.cells}
    primary, exploratory = compare_arms(settings, scores, cells)
    deciding = [cell for cell in cells.values() if cell.evaluation in _deciding(settings) and cell.measure == DECIDING]
    return Findings(
        primary=primary,
        exploratory=exploratory,
        repeats=tuple(_repeats(settings, deciding)),
        agreements=tuple(_agreements(settings, scores, deciding)),
        break_even=tuple(_break_even(settings, scores, refining or {})),
        missing=tuple(f"{run.arm}/{run.variant}" for run in scores.missing),
        not_learned=tuple(_learned(scores, False, [model.name for model in settings.models])),
        unknown_learning=tuple(_learned(scores, None, [m.name for m in settings.models if m.kind != "ngram"])),
    )


def raw_arm(settings: ProofSettings) -> str:
    """Return the arm that others are measured by: the raw one, or the first if there is none."""
    return next((arm.name for arm in settings.arms if isinstance(arm, RawArm)), settings.arms[0].name)


def _deciding(settings: ProofSettings) -> set[str]:
    return {contrast.evaluation for contrast in settings.primary} or {"gold"}


def _learned(scores: Scores, learned: bool | None, models: Collection[str]) -> Iterator[str]:
    return (
        f"{run.arm}/{run.variant}"
        for run, result in scores.results.items()
        if result.learned is learned and run.model in models
    )


def _repeats(settings: ProofSettings, cells: list[Cell]) -> Iterator[Repeat]:
    """Yield A/A comparisons of the raw arm: its even seeds against its odd ones, which nothing pairs.

    The difference of paired arms is less noisy than this, because their models share order and initial weights: a gain
    within the A/A difference may still be real, one far beyond it is no noise of training.
    """
    arm = raw_arm(settings)
    for cell in cells:
        rows = [cell.sums[arm][seed] for seed in sorted(cell.sums.get(arm, ()))]
        half = len(rows) // 2
        if not half or len(cell.sites) < 2:
            continue
        differences = np.stack([rows[2 * place] - rows[2 * place + 1] for place in range(half)])
        [found] = intervals(differences[None], cell.weights, settings.seed)
        totals = [row.sum() / cell.weights.sum() for row in rows]
        yield Repeat(
            arm=arm,
            model=cell.model,
            budget=cell.budget,
            evaluation=cell.evaluation,
            measure=cell.measure,
            seeds=half,
            difference=found.mean,
            low=found.low,
            high=found.high,
            largest=float(max(totals) - min(totals)),
        )


def _agreements(settings: ProofSettings, scores: Scores, cells: list[Cell]) -> Iterator[Agreement]:
    sizes = _by_size(settings, scores)
    for small, large in combinations(cells, 2):
        if (small.budget, small.evaluation) != (large.budget, large.evaluation):
            continue
        if sizes.index(small.model) > sizes.index(large.model):
            small, large = large, small
        arms = [arm.name for arm in settings.arms if arm.name in small.sums and arm.name in large.sums]
        pairs = list(combinations(arms, 2))
        told_apart = {pair for pair, found in gains(large, pairs, settings.seed).items() if found.low * found.high > 0}
        alike = {
            (one, other)
            for one, other in pairs
            if (small.score(one) - small.score(other)) * (large.score(one) - large.score(other)) > 0
        }
        if pairs:
            yield Agreement(
                small=small.model,
                large=large.model,
                budget=large.budget,
                evaluation=large.evaluation,
                measure=large.measure,
                agreed=len(alike & told_apart),
                counted=len(told_apart),
                agreed_of_all=len(alike),
                pairs=len(pairs),
            )


def _by_size(settings: ProofSettings, scores: Scores) -> list[str]:
    """Return the models, smallest first; n-gram models, whose parameters are counts, come before all others."""
    largest: dict[str, int] = {}
    for run, result in scores.results.items():
        largest[run.model] = max(largest.get(run.model, 0), result.parameters)
    return sorted(
        (model.name for model in settings.models),
        key=lambda name: (not isinstance(settings.model(name), NgramModel), largest.get(name, 0)),
    )


def _break_even(settings: ProofSettings, scores: Scores, refining: Mapping[str, RefiningCost]) -> Iterator[BreakEven]:
    raw = raw_arm(settings)
    means = (
        scores.curves.filter(
            pl.col("evaluation").is_in(sorted(_deciding(settings))),
            pl.col("measure") == DECIDING,
            pl.col("budget") == "tokens",
            pl.col("tokens") > 0,
        )
        .group_by("arm", "model", "budget", "evaluation", "tokens")
        .agg(pl.col("score").mean())
        .sort("tokens")
    )
    curves = {
        (str(arm), *map(str, where)): list(zip(rows["tokens"], rows["score"], strict=True))
        for (arm, *where), rows in means.partition_by("arm", "model", "budget", "evaluation", as_dict=True).items()
    }
    down = DECIDING in LOWER_IS_BETTER
    for arm in settings.arms:
        for (name, *where), curve in sorted(curves.items()):
            of_raw = curves.get((raw, *where))
            if name != arm.name or name in (raw, BEST_RULES) or of_raw is None or min(len(curve), len(of_raw)) < 2:
                continue
            model, budget, evaluation = where
            tokens, score = of_raw[-1]
            sign = -1 if down else 1
            early, raw_early = sign * (curve[0][1] - score) > 0, sign * (of_raw[0][1] - curve[-1][1]) > 0
            reached = curve[0][0] if early else tokens_to_reach(curve, score, lower_is_better=down)
            needed = of_raw[0][0] if raw_early else tokens_to_reach(of_raw, curve[-1][1], lower_is_better=down)
            ratio, cost = _costs(scores.results, arm.name, model, refining.get(arm.name))
            found = BreakEven(
                arm=arm.name,
                raw=raw,
                model=model,
                budget=budget,
                evaluation=evaluation,
                raw_tokens=tokens,
                reached_after=reached,
                raw_needs=needed,
                cost_ratio=ratio,
                cost_in_tokens=cost,
                saved=None if reached is None else tokens - reached,
            )
            yield found.model_copy(update={"sentence": in_words(found, early=early, raw_early=raw_early)})


def _costs(
    results: Mapping[ModelRun, TrainedModel], arm: str, model: str, refining: RefiningCost | None
) -> tuple[float | None, float | None]:
    """Return what refining cost per training of one model, and as tokens of training."""
    trained = next((result for run, result in results.items() if (run.arm, run.model) == (arm, model)), None)
    # An n-gram model has no FLOPs that refining could be compared with.
    if refining is None or trained is None or not trained.flops:
        return None, None
    return (
        cost_ratio(refining.flops, trained.flops),
        break_even_tokens(refining.flops, trained.parameters_without_embeddings),
    )
