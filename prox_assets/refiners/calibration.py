"""Calibration: corrects the probabilities that a model gives, so that of lines with P(keep) .7, seven in ten stay.

The log-odds are multiplied by a slope and moved by an offset (Platt, "Probabilistic outputs for support vector
machines", 1999). A slope alone is temperature scaling (Guo et al., arXiv 1706.04599). The order of probabilities stays.
training/evaluation/calibration.py fits both numbers.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

from pydantic import BaseModel, ConfigDict, Field

from prox_assets.refiners.protocol import ChunkProgramRow, ChunkPrograms, DocumentProgram


class Calibration(BaseModel):
    """A correction of log-odds: slope * log-odds + offset."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slope: float = Field(gt=0, allow_inf_nan=False, description="Factor of the log-odds; below 1 makes them less sure.")
    offset: float = Field(default=0.0, allow_inf_nan=False, description="Added to the log-odds afterwards.")

    def probability(self, probability: float) -> float:
        """Return a corrected probability; 0 and 1 stay."""
        return sigmoid(self.slope * logit(probability) + self.offset)

    def uncorrected(self, probability: float) -> float:
        """Return the probability that was corrected to this one, up to rounding."""
        return sigmoid((logit(probability) - self.offset) / self.slope)


def logit(probability: float) -> float:
    """Return log(p / (1 - p)); infinite for 0 and 1."""
    if probability <= 0:
        return -math.inf
    return math.inf if probability >= 1 else math.log(probability) - math.log1p(-probability)


def sigmoid(log_odds: float) -> float:
    """Return 1 / (1 + exp(-x)), without overflow for any x."""
    if log_odds >= 0:
        return 1.0 / (1.0 + math.exp(-log_odds))
    odds = math.exp(log_odds)
    return odds / (1.0 + odds)


def calibrated_documents(
    programs: Iterable[DocumentProgram], calibration: Calibration | None
) -> Iterator[DocumentProgram]:
    """Yield document programs with P(keep) corrected; unchanged without a calibration."""
    for program in programs:
        keep = program.keep_probability
        if calibration is None or keep is None:
            yield program
        else:
            yield replace(program, keep_probability=calibration.probability(keep))


def calibrated_chunks(programs: Iterable[ChunkPrograms], calibration: Calibration | None) -> Iterator[ChunkPrograms]:
    """Yield chunk programs with P(keep) of each line corrected; unchanged without a calibration."""
    for answer in programs:
        if calibration is None:
            yield answer
        else:
            yield replace(answer, rows=tuple(_calibrated_row(row, calibration) for row in answer.rows))


def _calibrated_row(row: ChunkProgramRow, calibration: Calibration) -> ChunkProgramRow:
    if row.line_keep_probabilities is None:
        return row
    return replace(row, line_keep_probabilities=tuple(map(calibration.probability, row.line_keep_probabilities)))
