"""What counts as drift: windows, measures, thresholds and severities, as configuration.

This module has the names of the measures, and every threshold with its source. readings.py reads a measure off a row of
metrics, statistics.py has the formulas, and judge.py the judgement.

A finding needs two things at once: an effect that matters (its measure's thresholds, below) and that chance does not
explain (`false_alarm_probability`). The first condition alone would raise alarms on small shards, the second on large
ones.
"""

from enum import StrEnum
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Severity(StrEnum):
    """How serious a finding is; both severities raise an alert."""

    WARN = "warn"
    ERROR = "error"


class Kind(StrEnum):
    """What sort of change a measure looks for."""

    DISTRIBUTION = "distribution"
    RATE = "rate"
    LEVEL = "level"
    SCHEMA = "schema"


class Measure(StrEnum):
    """What is watched. Settings, findings and the metadata of Dagster's checks use the values."""

    KEEP_PROBABILITY = "keep_probability"
    RETENTION = "retention"
    REMOVED_FRACTION = "removed_fraction"
    DOCUMENT_LENGTH = "document_length"
    OPERATIONS_PER_DOCUMENT = "operations_per_document"
    LANGUAGE_MIX = "language_mix"
    REPEATED_LINES = "repeated_lines"
    FAILED_PROGRAMS = "failed_programs"
    TRUNCATED_PROGRAMS = "truncated_programs"
    LOOPING_PROGRAMS = "looping_programs"
    NO_OP_PROGRAMS = "no_op_programs"
    OVER_DELETION = "over_deletion"
    DROPPED_DOCUMENTS = "dropped_documents"
    QUARANTINED_DOCUMENTS = "quarantined_documents"
    REJECTED_ROWS = "rejected_rows"
    DOC_TOKENS_PER_CHARACTER = "doc_tokens_per_character"
    CHUNK_TOKENS_PER_CHARACTER = "chunk_tokens_per_character"
    SCHEMA = "schema"


_LEVELS = (Measure.DOC_TOKENS_PER_CHARACTER, Measure.CHUNK_TOKENS_PER_CHARACTER)
_DISTRIBUTIONS = (
    Measure.KEEP_PROBABILITY,
    Measure.RETENTION,
    Measure.REMOVED_FRACTION,
    Measure.DOCUMENT_LENGTH,
    Measure.OPERATIONS_PER_DOCUMENT,
    Measure.LANGUAGE_MIX,
)
KINDS: dict[Measure, Kind] = {
    **dict.fromkeys(Measure, Kind.RATE),
    **dict.fromkeys(_DISTRIBUTIONS, Kind.DISTRIBUTION),
    **dict.fromkeys(_LEVELS, Kind.LEVEL),
    Measure.SCHEMA: Kind.SCHEMA,
}


STATISTICS: dict[Kind, tuple[str, str]] = {
    Kind.DISTRIBUTION: ("psi", "population stability index"),
    Kind.RATE: ("change of rate", "fraction, 0.01 is one percentage point"),
    Kind.LEVEL: ("relative change", "fraction, 0.01 is one percent"),
    Kind.SCHEMA: ("columns", "columns that came or went"),
}
"""What is compared with the thresholds of each kind of measure: name and unit."""


class Threshold(BaseModel):
    """When a measure's change matters. Units follow the measure's kind.

    distribution: population stability index against the baseline. rate: absolute change of the rate (0.1 is ten
    percentage points). level: relative change (0.05 is five percent). schema: number of columns that appeared or
    vanished.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = Field(default=True, description="Whether the measure is judged at all.")
    warn: float | None = Field(default=None, gt=0, description="Smallest change that counts as a warning; null: off.")
    error: float | None = Field(
        default=None, gt=0, description="Smallest change that counts as an error; null: none does."
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.warn is not None and self.error is not None and self.error < self.warn:
            raise ValueError(f"error ({self.error}) must be at least warn ({self.warn})")
        return self


# Siddiqi, Credit Risk Scorecards (2006): below 0.1 no significant change, 0.1 to 0.25 a small one, above 0.25 a shift.
_PSI = Threshold(warn=0.1, error=0.25)

DEFAULT_THRESHOLDS: dict[Measure, Threshold] = {
    Measure.KEEP_PROBABILITY: _PSI,
    Measure.RETENTION: _PSI,
    Measure.REMOVED_FRACTION: _PSI,
    # The source decides the lengths, not the refiner: a warning, never an error.
    Measure.DOCUMENT_LENGTH: Threshold(warn=0.25),
    Measure.OPERATIONS_PER_DOCUMENT: _PSI,
    Measure.LANGUAGE_MIX: Threshold(warn=0.1),
    Measure.REPEATED_LINES: Threshold(warn=0.05, error=0.1),
    # The released chunk model fails on 0.36 % of documents (ProX, arXiv 2409.17115, table 35). Ten times that is worth
    # a warning; losing a tenth of all programs is an outage.
    Measure.FAILED_PROGRAMS: Threshold(warn=0.036, error=0.1),
    Measure.TRUNCATED_PROGRAMS: Threshold(warn=0.036, error=0.1),
    Measure.LOOPING_PROGRAMS: Threshold(warn=0.036, error=0.1),
    Measure.NO_OP_PROGRAMS: Threshold(warn=0.1, error=0.3),
    Measure.OVER_DELETION: Threshold(warn=0.03, error=0.1),
    Measure.DROPPED_DOCUMENTS: Threshold(warn=0.15, error=0.25),
    # Quarantined documents and rejected rows are lost text: every percent counts.
    Measure.QUARANTINED_DOCUMENTS: Threshold(warn=0.01, error=0.1),
    Measure.REJECTED_ROWS: Threshold(warn=0.01, error=0.1),
    # Two tokenizers of one family differ by a tenth or more in tokens per character; weeks of one corpus differ by one
    # or two percent (measured by benchmarks/drift_simulation.py).
    Measure.DOC_TOKENS_PER_CHARACTER: Threshold(warn=0.05, error=0.1),
    Measure.CHUNK_TOKENS_PER_CHARACTER: Threshold(warn=0.05, error=0.1),
    Measure.SCHEMA: Threshold(warn=1.0),
}
"""Used unless the settings name a measure. benchmarks/drift_simulation.py checked each of them; see docs/drift.md."""


class DriftSettings(BaseModel):
    """How the shards of one corpus are judged against the earlier ones."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    baseline_shards: int = Field(
        default=12,
        ge=2,
        description="Number of shards before the judged one that make the baseline (12 weekly shards are a quarter).",
    )
    pinned_baseline: tuple[str, ...] = Field(
        default=(), description="Fixed shards to use as the baseline of all others, instead of the latest ones."
    )
    min_baseline_shards: int = Field(
        default=6,
        ge=2,
        description="Smallest baseline; a handful of shards says too little about the spread to judge others by.",
    )
    judged_shards: int = Field(
        default=7,
        ge=1,
        description="Where shards are small, the latest is judged alone and then together with those before it, at "
        "most this many in all (7 daily shards are a week). 1: always alone.",
    )
    judged_documents: int = Field(
        default=400,
        ge=1,
        description="A shard with this many documents is judged alone; smaller ones are judged together until they "
        "have as many, and against a baseline that is longer by as much.",
    )
    order: Literal["arrival", "key"] = Field(
        default="arrival",
        description="How shards follow each other: as first measured, or by shard key (for keys that hold a date).",
    )
    history_shards: int = Field(
        default=200,
        ge=3,
        description="Number of latest shards that are read; more make a check slower, and tell when an older change "
        "began.",
    )
    adopt_after: int | None = Field(
        default=8,
        description="After this many deviating shards in a row (8 weekly shards are two months), the new level becomes "
        "the baseline and the alarm ends; null: never.",
    )
    accepted_from: str | None = Field(
        default=None,
        description="Accepts a change: the baseline begins at this shard, and earlier shards are forgotten.",
    )
    false_alarm_probability: float = Field(
        default=1e-4,
        gt=0,
        lt=0.5,
        description="Probability that chance alone causes a finding in one measure of one shard. Some fifteen measures "
        "are judged, so 1e-4 means one false alarm in about twelve years of weekly shards, or in two of daily ones, if "
        "noise is as modelled.",
    )
    thresholds: dict[Measure, Threshold] = Field(
        default_factory=dict, description="Thresholds per measure, in place of the defaults."
    )

    @model_validator(mode="after")
    def _thresholds_fit_the_defaults(self) -> Self:
        for measure in self.thresholds:
            self.threshold(measure)  # raises, for example, if only warn is given and exceeds the default error
        return self

    @model_validator(mode="after")
    def _windows_fit(self) -> Self:
        if self.pinned_baseline and self.accepted_from is not None:
            raise ValueError("pinned_baseline and accepted_from exclude each other: pin the shards that are accepted")
        if self.adopt_after is not None and self.adopt_after < self.min_baseline_shards:
            raise ValueError(
                f"adopt_after {self.adopt_after} is below min_baseline_shards {self.min_baseline_shards}: shards of "
                "a new level must make a baseline"
            )
        available = len(set(self.pinned_baseline)) or self.baseline_shards
        if available < self.min_baseline_shards:
            raise ValueError(
                f"a baseline of {available} shards is below min_baseline_shards {self.min_baseline_shards}"
            )
        return self

    def threshold(self, measure: Measure) -> Threshold:
        """Return a measure's effective threshold; fields that the settings leave out keep their defaults."""
        default = DEFAULT_THRESHOLDS[measure]
        given = self.thresholds.get(measure)
        if given is None:
            return default
        merged: dict[str, Any] = {**default.model_dump(), **given.model_dump(exclude_unset=True)}
        return Threshold.model_validate(merged)
