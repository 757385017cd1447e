"""Contrasts: the primary ones that were named before the run, and all others, which are exploratory."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from prox_assets.proof.settings import OracleArm, ProofSettings, RandomArm, RawArm, RefinedArm, RulesArm
from prox_assets.proof.statistics.best_rules import BEST_RULES, with_best_rules
from prox_assets.proof.statistics.findings import Comparison
from prox_assets.proof.statistics.intervals import Interval, holm, intervals
from prox_assets.proof.statistics.scores import Cell, Scores
from prox_assets.proof.statistics.verdicts import sentence, too_small, verdict_of

DECIDING = "bits_per_byte"

Pair = tuple[str, str]
Key = tuple[str, str, str, str]
"""Model, budget, evaluation set and measure."""


@dataclass(frozen=True)
class _Compared:
    """A contrast before its verdict."""

    pair: Pair
    key: Key
    primary: bool
    cell: Cell | None
    seeds: tuple[int, ...]
    chosen: tuple[str, ...]
    found: Interval | None
    reasons: tuple[str, ...]


def gains(cell: Cell, pairs: Iterable[Pair], seed: int) -> dict[Pair, Interval]:
    """Return what the first arm of each pair is better by, in the pair's shared seeds.

    Pairs without a shared seed are left out, and so are all pairs if there is a single site.
    """
    by_seeds: dict[tuple[int, ...], list[Pair]] = defaultdict(list)
    for pair in pairs:
        if shared := cell.shared_seeds(*pair):
            by_seeds[shared].append(pair)
    found: dict[Pair, Interval] = {}
    for seeds, group in by_seeds.items() if len(cell.sites) > 1 else ():
        sums = np.stack(
            [[cell.sign * (cell.sums[arm][n] - cell.sums[other][n]) for n in seeds] for arm, other in group]
        )
        found |= dict(zip(group, intervals(sums, cell.weights, seed), strict=True))
    return found


def compare_arms(
    settings: ProofSettings, scores: Scores, cells: Mapping[Key, Cell]
) -> tuple[tuple[Comparison, ...], tuple[Comparison, ...]]:
    """Return the primary contrasts and the exploratory ones.

    A contrast names two arms and an evaluation set. It is primary for every model that is trained on both, in bits per
    byte and under the first of the proof's budgets; Holm's adjustment is over all of these. Exploratory are the other
    budgets, measures and evaluation sets, every arm against raw, and every refined or oracle arm against its controls
    and the best rules.
    """
    primary = primary_pairs(settings)
    compared: list[_Compared] = []
    for key in dict.fromkeys((*primary, *cells)):
        named = primary.get(key, ())
        pairs = (*named, *(pair for pair in _exploratory(settings) if pair not in named))
        compared += _in_cell(settings, scores, key, cells.get(key), pairs, named)
    judged = [entry for entry in compared if entry.primary and entry.found and not entry.reasons]
    adjusted = dict(zip(map(id, judged), holm([entry.found.p for entry in judged if entry.found]), strict=True))
    said = [_finding(entry, adjusted.get(id(entry))) for entry in compared]
    return tuple(entry for entry in said if entry.primary), tuple(entry for entry in said if not entry.primary)


def primary_pairs(settings: ProofSettings) -> dict[Key, tuple[Pair, ...]]:
    """Return the pairs of arms that are primary, by model, budget, evaluation set and measure."""
    rules = [arm.name for arm in settings.arms if isinstance(arm, RulesArm)]
    found: dict[Key, tuple[Pair, ...]] = {}
    for contrast in settings.primary:
        for model in settings.models:
            trained = [arm.name for arm in settings.arms if model.arms is None or arm.name in model.arms]
            others = rules if contrast.against == BEST_RULES else [contrast.against]
            if contrast.arm in trained and any(other in trained for other in others):
                key = (model.name, settings.budgets[0], contrast.evaluation, DECIDING)
                found[key] = (*found.get(key, ()), (contrast.arm, contrast.against))
    return found


def _exploratory(settings: ProofSettings) -> list[Pair]:
    raw = [arm.name for arm in settings.arms if isinstance(arm, RawArm)]
    pairs = [(arm.name, other) for other in raw for arm in settings.arms if arm.name != other]
    for arm in settings.arms:
        if isinstance(arm, RefinedArm | OracleArm):
            pairs += [
                (arm.name, other.name)
                for other in settings.arms
                if isinstance(other, RandomArm) and other.like == arm.name
            ]
            if any(isinstance(other, RulesArm) for other in settings.arms):
                pairs.append((arm.name, BEST_RULES))
    return pairs


def _in_cell(
    settings: ProofSettings, scores: Scores, key: Key, cell: Cell | None, pairs: Sequence[Pair], named: Sequence[Pair]
) -> Iterable[_Compared]:
    chosen: tuple[str, ...] = ()
    found: dict[Pair, Interval] = {}
    if cell is not None:
        rules = [arm.name for arm in settings.arms if isinstance(arm, RulesArm)]
        cell, chosen = with_best_rules(cell, rules, settings.seed)
        found = gains(cell, pairs, settings.seed)
    for pair in pairs:
        seeds = cell.shared_seeds(*pair) if cell else ()
        if pair not in named and pair not in found:
            continue
        judges = chosen if pair[1] == BEST_RULES else ()
        reasons = (
            (*too_small(len(seeds), len(cell.sites)), *_not_learned(scores, (pair[0], *(judges or pair[1:])), key))
            if cell and seeds
            else (_not_measured(scores, pair, key),)
        )
        yield _Compared(pair, key, pair in named, cell, seeds, judges, found.get(pair), reasons)


def _not_learned(scores: Scores, arms: Iterable[str], key: Key) -> list[str]:
    model, budget = key[:2]
    return [
        f"{model} has not learned from {arm}: it predicts no better than a bigram model"
        for arm in dict.fromkeys(arms)
        if any(
            (run.arm, run.model, run.budget) == (arm, model, budget) and result.learned is False
            for run, result in scores.results.items()
        )
    ]


def _not_measured(scores: Scores, pair: Pair, key: Key) -> str:
    model, budget, evaluation, _ = key
    not_learned = _not_learned(scores, pair, key)
    if not_learned:
        return not_learned[0]
    unfinished = [run for run in scores.missing if (run.model, run.budget) == (model, budget) and run.arm in pair]
    if unfinished:
        return f"{len(unfinished)} of its models are not trained or not scored"
    if all(cell.evaluation != evaluation for cell in scores.cells):
        return (
            f"there is no evaluation set {evaluation}; say where it is (text.gold or evaluation.texts), or let another "
            "one decide (contrasts)"
        )
    return f"no model of both arms was scored on {evaluation} in bits per byte with the same seed"


def _finding(entry: _Compared, adjusted: float | None) -> Comparison:
    (arm, against), (model, budget, evaluation, measure), cell = entry.pair, entry.key, entry.cell
    found = entry.found
    verdict = "none"
    if found and not entry.reasons:
        verdict = verdict_of(found.mean, found.p if adjusted is None else adjusted)
    sites = len(cell.sites) if cell else 0
    return Comparison(
        arm=arm,
        against=against,
        model=model,
        budget=budget,
        evaluation=evaluation,
        measure=measure,
        primary=entry.primary,
        score=cell.score(arm, entry.seeds) if cell and entry.seeds else None,
        against_score=cell.score(against, entry.seeds) if cell and entry.seeds else None,
        gain=found.mean if found else None,
        low=found.low if found else None,
        high=found.high if found else None,
        p=found.p if found and verdict != "none" else None,
        adjusted_p=adjusted,
        detectable=found.detectable if found else None,
        seeds=len(entry.seeds),
        sites=sites,
        items=cell.items if cell else 0,
        chosen=entry.chosen,
        verdict=verdict,
        reasons=entry.reasons,
        sentence=sentence(
            arm,
            against,
            f"on {evaluation} ({model}, equal {budget})",
            measure,
            found,
            (len(entry.seeds), sites),
            verdict,
            entry.reasons,
            adjusted,
        ),
    )
