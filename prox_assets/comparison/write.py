"""Writes a comparison into the lake, and reads it back."""

from pydantic import ValidationError

from prox_assets.comparison.contents import Comparison
from prox_assets.comparison.errors import ComparisonError
from prox_assets.comparison.page import LinkOf, no_link, render
from prox_assets.comparison.settings import ComparisonSettings
from prox_assets.lake.errors import LakeError
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.comparisons import NUMBERS, compared_corpora, comparison_path


def write_comparison(lake: Lake, comparison: Comparison, link_of: LinkOf = no_link) -> str:
    """Write numbers and page into the lake, each atomically, after an earlier page is removed.

    Args:
        lake: The lake.
        comparison: What they say.
        link_of: Where documents are shown side by side; by default nowhere.

    Returns:
        The page's path or URL.

    Raises:
        LakeError: The lake cannot be written.
    """
    page = comparison_path(comparison.name)
    # The numbers say which corpora the page shows, so a page is never there without its own.
    lake.storage.remove(page)
    lake.storage.write_bytes(comparison_path(comparison.name, NUMBERS), comparison.model_dump_json(indent=1).encode())
    lake.storage.write_bytes(page, render(comparison, link_of).encode())
    return lake.storage.uri(page)


def require_own_name(lake: Lake, settings: ComparisonSettings) -> None:
    """Refuse to write over a comparison of other corpora.

    Raises:
        ComparisonError: The name is that of one.
        LakeError: The lake cannot be read.
    """
    there = compared_corpora(lake, settings.name)
    if there is not None and set(there) != set(settings.corpora):
        raise ComparisonError(
            f"{lake.storage.uri(comparison_path(settings.name))} compares other "
            f"corpora ({', '.join(there)}): give this comparison another name, or let `prox compare {settings.name} "
            "--replace` take its place"
        )


def read_comparison(lake: Lake, name: str) -> Comparison | None:
    """Return a comparison that was written; None if there is none.

    Raises:
        LakeError: It cannot be read, or is of another release.
    """
    path = comparison_path(name, NUMBERS)
    numbers = lake.storage.read_bytes(path)
    if numbers is None:
        return None
    try:
        return Comparison.model_validate_json(numbers)
    except ValidationError as error:
        raise LakeError(
            f"{lake.storage.uri(path)} is damaged, or another release wrote it: run `prox compare {name}` again"
        ) from error
