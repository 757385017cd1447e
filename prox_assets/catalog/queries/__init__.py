"""Questions that people ask of a refined lake, one typed function each, answered as polars frames.

Every function takes a connection of `open_catalog` and a `Scope`; its docstring names the columns that it returns.
"""
