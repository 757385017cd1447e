"""What a message says: JSON with every field, or a text for Slack."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from prox_assets.browser import links
from prox_assets.orchestration.alerts.incidents import Closed, Failure
from prox_assets.orchestration.alerts.settings import AlertFormat

VERSION = 1
# Slack cuts a text off at 40,000 characters, and nobody reads that many.
SLACK_LINES = 20


def payload(
    corpus: str,
    opened: Sequence[Failure],
    closed: Sequence[Closed],
    *,
    more: int,
    still_open: int,
    format: AlertFormat,  # noqa: A002 (the setting's name)
    dagster_url: str | None,
    now: float,
) -> dict[str, Any]:
    """Return a message as what `json.dumps` takes.

    Args:
        corpus: The corpus.
        opened: Incidents that began.
        closed: Incidents that ended.
        more: Further ones that are not listed.
        still_open: Incidents that are open now, listed or not.
        format: The shape of the message.
        dagster_url: Where Dagster's UI is; None for a message without links.
        now: Time of the message, in seconds since 1970.
    """
    if format is AlertFormat.SLACK:
        return {"text": _slack(corpus, opened, closed, more, still_open, dagster_url)}
    return {
        "version": VERSION,
        "corpus": corpus,
        "sent_at": _time(now),
        "opened": [_described(failure, dagster_url) for failure in opened],
        "closed": [
            {**_described(item.failure, dagster_url), "until": _time(item.at), "reason": item.reason} for item in closed
        ],
        "not_listed": more,
        "open": still_open,
    }


def _described(failure: Failure, dagster_url: str | None) -> dict[str, Any]:
    subject = failure.subject
    return {
        "kind": subject.kind.value,
        "severity": failure.severity.value.upper(),
        "asset": subject.asset,
        "check": subject.check,
        "partition": subject.partition,
        "job": subject.job,
        "since": _time(failure.at),
        "message": failure.message,
        "run_id": failure.run_id,
        "run_url": links.dagster_run(failure.run_id, dagster_url),
    }


def opened_line(failure: Failure) -> str:
    """Describe the beginning of an incident in one line."""
    what = f"{failure.severity.value.upper()} {failure.subject.kind.value.replace('_', ' ')}: {failure.subject}"
    return f"{what}: {failure.message}" if failure.message else what


def closed_line(item: Closed) -> str:
    """Describe the end of an incident in one line."""
    kind = item.failure.subject.kind.value.replace("_", " ")
    return f"over ({item.reason}): {kind}: {item.failure.subject}, since {_time(item.failure.at)}"


def _slack(
    corpus: str,
    opened: Sequence[Failure],
    closed: Sequence[Closed],
    more: int,
    still_open: int,
    dagster_url: str | None,
) -> str:
    lines = [_opened_in_slack(failure, dagster_url) for failure in opened]
    lines += [f":white_check_mark: {_escaped(closed_line(item))}" for item in closed]
    more += max(0, len(lines) - SLACK_LINES)
    lines = lines[:SLACK_LINES]
    if more:
        lines.append(f"and {more:,} more")
    return "\n".join([f"*{_escaped(corpus)}*: {still_open:,} open", *lines])


def _opened_in_slack(failure: Failure, dagster_url: str | None) -> str:
    url = links.dagster_run(failure.run_id, dagster_url)
    link = f" (<{url}|run>)" if url else ""
    return f":rotating_light: {_escaped(opened_line(failure))}{link}"


def _escaped(text: str) -> str:
    """Escape what Slack reads as a link or a mention: `<!channel>` in a document's error would ring everybody."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
