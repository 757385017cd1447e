"""Fixtures and options of all tests; what they do is written where they are defined."""

from pathlib import Path

import pytest
from hypothesis import settings

from prox_assets.testing.servers.object_store import s3_endpoint, s3_server
from prox_assets_tests.declared_devices import two_devices
from prox_assets_tests.engine_fixtures import tiny_llama, vllm_engine, vllm_server
from prox_assets_tests.lakes import lakes_where_they_are_wanted
from prox_assets_tests.reading_models import chunk_reader, doc_reader, instruct_model
from prox_assets_tests.tiny_adapters import cache_of_the_tests, tiny_base

__all__ = [
    "cache_of_the_tests",
    "chunk_reader",
    "doc_reader",
    "instruct_model",
    "lakes_where_they_are_wanted",
    "s3_endpoint",
    "s3_server",
    "tiny_base",
    "tiny_llama",
    "two_devices",
    "vllm_engine",
    "vllm_server",
]

# No test is timed: on a busy machine an example of microseconds once took half a second.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Say where lakes are."""
    parser.addoption("--lakes", choices=("local", "s3"), default="local", help="where tests make their lakes")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put modules with long tests first, told by their timeouts; else one process ends up alone with one of them."""
    longest: dict[Path, float] = {}
    for item in items:
        mark = item.get_closest_marker("timeout")
        longest[item.path] = max(longest.get(item.path, 0), mark.args[0] if mark else 0)
    items.sort(key=lambda item: longest[item.path], reverse=True)
