"""What `alerts:` in a corpus's defs.yaml may say."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from prox_assets.monitoring.drift.settings import Severity


class AlertFormat(StrEnum):
    """The shape of a message."""

    JSON = "json"
    SLACK = "slack"


class AlertSettings(BaseModel):
    """Where alerts go. Without a webhook they go to the sensor's log alone."""

    # A webhook's address is a secret: whoever has it may post. It is never part of a repr, nor of an error's input.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    webhook: str | None = Field(
        default=None,
        repr=False,
        description="URL that gets a POST per message. It is a secret: write {{ env.PROX_ALERTS_WEBHOOK }}.",
    )
    headers: dict[str, str] = Field(
        default_factory=dict,
        repr=False,
        description="Headers of the request, such as Authorization; secrets as {{ env.NAME }}.",
    )
    format: AlertFormat = Field(
        default=AlertFormat.JSON,
        description="json (docs/alerts.md has the fields), or slack: what Slack's incoming webhooks take as they are.",
    )
    timeout_seconds: float = Field(
        default=5.0, gt=0, le=30, description="Longest time for one request, from connecting to the answer's status."
    )
    min_severity: Severity = Field(
        default=Severity.WARN,
        description="Least severity of a failed check that is told. Failed runs are always told, as ERROR.",
    )
    ignore_checks: list[str] = Field(
        default=["up_to_date"],
        description="Names of checks that are never told. By default those that say what is stale, because every new "
        "shard makes them fail for a while.",
    )
