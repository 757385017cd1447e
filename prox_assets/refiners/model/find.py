"""Finds the model of a refiner: a whole one, or an adapter with its base."""

from prox_assets.refiners.adapter.format import is_adapter, read_settings
from prox_assets.refiners.adapter.merging import merged_model
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.model.files import ModelFiles, find_checkpoint, locate_checkpoint, model_folder


def find_model(model: str, revision: str | None = None, subfolder: str | None = None) -> ModelFiles:
    """Return the files of a model with their hashes; arguments as in `find_checkpoint`.

    A folder with an adapter stands for the model that it makes with its base.

    Raises:
        RefinerError: The model does not exist or cannot be reached, or there are no usable files; for an adapter, its
            base is missing.
    """
    folder = model_folder(model)
    if subfolder is not None or not is_adapter(folder):
        return find_checkpoint(model, revision, subfolder)
    if revision is not None:
        raise RefinerError(f"{model} is a local folder, which has no revision: leave out revision={revision!r}.")
    return merged_model(folder)


def require_model(model: str, revision: str | None = None, subfolder: str | None = None) -> None:
    """Look whether a model is there, downloaded if need be, without hashing or making anything.

    Raises:
        RefinerError: As `find_model`, but for the base of an adapter.
    """
    folder = model_folder(model)
    if subfolder is None and revision is None and is_adapter(folder):
        read_settings(folder)
    else:
        locate_checkpoint(model, revision, subfolder)
