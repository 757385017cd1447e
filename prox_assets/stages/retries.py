"""Which errors of a stage are worth another try.

A missing file, a stale input or a wrong configuration fails the same way every time. A dead or silent engine, an
unreachable store or a held lease may be over at the next try, and so may an error that nobody expects.
"""

from prox_assets.corpora.errors import CorpusError, SourceUnavailableError
from prox_assets.lake.errors import LakeError, RetryableLakeError
from prox_assets.refiners.errors import RefinerError
from prox_assets.stages.run import InferenceFailedError, StageError

_TRANSIENT = (SourceUnavailableError, RetryableLakeError, InferenceFailedError)
_DETERMINISTIC = (CorpusError, StageError, LakeError, RefinerError)


def would_fail_again(error: Exception) -> bool:
    """Tell whether another try would fail in the same way."""
    return isinstance(error, _DETERMINISTIC) and not isinstance(error, _TRANSIENT)
