"""Refining against training: its share of the cost, and how much longer the raw text would have to be trained on.

Refining pays where a model trained on raw text needs so many more tokens for the same score that training on them
costs more than refining did (ProX, arXiv 2409.17115, section 5). How many it needs is read off the raw arm's learning
curve, between its points: beyond the last one nobody knows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp, log

from prox_assets.compute.flops import training_flops

Curve = Sequence[tuple[float, float]]
"""(training tokens, score), the score of one model as it is trained."""


def cost_ratio(refining: float, training: float, models: int = 1) -> float:
    """Return the cost of refining per cost of training, where several models are trained on what was refined.

    Args:
        refining: What refining costs, once, in any unit (operations, device-hours).
        training: What training one model costs, in the same unit.
        models: How many are trained.

    Raises:
        ValueError: Training costs nothing, or no model is trained.
    """
    if training <= 0 or models < 1:
        raise ValueError("a share of training needs a training that costs something, of at least one model")
    return refining / (models * training)


def break_even_tokens(refining: float, parameters: float, models: int = 1) -> float:
    """Return how many tokens of training cost as much as refining: refining / (6 N), per model.

    With ProX's estimate of refining, that is N_r (D_raw + D_doc) / (3 N).

    Args:
        refining: Operations of refining.
        parameters: N of the model that is trained, without embeddings.
        models: How many models share the cost.
    """
    return refining / training_flops(parameters, 1) / models


def tokens_to_reach(curve: Curve, score: float, *, lower_is_better: bool) -> float | None:
    """Return after how many tokens a learning curve first reaches a score; None if it does not.

    Between two points it is linear in the logarithm of tokens. Nothing is said about tokens before the first point or
    after the last: a curve that starts beyond the score reaches it at its first point.

    Raises:
        ValueError: The curve has no points, or tokens that are not positive.
    """
    points = sorted(curve)
    if not points or points[0][0] <= 0:
        raise ValueError("a learning curve needs points, each with a positive number of tokens")
    sign = -1 if lower_is_better else 1
    if sign * (points[0][1] - score) >= 0:
        return points[0][0]
    for (before, low), (after, high) in pairwise(points):
        if sign * (high - score) >= 0:
            part = (score - low) / (high - low)
            return exp(log(before) + part * (log(after) - log(before)))
    return None


@dataclass(frozen=True, slots=True)
class RawNeeds:
    """How many tokens a model on raw text needs for the score of one on refined text.

    Attributes:
        extra: Tokens beyond those of the model on refined text; if `reached` is false, it needs more than this.
        reached: Whether the raw curve reaches the score.
        pays: Whether refining pays; None if the curve ends before that is decided.
    """

    extra: float
    reached: bool
    pays: bool | None


def raw_needs(curve: Curve, score: float, tokens: float, break_even: float, *, lower_is_better: bool) -> RawNeeds:
    """Return what the raw arm's learning curve says about refining.

    Args:
        curve: The raw arm's.
        score: What the model on refined text has reached.
        tokens: Tokens that it was trained on.
        break_even: Extra tokens from which on refining pays (`break_even_tokens`).
        lower_is_better: Whether a lower score is better, as bits per byte are.

    Raises:
        ValueError: The curve has no points.
    """
    needed = tokens_to_reach(curve, score, lower_is_better=lower_is_better)
    if needed is not None:
        return RawNeeds(needed - tokens, reached=True, pays=needed - tokens > break_even)
    extra = max(point for point, _ in curve) - tokens
    return RawNeeds(extra, reached=False, pays=True if extra > break_even else None)
