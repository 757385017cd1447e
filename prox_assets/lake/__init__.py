"""The tree of Parquet files that holds every table: schemas, paths, atomic writes, leases and the resume ledger.

The lake deals in bytes, tables and shards. Other packages decide what the rows mean.
"""
