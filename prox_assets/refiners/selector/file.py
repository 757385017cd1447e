"""The files of a fitted selector: `selector.json` says what it is, and its arrays lie beside it. Nothing is pickled."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from prox_assets.refiners.errors import RefinerError

SELECTOR_FILE = "selector.json"
ARRAYS_FILE = "arrays.safetensors"


class SelectorRecord(BaseModel):
    """What `selector.json` says of a selector: its `kind` and what belongs to it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


RecordT = TypeVar("RecordT", bound=SelectorRecord)


def write_record(folder: Path, record: SelectorRecord) -> None:
    """Write a selector's record into its folder; it comes last, when everything else is there."""
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{SELECTOR_FILE}"
    temporary.write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")
    temporary.replace(folder / SELECTOR_FILE)


def kind_of(folder: Path) -> str:
    """Return the kind of a folder's selector.

    Raises:
        RefinerError: The folder holds no selector.
    """
    return str(_content(folder).get("kind"))


def read_record(folder: Path, kind: type[RecordT]) -> RecordT:
    """Return the record of a folder's selector.

    Raises:
        RefinerError: The folder holds no selector, or one that this release does not read.
    """
    try:
        return kind.model_validate(_content(folder))
    except ValidationError as error:
        raise RefinerError(
            f"{folder / SELECTOR_FILE} is of another release, or damaged: {error}. Fit the selector again."
        ) from error


def _content(folder: Path) -> dict[str, Any]:
    file = folder / SELECTOR_FILE
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RefinerError(
            f"{folder} holds no {SELECTOR_FILE}: name the folder of a selector that was fitted."
        ) from error
    except (OSError, ValueError) as error:
        raise RefinerError(f"{file} cannot be read: {error}. Fit the selector again.") from error
    if not isinstance(content, dict):
        raise RefinerError(f"{file} is no record of a selector. Fit the selector again.")
    return content


def write_arrays(folder: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write a selector's arrays into its folder."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, folder / ARRAYS_FILE)


def read_arrays(folder: Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Return a selector's arrays, which must have these names and shapes.

    Raises:
        RefinerError: They are missing, damaged or others.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    file = folder / ARRAYS_FILE
    try:
        arrays = load_file(file)
    except (OSError, SafetensorError) as error:
        raise RefinerError(f"{file} cannot be read: {error}. Fit the selector again.") from error
    found = {name: array.shape for name, array in arrays.items()}
    if found != dict(shapes):
        raise RefinerError(f"{file} holds {found} instead of {dict(shapes)}. Fit the selector again.")
    return arrays
