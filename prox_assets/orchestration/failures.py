"""Which errors are worth a retry.

A missing file, a stale input or a wrong configuration fails the same way every time and becomes a dg.Failure without
retries. A dead or silent engine, an unreachable store or a held lease is left to the asset's RetryPolicy.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from prox_assets.corpora.errors import CorpusError, SourceUnavailableError
from prox_assets.lake.errors import LakeError, RetryableLakeError
from prox_assets.refiners.errors import RefinerError
from prox_assets.stages.run import InferenceFailedError, StageError
from prox_assets.training.annotation import AnnotationError
from prox_assets.training.data.pages import PagesError

RETRY_POLICY = dg.RetryPolicy(max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)

_TRANSIENT = (SourceUnavailableError, RetryableLakeError, InferenceFailedError)
_DETERMINISTIC = (CorpusError, StageError, LakeError, RefinerError, AnnotationError, PagesError)


def is_deterministic(error: Exception) -> bool:
    """Tell whether a retry would fail in the same way."""
    return isinstance(error, _DETERMINISTIC) and not isinstance(error, _TRANSIENT)


@contextmanager
def no_retry_when_useless() -> Iterator[None]:
    """Turn deterministic errors into failures that Dagster does not retry, with the error's own message."""
    try:
        yield
    except Exception as error:
        if is_deterministic(error):
            raise dg.Failure(description=str(error), allow_retries=False) from error
        raise
