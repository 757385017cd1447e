"""Questions about the lake, answered by DuckDB over its Parquet files.

The Parquet files are the source of truth: a catalog is a set of views over them, opened in memory (connection.py) or
written as a small file (file.py). The package knows the lake, and nothing of models, stages or Dagster.
"""
