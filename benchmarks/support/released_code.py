"""Import functions of the released ProX code from a checkout of github.com/GAIR-NLP/ProX.

Importing its scripts pulls in vllm, datatrove and datasets, downloads a GPT-2 tokenizer (`utils/data_utils.py`) and
reads two environment variables. The functions measured here use none of that, so empty modules stand in for those
imports while a script is loaded. The functions themselves, and `utils.chunk_utils`, are the checkout's unchanged files.
"""

import importlib.util
import os
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

CHUNK_SCRIPT = "data_gen/tasks/apply_chunk_refining.py"
EXECUTOR = "utils/chunk_utils.py"
# The tokenizer the ProX refiners were trained with; it ships with their code.
TOKENIZER = "vocab_files/llama_hf"

_STAND_INS: dict[str, tuple[str, ...]] = {
    "datasets": ("Dataset",),
    "datatrove": (),
    "datatrove.pipeline": (),
    "datatrove.pipeline.readers": ("JsonlReader", "ParquetReader"),
    "vllm": ("LLM", "SamplingParams"),
    "data_gen": (),
    "data_gen.configs": ("GentaskConfig",),
    "utils": (),
    "utils.data_utils": ("get_adapter_func", "split_into_batches"),
}
_ENVIRONMENT = {"CUDA_VISIBLE_DEVICES": "0", "TOTAL_SPLIT": "1"}


class CheckoutError(Exception):
    """The folder is not a usable checkout of the released code; the message says why."""


@dataclass(frozen=True)
class ReleasedCode:
    """The released functions that are measured.

    Attributes:
        trunc_text: (text, tokenizer, max_token) -> chunks of a document, each as text with labelled lines.
        merge_chunks: (programs, chunks per document) -> one program per document.
        execute_meta_operations: (text, program) -> refined text; "" if the document is dropped.
        tokenizer: Folder of the released tokenizer.
    """

    trunc_text: Callable[..., list[str]]
    merge_chunks: Callable[[list[str], list[int]], list[str]]
    execute_meta_operations: Callable[[str, str], str]
    tokenizer: Path


def released_code(checkout: Path) -> ReleasedCode:
    """Import the functions from a checkout.

    Raises:
        CheckoutError: A file is missing, or cannot be imported.
    """
    for name in (CHUNK_SCRIPT, EXECUTOR, TOKENIZER):
        if not (checkout / name).exists():
            raise CheckoutError(f"{checkout} has no {name}: pass a checkout of github.com/GAIR-NLP/ProX")
    try:
        with _importable(checkout):
            script = load_module(checkout / CHUNK_SCRIPT, "released_apply_chunk_refining")
    except Exception as error:  # a changed script may raise anything on import
        raise CheckoutError(f"{checkout / CHUNK_SCRIPT} cannot be imported: {error!r}") from error
    return ReleasedCode(script.trunc_text, script.merge_chunks, script.execute_meta_operations, checkout / TOKENIZER)


@contextmanager
def _importable(checkout: Path) -> Iterator[None]:
    """Install the stand-ins; at the end, undo everything that importing a script changes."""
    modules = {name: sys.modules.get(name) for name in (*_STAND_INS, "utils.chunk_utils")}
    environment = {name: os.environ.get(name) for name in _ENVIRONMENT}
    state = random.getstate()
    try:
        os.environ.update(_ENVIRONMENT)
        for name, attributes in _STAND_INS.items():
            sys.modules[name] = _stand_in(name, attributes)
        sys.modules["utils.chunk_utils"] = load_module(checkout / EXECUTOR, "utils.chunk_utils")
        yield
    finally:
        random.setstate(state)
        _restore(sys.modules, modules)
        _restore(os.environ, environment)


def _stand_in(name: str, attributes: tuple[str, ...]) -> ModuleType:
    module = ModuleType(name)
    module.__path__ = []  # makes it a package, so that its submodules can be imported
    for attribute in attributes:
        setattr(module, attribute, None)  # fails if called
    return module


def load_module(path: Path, name: str) -> ModuleType:
    """Import a Python file as a module of some name, without registering it.

    Raises:
        CheckoutError: It is not a Python file.
    """
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise CheckoutError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _restore(mapping: Any, values: dict[str, Any]) -> None:  # noqa: ANN401 (os.environ or sys.modules)
    for name, value in values.items():
        if value is None:
            mapping.pop(name, None)
        else:
            mapping[name] = value
