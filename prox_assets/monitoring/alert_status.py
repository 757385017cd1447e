"""How a corpus's alerts stand: left in the lake by the sensor that sends them, for the lake's metrics."""

from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from prox_assets.lake.lake import Lake


@dataclass(frozen=True)
class AlertStatus:
    """Counts of a corpus's alerts.

    Attributes:
        open: Incidents that are not over.
        untold: Changes that the webhook has not taken yet.
        failed_attempts: Messages in a row that it did not take.
        changed_at: When one of the numbers last changed, in seconds since 1970.
    """

    open: int
    untold: int
    failed_attempts: int
    changed_at: float


_STATUS = TypeAdapter(AlertStatus)


def write_alert_status(lake: Lake, corpus: str, status: AlertStatus) -> None:
    """Replace a corpus's status.

    Raises:
        RetryableLakeError: The lake cannot be written.
    """
    lake.storage.write_bytes(_path(corpus), _STATUS.dump_json(status))


def read_alert_status(lake: Lake, corpus: str) -> AlertStatus | None:
    """Return a corpus's status; None if no sensor has left one, or another release's.

    Raises:
        RetryableLakeError: The store does not answer.
    """
    data = lake.storage.read_bytes(_path(corpus))
    try:
        return None if data is None else _STATUS.validate_json(data)
    except ValidationError:
        return None


def _path(corpus: str) -> str:
    return f"_alerts/{corpus}.json"
