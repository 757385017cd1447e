"""The site of an address: its host, without user, port and `www.`, in lower case.

Belongs here: one definition, for polars and, as a pattern, for SQL.
"""

import polars as pl

HOST_PATTERN = r"^(?:[A-Za-z][A-Za-z0-9+.\-]*:)?//(?:[^/?#]*@)?([^/?#:]+)"
"""Its first group is the host; in the syntax that RE2 (DuckDB) and polars have in common."""


def site(url: str = "url") -> pl.Expr:
    """Return the site of the address in a column; null where there is none."""
    return pl.col(url).str.extract(HOST_PATTERN, 1).str.to_lowercase().str.strip_prefix("www.")
