"""Target texts from a file."""

from pathlib import Path

import polars as pl

from prox_assets.proof.selectors.settings import TargetFile
from prox_assets.refiners.errors import RefinerError


def read_target(target: TargetFile) -> list[str]:
    """Return the texts of a file, without empty ones.

    Raises:
        RefinerError: The file is missing, cannot be read, or has no such column of text.
    """
    file = Path(target.path).expanduser()
    try:
        if file.suffix == ".parquet":
            rows = pl.scan_parquet(file, glob=False)
        else:
            rows = pl.scan_ndjson(file, infer_schema_length=None)
        texts = rows.select(pl.col(target.column).cast(pl.String, strict=True)).collect().to_series()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise RefinerError(
            f"the target texts cannot be read from {target.path}: {error}. Give a Parquet or JSON Lines file with a "
            f"column {target.column} of text."
        ) from error
    return [text for text in texts if text and text.strip()]
