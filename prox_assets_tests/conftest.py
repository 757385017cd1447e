"""Fixtures of all tests; what they do is written where they are defined."""

from prox_assets_tests.engine_fixtures import tiny_llama, vllm_engine, vllm_server

__all__ = ["tiny_llama", "vllm_engine", "vllm_server"]
