"""Questions about the lake, answered by DuckDB over its Parquet files.

DuckDB never holds the truth here: a catalog is a set of views, opened in memory (connection.py) or written as a small
file. Knows the lake; knows nothing of models, stages or Dagster.
"""
