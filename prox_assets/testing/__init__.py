"""Shared by tests and benchmarks: tiny models, servers, deployments, hostile programs.

No other package imports it.
"""
