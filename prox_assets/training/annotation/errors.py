"""What can go wrong with an annotation, as types that callers can tell apart.

Belongs here: errors that end a run, and the one that speaks against a single answer. Failures of the server have the
engines' own errors.
"""


class AnnotationError(Exception):
    """The run cannot go on; the message names the cause and the remedy. Answers that came stay in the ledger."""


class BudgetExceededError(AnnotationError):
    """The next request could have cost more than is left of the budget, so it was not sent."""


class UnusableAnswerError(Exception):
    """An answer that says nothing usable: a refusal, no score, a program that does not run. The question stays open."""
