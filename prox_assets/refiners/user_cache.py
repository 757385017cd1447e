"""The folder for what can be made or fetched again: `PROX_CACHE`, else one in the user's cache folder."""

import os
from pathlib import Path

CACHE_VARIABLE = "PROX_CACHE"


def user_cache() -> Path:
    """Return the folder, which may not exist yet; without `PROX_CACHE` it is in XDG_CACHE_HOME or ~/.cache."""
    own = os.environ.get(CACHE_VARIABLE)
    if own:
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "prox_assets"
