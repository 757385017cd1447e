"""A webhook on loopback, and a world whose alerts go there."""

from collections.abc import Iterator

import dagster as dg
import pytest

from prox_assets.lake.lake import Lake
from prox_assets.orchestration.alerts import sensor as sensor_module
from prox_assets.testing.servers.webhook_server import WebhookServer, webhook_server
from prox_assets_tests.orchestration.alerts.world import World


@pytest.fixture(autouse=True)
def _no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Failed runs are looked at at once: in-process runs come in order, and nothing retries them."""
    monkeypatch.setattr(sensor_module, "SETTLE_SECONDS", -1.0)


@pytest.fixture
def webhook() -> Iterator[WebhookServer]:
    with webhook_server() as server:
        yield server


@pytest.fixture
def world(instance: dg.DagsterInstance, lake: Lake, webhook: WebhookServer) -> World:
    made = World(instance, lake.url, {"webhook": webhook.url, "timeout_seconds": 2})
    assert made.tick() == "nothing new; 0 open"
    return made
