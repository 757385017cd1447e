"""Seed annotation: a strong language model judges documents and writes the programs that smaller ones learn from.

Belongs here: prompts (as files, versioned), the questions made from them, the answers and what they are worth, with a
ledger, a budget and an estimate (ProX paper, section 2.3 and appendix A). Not here: the tables' columns
(training.seeds), HTTP (engines), training on the result.

`estimate` says what a run will take, `annotate` runs it.
"""

from prox_assets.training.annotation.annotate import TABLE_NAME, AnnotationSummary, annotate
from prox_assets.training.annotation.config import AnnotatorConfig
from prox_assets.training.annotation.errors import AnnotationError, BudgetExceededError
from prox_assets.training.annotation.estimate import AnnotationEstimate, estimate

__all__ = [
    "TABLE_NAME",
    "AnnotationError",
    "AnnotationEstimate",
    "AnnotationSummary",
    "AnnotatorConfig",
    "BudgetExceededError",
    "annotate",
    "estimate",
]
