"""Watching refinement: metrics of a shard, rule-based signals of texts, drift, and the HTML report.

This package reads the lake and knows nothing about models or Dagster.
"""
