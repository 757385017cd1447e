"""Opens fitted selectors, and finds their files for a fingerprint."""

from pathlib import Path

from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.model.files import ModelFiles, hash_files, model_folder
from prox_assets.refiners.selector.file import SELECTOR_FILE, kind_of
from prox_assets.refiners.selector.protocol import Selector


def open_selector(folder: Path) -> Selector:
    """Return the fitted selector in a folder.

    Raises:
        RefinerError: There is none, it is damaged, or a package that it needs is missing.
    """
    # Each import where it is needed: scipy, say, is only for the linear one.
    match kind_of(folder):
        case "dsir":
            from prox_assets.refiners.selector.dsir import DsirSelector

            return DsirSelector.load(folder)
        case "perplexity":
            from prox_assets.refiners.selector.perplexity import PerplexitySelector

            return PerplexitySelector.load(folder)
        case "linear":
            from prox_assets.refiners.selector.linear import LinearSelector

            return LinearSelector.load(folder)
        case "fasttext":
            from prox_assets.refiners.selector.fasttext_model import FasttextSelector

            return FasttextSelector.load(folder)
        case "educational":
            from prox_assets.refiners.selector.educational import EducationalSelector

            return EducationalSelector.load(folder)
        case other:
            raise RefinerError(f"{folder / SELECTOR_FILE} names the kind {other}, which this release does not know.")


def find_selector(place: str) -> ModelFiles:
    """Return the files of a fitted selector, in a folder or at a package:// URL, with their hash.

    Models that lie elsewhere count by the hash that is in the selector's record.

    Raises:
        RefinerError: The folder holds no selector.
    """
    folder = model_folder(place)
    kind_of(folder)
    files = sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))
    return ModelFiles(folder, None, hash_files(files), tokenizer_hash="")
