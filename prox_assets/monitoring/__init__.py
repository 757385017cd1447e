"""Numbers about refinement: metrics of a shard, rule-based signals of texts.

Reads the lake; knows nothing of models or Dagster.
"""
