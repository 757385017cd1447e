"""The site of a URL: its host in lower case, without user, port and `www.`.

polars and SQL share this one definition, SQL as a pattern.
"""

import polars as pl

HOST_PATTERN = r"^(?:[A-Za-z][A-Za-z0-9+.\-]*:)?//(?:[^/?#]*@)?([^/?#:]+)"
"""The first group is the host; the syntax is common to RE2 (DuckDB) and polars."""


def site(url: str = "url") -> pl.Expr:
    """Return the site of the URL in a column; null where there is none."""
    return pl.col(url).str.extract(HOST_PATTERN, 1).str.to_lowercase().str.strip_prefix("www.")
