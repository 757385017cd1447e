"""Fixtures of all tests; what they do is written where they are defined."""

from prox_assets_tests.engine_fixtures import tiny_llama, vllm_engine, vllm_server
from prox_assets_tests.object_store import s3_endpoint, s3_server

__all__ = ["s3_endpoint", "s3_server", "tiny_llama", "vllm_engine", "vllm_server"]
