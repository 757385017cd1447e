"""What refining saves: tokens of training, read off learning curves, against what refining costs."""

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
        "at most so many if its curve begins with it, null if it never has it."
    )
    raw_needs: float | None = Field(
        description="Tokens that the raw arm needs for the score that the arm ends with, by the raw arm's learning "
        "curve; at most so many if the curve begins with it, null if it lies beyond the curve."
    )
    cost_ratio: float | None = Field(description="FLOPs of refining per FLOPs of training one model; null if unknown.")
    cost_in_tokens: float | None = Field(
        description="Tokens of training that cost as many FLOPs as refining did; null if either is unknown."
    )
    saved: float | None = Field(description="raw_tokens less reached_after; null if that is unknown.")
    sentence: str = Field(default="", description="The same in words.")


def in_words(found: BreakEven, *, early: bool, raw_early: bool) -> str:
    """Say what an arm saves, and whether that pays for refining.

    Args:
        found: The numbers.
        early: Whether the arm's learning curve begins with a better score than the raw arm ends with.
        raw_early: Whether the raw arm's begins with a better one than the arm ends with.
    """
    arm, raw, cost = found.arm, found.raw, found.cost_in_tokens
    if found.reached_after is None or found.saved is None:
        said = f"{arm} does not reach the score that {raw} ends with."
    elif early:
        said = (
            f"The learning curve of {arm} begins, at {_rounded(found.reached_after)} tokens, with a better score than "
            f"{raw} ends with: it saves at least {_rounded(found.saved)} tokens."
        )
    else:
        said = (
            f"{arm} has after {_rounded(found.reached_after)} tokens the score that {raw} has after "
            f"{_rounded(found.raw_tokens)}: it saves {_rounded(found.saved)} tokens."
        )
    if found.raw_needs is not None:
        fewer = " or fewer" if raw_early else ""
        said += f" The score that {arm} ends with, {raw} has after {_rounded(found.raw_needs)} tokens{fewer}."
    elif found.saved:
        said += f" The score that {arm} ends with is beyond the curve of {raw}."
    if cost is None or found.cost_ratio is None:
        return said
    said += (
        f" Refining cost {found.cost_ratio:.2g} times the FLOPs of training one such model, as many as training on "
        f"{_rounded(cost)} tokens"
    )
    if found.saved is None:
        return f"{said}."
    return f"{said}: for one model, it {'pays' if found.saved > cost else 'does not pay'}."


def _rounded(tokens: float) -> str:
    return f"{float(f'{tokens:.3g}'):,.0f}"
