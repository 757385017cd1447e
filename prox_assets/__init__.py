"""ProX ("Programming Every Example", arXiv 2409.17115) as a Dagster data-asset platform.

A small language model writes a program for every document and every chunk; an executor applies it. The folders, from
the bottom up: `programs` (the language), `engines` (how a model is run), `refiners` (what a model is asked),
`corpora` (raw files to documents), `lake` (the Parquet tables), `monitoring` (metrics), `stages` (what each asset does
to a shard), and on top `orchestration` (Dagster) and `cli`. Imports point down only.
"""

__version__ = "0.1.0"
