"""Seed annotation: a strong language model judges documents and writes the programs that smaller models learn from.

The method follows the ProX paper (section 2.3 and appendix A). `estimate` says what a run will cost, and `annotate`
runs it within a budget, recording every answer in a ledger. The columns of the resulting tables are in
training/data/seeds.py.
"""

from prox_assets.training.annotation.annotate import AnnotationSummary, annotate
from prox_assets.training.annotation.config import AnnotatorConfig
from prox_assets.training.annotation.cost_estimate import AnnotationEstimate, estimate
from prox_assets.training.annotation.errors import AnnotationError, BudgetExceededError

__all__ = [
    "AnnotationError",
    "AnnotationEstimate",
    "AnnotationSummary",
    "AnnotatorConfig",
    "BudgetExceededError",
    "annotate",
    "estimate",
]
