"""Finds, downloads and hashes the files of a whole model, in a local folder or a hub snapshot."""

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path, PurePosixPath

import xxhash

from prox_assets.refiners.errors import RefinerError

WEIGHT_PATTERNS = ("*.safetensors",)
# A classifier's only file; no pattern of its own, so that nobody takes it for the weights of a language model.
CLASSIFIER_FILE = "classifier.safetensors"
# The model's architecture and its end-of-answer tokens shape its output as much as the weights do.
CONFIG_FILES = ("config.json", "generation_config.json", "model.safetensors.index.json")
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
)
# Hashed apart, because only the prompt format chat reads it.
CHAT_TEMPLATE_FILE = "chat_template.jinja"
PACKAGE = "package://"
PICKLED_WEIGHTS = ("*.bin", "*.pt", "*.pth")
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
COMMIT_HASH = re.compile(r"[0-9a-f]{40}")
HASH_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model on this machine.

    Attributes:
        path: The folder that engines and tokenizers load.
        revision: The hub commit of the snapshot (40 hex digits); None for a local folder.
        weights_hash: Hash of the safetensors and configuration files: 32 hex digits.
        tokenizer_hash: Hash of the tokenizer files: 32 hex digits; empty for a classifier, which has none.
        classifier: Inference fingerprint of the classifier that a cascade asks first; None elsewhere.
        template_hash: Hash of the file of the chat template, 32 hex digits; None where there is no such file.
    """

    path: Path
    revision: str | None
    weights_hash: str
    tokenizer_hash: str
    classifier: str | None = None
    template_hash: str | None = None


def model_folder(model: str) -> Path:
    """Return the folder that a path or a package://module/path URL names; it need not exist."""
    if not model.startswith(PACKAGE):
        return Path(model).expanduser()
    module, _, path = model.removeprefix(PACKAGE).partition("/")
    return Path(str(files(module))) / path


def find_checkpoint(model: str, revision: str | None = None, subfolder: str | None = None) -> ModelFiles:
    """Return the files of a local folder or a hub model, with their hashes; a hub model is downloaded if needed.

    Only safetensors, configuration and tokenizer files are fetched, because loading pickled weights can run code.
    `HF_HUB_OFFLINE=1` restricts the search to the hub cache.

    Args:
        model: Path of a folder, package://module/path for a folder inside an installed package, or a hub id such as
            "gair-prox/web-doc-refining-lm".
        revision: Branch, tag or commit of a hub model; the default branch if None. Refused for a folder.
        subfolder: Folder of the checkpoint inside the model's folder or repository, if it is not the whole.

    Raises:
        RefinerError: The folder or model does not exist, the hub cannot be reached, or there are no usable files.
    """
    return _with_hashes(*locate_checkpoint(model, revision, subfolder))


def locate_checkpoint(model: str, revision: str | None = None, subfolder: str | None = None) -> tuple[Path, str | None]:
    """Return the folder of a checkpoint whose files are all there, and its hub commit; nothing is hashed.

    Arguments and errors are those of `find_checkpoint`.
    """
    inside = _inside(subfolder)
    folder = model_folder(model) / inside
    if folder.is_dir():
        if revision is not None:
            raise RefinerError(f"{model} is a local folder, which has no revision: leave out revision={revision!r}.")
        return _complete(folder), None
    if not HUB_ID.fullmatch(model):
        raise RefinerError(
            f"The model folder {folder} does not exist. Give the path of a folder with config.json, *.safetensors and "
            "tokenizer files, or a hub id of the form owner/name."
        )
    snapshot = _download(model, revision, inside)
    commit = snapshot.name if COMMIT_HASH.fullmatch(snapshot.name) else None
    return _complete(snapshot / inside), commit


def _inside(subfolder: str | None) -> PurePosixPath:
    """Return the path of a sub-folder, which has to be inside its model."""
    inside = PurePosixPath(subfolder or ".")
    if inside.is_absolute() or ".." in inside.parts:
        raise RefinerError(f"subfolder {subfolder!r} leads out of the model: name a folder inside it.")
    return inside


def _download(model: str, revision: str | None, inside: PurePosixPath) -> Path:
    import httpx
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError

    where = model if revision is None else f"{model}@{revision}"
    try:
        names = (*WEIGHT_PATTERNS, *CONFIG_FILES, *TOKENIZER_FILES, CHAT_TEMPLATE_FILE)
        wanted = [str(inside / name) for name in names]
        return Path(snapshot_download(model, revision=revision, allow_patterns=wanted))
    except RevisionNotFoundError as error:
        raise RefinerError(
            f"{where}: the model exists, this revision does not. Give a commit, branch or tag."
        ) from error
    except RepositoryNotFoundError as error:
        raise RefinerError(
            f"{where}: the hub knows no such model, or it is private. Check the id, or set HF_TOKEN."
        ) from error
    # An unreachable hub surfaces as whatever failed first: the local cache lookup, the connection, or the socket.
    except (HfHubHTTPError, httpx.HTTPError, OSError, ValueError) as error:
        offline = " (HF_HUB_OFFLINE is set)" if constants.HF_HUB_OFFLINE else ""
        raise RefinerError(
            f"{where} is not in the hub cache {constants.HF_HUB_CACHE} and cannot be fetched{offline}: "
            f"{type(error).__name__}. Fetch it where there is a network (hf download {model}) and copy the cache, set "
            "HF_ENDPOINT to a mirror, or configure the path of a local model folder."
        ) from error


def find_classifier(place: str) -> ModelFiles:
    """Return the file of a classifier, in a folder or at a package:// URL, with its hash.

    Raises:
        RefinerError: The folder holds no classifier.
    """
    folder = model_folder(place)
    file = folder / CLASSIFIER_FILE
    if not file.is_file():
        raise RefinerError(f"{folder} holds no {CLASSIFIER_FILE}: name the folder of a classifier that the lab wrote.")
    return ModelFiles(folder, None, hash_files([file]), tokenizer_hash="")


def _complete(folder: Path) -> Path:
    """Return a folder that has weights, a configuration and a tokenizer."""
    if not _weights(folder):
        pickled = sorted(file.name for pattern in PICKLED_WEIGHTS for file in folder.glob(pattern))
        found = (
            f"only pickled weights ({', '.join(pickled)}), which can run code when loaded" if pickled else "no weights"
        )
        raise RefinerError(
            f"{folder} has {found}. Convert them once, where you trust them: AutoModelForCausalLM.from_pretrained(...)"
            ".save_pretrained(folder), which writes *.safetensors."
        )
    if not (folder / "config.json").is_file():
        raise RefinerError(
            f"{folder} has weights but no config.json. Save it beside them: config.save_pretrained(folder)."
        )
    if not _named(folder, TOKENIZER_FILES):
        raise RefinerError(
            f"{folder} has no tokenizer files. Save them beside the weights: tokenizer.save_pretrained(folder)."
        )
    return folder


def _with_hashes(folder: Path, revision: str | None) -> ModelFiles:
    shape = hash_files([*_named(folder, CONFIG_FILES), *_weights(folder)])
    template = _named(folder, (CHAT_TEMPLATE_FILE,))
    return ModelFiles(
        folder,
        revision,
        shape,
        hash_files(_named(folder, TOKENIZER_FILES)),
        template_hash=hash_files(template) if template else None,
    )


def _weights(folder: Path) -> list[Path]:
    return sorted(file for pattern in WEIGHT_PATTERNS for file in folder.glob(pattern))


def _named(folder: Path, names: tuple[str, ...]) -> list[Path]:
    return [folder / name for name in names if (folder / name).is_file()]


def hash_files(files: list[Path]) -> str:
    """Hash names and contents."""
    digest = xxhash.xxh3_128()
    for file in files:
        digest.update(f"{file.name}\0{file_hash(file)}\0".encode())
    return digest.hexdigest()


def file_hash(file: Path) -> str:
    """Return the xxh3 hash of a file's bytes, 32 hex digits; it is cached until the file's size or time changes."""
    status = file.stat()
    return _file_hash(file.resolve(), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=1024)
def _file_hash(file: Path, size: int, modified_ns: int) -> str:
    """Return the xxh3 hash of a file's bytes; size and modification time are cache keys that reveal a change."""
    del size, modified_ns
    digest = xxhash.xxh3_128()
    with file.open("rb") as stream:
        while block := stream.read(HASH_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
