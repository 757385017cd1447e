"""Where comparisons of refiners lie: `_comparisons/{name}/index.html` and `comparison.json`, beside the corpora.

A comparison spans corpora and shows samples of their documents, so a withdrawal from one of them takes it away.
"""

import json

from prox_assets.lake.lake import Lake

COMPARISONS = "_comparisons"
PAGE = "index.html"
NUMBERS = "comparison.json"


def comparison_path(name: str, file: str = PAGE) -> str:
    """Return the path of a comparison's file, relative to the lake."""
    return f"{COMPARISONS}/{name}/{file}"


def comparisons(lake: Lake) -> list[str]:
    """Return the names of the comparisons of a lake.

    Raises:
        LakeError: The lake cannot be listed.
    """
    return [name for name in lake.storage.list_folders(COMPARISONS) if lake.storage.exists(comparison_path(name))]


def forget_comparisons(lake: Lake, corpus: str) -> list[str]:
    """Remove the comparisons of a corpus, and those of which nobody can tell what they show; it can be repeated.

    Returns:
        Their names.

    Raises:
        LakeError: The lake cannot be read or written.
    """
    forgotten = [
        name for name in lake.storage.list_folders(COMPARISONS) if corpus in (compared_corpora(lake, name) or [corpus])
    ]
    for name in forgotten:
        # The page first: without its numbers, nobody could tell what it shows.
        lake.storage.remove(comparison_path(name))
        lake.storage.remove(f"{COMPARISONS}/{name}")
    return forgotten


def compared_corpora(lake: Lake, name: str) -> list[str] | None:
    """Return the corpora of a written comparison, whichever release wrote it; None if there is none to read.

    Raises:
        LakeError: The lake cannot be read.
    """
    numbers = lake.storage.read_bytes(comparison_path(name, NUMBERS))
    try:
        return list(json.loads(numbers or b"")["corpora"])
    except (ValueError, TypeError, KeyError):
        return None
