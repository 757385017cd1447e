"""What refining saves: tokens of training, read off learning curves, against what refining costs."""

import math
from collections.abc import Sequence
from itertools import pairwise

from pydantic import BaseModel, ConfigDict, Field


class RefiningCost(BaseModel):
    """What it took to make an arm's text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    flops: float = Field(ge=0, description="Floating-point operations of refining the text of the arm, both stages.")
    seconds: float | None = Field(default=None, ge=0, description="Device time of it, in seconds.")
    device: str = Field(default="", description="Name of the device.")


class BreakEven(BaseModel):
    """How many tokens of training an arm saves, against raw text, at one evaluation set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    arm: str = Field(description="The arm.")
    raw: str = Field(description="The raw arm.")
    model: str = Field(description="Name of the model.")
    budget: str = Field(description="What is equal between arms.")
    evaluation: str = Field(description="Evaluation set.")
    raw_tokens: int = Field(description="Tokens that the raw arm's finished models were trained on.")
    reached_after: float | None = Field(
        description="Tokens after which the arm has the score that the raw arm ends with, by its own learning curve; "
        "null if it never has, or had it before the curve begins."
    )
    raw_needs: float | None = Field(
        description="Tokens that the raw arm needs for the score that the arm ends with, by the raw arm's learning "
        "curve; null if that lies beyond the curve."
    )
    cost_in_tokens: float | None = Field(
        description="Tokens of training that cost as many FLOPs as refining did; null if either is unknown."
    )
    saved: float | None = Field(description="raw_tokens less reached_after; null if that is unknown.")
    sentence: str = Field(default="", description="The same in words.")


def tokens_to_reach(curve: Sequence[tuple[int, float]], score: float, *, lower_is_better: bool) -> float | None:
    """Return after how many tokens a learning curve reaches a score, or None where it does not say.

    Between two points, the score is taken to be linear in the logarithm of the tokens, as a power law nearly is over so
    short a way (Kaplan et al., arXiv 2001.08361, section 3). Nothing is extrapolated: None for a score that is better
    than all of the curve, or worse than its first point.

    Args:
        curve: (tokens, score), in order of tokens.
        score: The score to reach.
        lower_is_better: Whether less is better.
    """
    sign = -1.0 if lower_is_better else 1.0
    points = [(math.log(tokens), sign * value) for tokens, value in curve if tokens > 0]
    wanted = sign * score
    for (before, low), (after, high) in pairwise(points):
        if low <= wanted <= high and low < high:
            return math.exp(before + (after - before) * (wanted - low) / (high - low))
    return None


def tokens_for_flops(flops: float, parameters: int) -> float:
    """Return the tokens of training that cost so many FLOPs: D = C / (6 N) (ProX, section 5; Kaplan et al., 2.1).

    With the FLOPs of a refiner of N_r parameters over D_raw + D_doc tokens, 2 N_r (D_raw + D_doc), that is
    N_r (D_raw + D_doc) / (3 N).

    Args:
        flops: Floating-point operations.
        parameters: Parameters of the model that is trained, without embeddings.
    """
    return flops / (6 * parameters)


def in_words(found: BreakEven, *, early: bool) -> str:
    """Say what an arm saves, and whether that pays for refining.

    Args:
        found: The numbers.
        early: Whether the arm's learning curve begins with a better score than the raw arm ends with.
    """
    arm, raw, cost = found.arm, found.raw, found.cost_in_tokens
    if found.reached_after is not None and found.saved is not None:
        said = (
            f"{arm} has after {_rounded(found.reached_after)} tokens the score that {raw} has after "
            f"{_rounded(found.raw_tokens)}: it saves {_rounded(found.saved)} tokens."
        )
    elif early:
        said = f"{arm} has the score that {raw} ends with before its learning curve begins."
    else:
        said = f"{arm} does not reach the score that {raw} ends with."
    if found.raw_needs is not None:
        said += f" The score that {arm} ends with, {raw} has after {_rounded(found.raw_needs)} tokens."
    elif early or found.saved:
        said += f" The score that {arm} ends with is beyond the curve of {raw}."
    if cost is None:
        return said
    said += f" Refining cost as many FLOPs as training this model on {_rounded(cost)} tokens"
    if found.saved is None:
        return f"{said}."
    return f"{said}: for one such model, it {'pays' if found.saved > cost else 'does not pay'}."


def _rounded(tokens: float) -> str:
    return f"{float(f'{tokens:.3g}'):,.0f}"
