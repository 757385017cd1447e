"""Refining against training: its share of the cost, and how much longer the raw text would have to be trained on.

Refining pays where a model trained on raw text needs so many more tokens for the same score that training on them
costs more than refining did (ProX, arXiv 2409.17115, section 5). How many it needs is read off the raw arm's learning
curve, between its points: beyond the last one nobody knows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp, log
from typing import Literal

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
    """Return after how many tokens a learning curve first reaches a score, or None where it does not say.

    Between two points, the score is taken to be linear in the logarithm of the tokens, as a power law nearly is over so
    short a way (Kaplan et al., arXiv 2001.08361, section 3). Nothing is extrapolated: None for a score that is better
    than all of the curve, or worse than its first point.

    Args:
        curve: Points with a positive number of tokens, in any order; others are left out.
        score: The score to reach.
        lower_is_better: Whether less is better.
    """
    sign = -1 if lower_is_better else 1
    points = sorted((log(tokens), sign * value) for tokens, value in curve if tokens > 0)
    wanted = sign * score
    for (before, low), (after, high) in pairwise(points):
        if low <= wanted <= high and low < high:
            return exp(before + (after - before) * (wanted - low) / (high - low))
    return None


@dataclass(frozen=True, slots=True)
class RawNeeds:
    """How many tokens a model on raw text needs for the score of one on refined text.

    Attributes:
        tokens: The tokens that it needs, or those at an end of its curve.
        bound: "exact" if the curve reaches the score there, "less" if it begins there with a better one, "more" if it
            ends there without it.
        pays: Whether refining pays; None if the curve does not decide it.
    """

    tokens: float
    bound: Literal["exact", "less", "more"]
    pays: bool | None


def raw_needs(curve: Curve, score: float, tokens: float, break_even: float, *, lower_is_better: bool) -> RawNeeds:
    """Return what the raw arm's learning curve says about refining.

    Args:
        curve: The raw arm's; it has points, each with a positive number of tokens.
        score: What the model on refined text has reached.
        tokens: Tokens that it was trained on.
        break_even: Extra tokens from which on refining pays (`break_even_tokens`).
        lower_is_better: Whether a lower score is better, as bits per byte are.
    """
    needed = tokens_to_reach(curve, score, lower_is_better=lower_is_better)
    if needed is not None:
        return RawNeeds(needed, "exact", needed - tokens > break_even)
    (first, begins), (last, _) = min(curve), max(curve)
    if begins < score if lower_is_better else begins > score:
        return RawNeeds(first, "less", None if first - tokens > break_even else False)
    return RawNeeds(last, "more", True if last - tokens > break_even else None)
