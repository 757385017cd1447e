"""Errors of annotation: two that end a run, and one that rejects a single answer.

Server failures raise the errors of `engines`.
"""


class AnnotationError(Exception):
    """The run cannot continue; the message names the cause and the remedy. Answers received stay in the ledger."""


class BudgetExceededError(AnnotationError):
    """The next request might have exceeded the budget, so it was not sent."""


class UnusableAnswerError(Exception):
    """The answer is unusable: a refusal, no score, a program that does not run. The question stays open."""
