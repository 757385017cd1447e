"""Which errors are worth a retry.

An error that would occur again (prox_assets.stages.retries) becomes a dg.Failure without retries. Every other one is
left to the asset's RetryPolicy.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from prox_assets.stages.retries import would_fail_again
from prox_assets.training.annotation import AnnotationError
from prox_assets.training.data.pages import PagesError

RETRY_POLICY = dg.RetryPolicy(max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)


def is_deterministic(error: Exception) -> bool:
    """Tell whether a retry would fail in the same way."""
    return would_fail_again(error) or isinstance(error, AnnotationError | PagesError)


@contextmanager
def no_retry_when_useless() -> Iterator[None]:
    """Turn deterministic errors into failures that Dagster does not retry, with the error's own message."""
    try:
        yield
    except Exception as error:
        if is_deterministic(error):
            raise dg.Failure(description=str(error), allow_retries=False) from error
        raise
