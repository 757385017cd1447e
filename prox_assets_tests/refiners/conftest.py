"""What several tests of refiners need: a tiny checkpoint, its tokenizer, and one with the line-labels tokens."""

from pathlib import Path

import pytest

from prox_assets.refiners.line_labels.config import LineLabelsSettings
from prox_assets.refiners.model.tokenization import PromptTokenizer, load_tokenizer
from prox_assets.refiners.spans.config import InlineSettings
from prox_assets.testing.tiny_models import make_tiny_llama
from prox_assets.training.data.vocabulary import special_tokens

LINE_LABELS = LineLabelsSettings()
INLINE_LABELS = LINE_LABELS.model_copy(update={"inline": InlineSettings()})


def make_line_labels_llama(folder: Path, settings: LineLabelsSettings) -> Path:
    """Make a random checkpoint whose tokenizer has the dialect's special tokens, of which there are thousands."""
    tokens = special_tokens(settings)
    return make_tiny_llama(folder, special_tokens=tokens, vocab_size=len(tokens) + 500)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random checkpoint that no test may change."""
    return make_tiny_llama(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def tokenizer(tiny_folder: Path) -> PromptTokenizer:
    return load_tokenizer(tiny_folder)


@pytest.fixture(scope="session")
def line_labels_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random checkpoint with the special tokens of the line-labels dialect."""
    return make_line_labels_llama(tmp_path_factory.mktemp("line-labels"), LINE_LABELS)


@pytest.fixture(scope="session")
def line_labels_tokenizer(line_labels_folder: Path) -> PromptTokenizer:
    return load_tokenizer(line_labels_folder)


@pytest.fixture(scope="session")
def inline_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random checkpoint that has the special tokens of decisions inside lines too."""
    return make_line_labels_llama(tmp_path_factory.mktemp("inline"), INLINE_LABELS)


@pytest.fixture(scope="session")
def inline_tokenizer(inline_folder: Path) -> PromptTokenizer:
    return load_tokenizer(inline_folder)
