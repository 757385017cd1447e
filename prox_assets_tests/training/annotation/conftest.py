"""A scripted chat server, and a few documents."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from prox_assets.training.annotation import AnnotatorConfig
from prox_assets.training.data.seeds import SeedDocument
from prox_assets_tests.training.annotation.chat_server import ChatHandler, ChatServer, chat_server

PAGE = "Home | News\nTides follow the Moon.\nAll rights reserved"


def rows(folder: Path) -> list[dict[str, Any]]:
    """Return the rows of a finished run."""
    return pq.read_table(folder / "seed_annotations.parquet").to_pylist()


def asks_for(handler: ChatHandler, mark: str) -> bool:
    """Return whether a request's question, after the page, contains certain words."""
    return mark in handler.text.split("[/doc]")[-1]


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server() as running:
        yield running


@pytest.fixture
def configure(server: ChatServer) -> Callable[..., AnnotatorConfig]:
    """Return a configuration for the server, impatient unless told otherwise."""

    def make(**settings: Any) -> AnnotatorConfig:
        defaults = {"max_retries": 1, "request_timeout_seconds": 5, "concurrency": 4, "max_tokens": 20}
        return AnnotatorConfig(base_url=server.base_url, **{**defaults, **settings})

    return make


@pytest.fixture
def documents() -> list[SeedDocument]:
    return [SeedDocument(f"d{i}", f"site{i}.example", f"http://site{i}.example/", f"{PAGE} {i}") for i in range(4)]
