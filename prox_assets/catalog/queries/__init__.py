"""Common questions about a refined lake, one typed function each, answered as polars frames.

Every function takes a connection from `open_catalog`; most take a `Scope`. The docstrings list the returned columns.
"""
