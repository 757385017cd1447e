"""What a proof has found, as data: report.json, the report's tables and the catalog's are made of it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from prox_assets.proof.statistics.break_even import BreakEven

Verdict = Literal["better", "worse", "undecided", "none"]
"""none: too little was measured, or a model has not learned; undecided: measured, and not told apart."""


class _Finding(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Comparison(_Finding):
    """Two arms on one evaluation set: a row of the lake's table proof_contrasts (lake/records/proofs.py).

    A gain is what the arm is better by, whether the measure counts up or down.
    """

    arm: str
    against: str
    model: str
    budget: str
    evaluation: str
    measure: str
    primary: bool
    score: float | None
    against_score: float | None
    gain: float | None
    low: float | None
    high: float | None
    p: float | None
    adjusted_p: float | None
    detectable: float | None
    seeds: int
    sites: int
    items: int
    chosen: tuple[str, ...]
    verdict: Verdict
    reasons: tuple[str, ...]
    sentence: str


class Repeat(_Finding):
    """An A/A comparison: one arm against itself, with other seeds. What it differs by is noise."""

    arm: str = Field(description="The arm.")
    model: str = Field(description="Name of the model.")
    budget: str = Field(description="What is equal between arms.")
    evaluation: str = Field(description="Evaluation set.")
    measure: str = Field(description="Measure.")
    seeds: int = Field(description="Seeds of a half.")
    difference: float = Field(description="Score of one half of the seeds less that of the other.")
    low: float = Field(description="Lower end of its 95 % interval.")
    high: float = Field(description="Upper end.")
    largest: float = Field(description="The largest difference between any two of the seeds.")


class Agreement(_Finding):
    """Decision accuracy: how often a small model ranks two arms as a larger one does (DataDecide, arXiv 2504.11393)."""

    small: str = Field(description="The smaller model.")
    large: str = Field(description="The larger one.")
    budget: str = Field(description="What is equal between arms.")
    evaluation: str = Field(description="Evaluation set.")
    measure: str = Field(description="Measure.")
    agreed: int = Field(description="Pairs of arms that both rank alike, of those that count.")
    counted: int = Field(description="Pairs that the larger model tells apart: their 95 % interval excludes zero.")
    agreed_of_all: int = Field(description="Pairs that both rank alike, of all.")
    pairs: int = Field(description="All pairs of arms that both models were trained on.")


class Findings(_Finding):
    """Everything that the statistics say about a proof."""

    primary: tuple[Comparison, ...] = Field(description="Contrasts that were named before the run.")
    exploratory: tuple[Comparison, ...] = Field(description="All others: ideas for the next proof, not findings.")
    repeats: tuple[Repeat, ...] = Field(description="A/A comparisons.")
    agreements: tuple[Agreement, ...] = Field(description="Decision accuracy between each two sizes.")
    break_even: tuple[BreakEven, ...] = Field(description="What each arm saves.")
    missing: tuple[str, ...] = Field(description="Models that were to be trained and scored, and are not.")
    not_learned: tuple[str, ...] = Field(description="Models that predict no better than a bigram model.")
    unknown_learning: tuple[str, ...] = Field(description="Models of which that is unknown, n-gram models aside.")
