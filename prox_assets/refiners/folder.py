"""A refiner as a folder: a model that engines load, with a `refiner.json` that says how to prompt it.

A folder may also hold the refiners of both levels, in subfolders doc and chunk, or be that of a refiner lab, where they
are doc/model and chunk/model. `--refiner FOLDER`, a defs.yaml and the preset `bundled` read them.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from prox_assets.refiners.cascade.settings import CascadeSettings
from prox_assets.refiners.config import RefinerConfig, RefinerPair
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.model.files import ModelFiles, find_classifier, model_folder
from prox_assets.refiners.model.find import find_model, require_model
from prox_assets.refiners.prompts.formats import Level
from prox_assets.refiners.selector.file import kind_of
from prox_assets.refiners.selector.open import find_selector

REFINER_FILE = "refiner.json"
LEVELS: tuple[Level, ...] = ("doc", "chunk")
# A folder can be moved, so its own path is not written into it.
_HERE = "."


def save_refiner(
    config: RefinerConfig, folder: Path, training: dict[str, Any], *, refers: bool = False
) -> RefinerConfig:
    """Write a refiner's configuration and fingerprint into a folder; return the configuration with its path.

    Args:
        config: The refiner's configuration.
        folder: Folder with the model and tokenizer files; it replaces the `model` of the configuration.
        training: How the model was trained, as JSON values, for the record.
        refers: The folder, which may be new, holds no model: the file names the `model` of the configuration.
    """
    placed = config if refers else config.model_copy(update={"model": str(folder), "revision": None, "subfolder": None})
    stored = config if refers else config.model_copy(update={"model": _HERE, "revision": None, "subfolder": None})
    settings = stored.model_dump(mode="json")
    content = {"refiner": settings, "fingerprint": placed.fingerprint(refiner_files(placed)), "training": training}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / REFINER_FILE).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return placed


def refiner_files(config: RefinerConfig) -> ModelFiles | None:
    """Return a refiner's files on this machine, downloaded if need be; None for rules, which have none.

    Raises:
        RefinerError: They cannot be found or reached.
    """
    if config.kind == "rules" or config.model is None:
        return None
    if config.kind == "classifier":
        return find_classifier(config.model)
    if config.kind == "selector":
        return find_selector(config.model)
    found = find_model(config.model, config.revision, config.subfolder)
    if config.kind != "cascade":
        return found
    classifier = cascade_classifier(config)
    return replace(found, classifier=classifier.fingerprint(refiner_files(classifier)))


def require_refiner(config: RefinerConfig) -> None:
    """Look whether everything that a refiner needs is there, before work begins; weights are not hashed.

    Raises:
        RefinerError: Its files or its system message cannot be found or reached.
    """
    if config.kind == "rules" or config.model is None:
        return
    if config.kind == "classifier":
        find_classifier(config.model)
    elif config.kind == "selector":
        kind_of(model_folder(config.model))
    else:
        # Message first: a model may have to be downloaded.
        config.system_text()
        if config.kind == "cascade":
            require_refiner(cascade_classifier(config))
        require_model(config.model, config.revision, config.subfolder)


def cascade_classifier(config: RefinerConfig) -> RefinerConfig:
    """Return the classifier that a cascade asks first.

    Raises:
        RefinerError: Its folder holds no classifier of the cascade's level.
    """
    place = CascadeSettings().classifier if config.cascade is None else config.cascade.classifier
    found = getattr(load_refiner_pair(place), config.level)
    if found is None or found.kind != "classifier":
        raise RefinerError(f"{config.name} needs a classifier of level {config.level}; {place} holds none.")
    return found


def load_refiner(place: str) -> RefinerConfig:
    """Return the refiner in a folder.

    Args:
        place: The folder, or a package:// URL of one.

    Raises:
        RefinerError: There is no refiner.json, or it cannot be read.
    """
    folder = model_folder(place)
    file = folder / REFINER_FILE
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        settings = content["refiner"]
        # Some files name a model that is elsewhere, such as that of a cascade.
        model = place if settings["model"] == _HERE else settings["model"]
        return RefinerConfig.model_validate({**settings, "model": model})
    except FileNotFoundError as error:
        raise RefinerError(f"{place} holds no {REFINER_FILE}: name a folder that the refiner lab wrote.") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RefinerError(f"{file} cannot be read: {error}") from error


def load_refiner_pair(place: str, name: str | None = None) -> RefinerPair:
    """Return the refiners of a folder: a single one, or those of both levels, one of which may be missing.

    Args:
        place: The folder, or a package:// URL of one.
        name: The pair's name; the folder's name if None.

    Raises:
        RefinerError: The folder holds no refiner, or one that cannot be read.
    """
    folder = model_folder(place)
    name = name or folder.resolve().name
    if (folder / REFINER_FILE).is_file():
        config = load_refiner(place)
        return RefinerPair.model_validate({"name": name, config.level: config})
    found = {level: load_refiner(f"{place.rstrip('/')}/{part}") for level, part in _parts(folder)}
    if not found:
        raise RefinerError(f"{place} holds no refiner: neither {REFINER_FILE} nor folders doc or chunk with one.")
    return RefinerPair.model_validate({"name": name, **found})


def _parts(folder: Path) -> Iterator[tuple[Level, str]]:
    """Yield the levels whose refiners a folder has, and where in it they are."""
    for level in LEVELS:
        for part in (level, f"{level}/model"):
            if (folder / part / REFINER_FILE).is_file():
                yield level, part
                break
