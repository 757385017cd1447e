"""The tree of Parquet files that holds every table: schemas, paths, atomic writes, leases and the resume ledger.

The lake knows bytes, tables and shards. What the rows mean is decided in the folders above and below.
"""
