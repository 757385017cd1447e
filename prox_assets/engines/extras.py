"""Packages that only some users need: an import that fails names the extra that brings them."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def packages_of(extra: str, error: type[Exception]) -> Iterator[None]:
    """Import packages of an extra inside the block.

    Args:
        extra: The extra of pyproject.toml.
        error: The type of the error to raise where a package is missing; its message names the extra and the remedy.
    """
    try:
        yield
    except ImportError as cause:
        raise error(
            f"{cause}. This needs the extra `{extra}`; in the checkout of prox_assets run: pip install -e '.[{extra}]'"
        ) from cause
