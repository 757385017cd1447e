"""What several tests of refiners need: a tiny checkpoint, its tokenizer, and one with the line-labels tokens."""

from pathlib import Path

import pytest

from prox_assets.refiners.line_labels.config import LineLabelsSettings
from prox_assets.refiners.model.tokenization import PromptTokenizer, load_tokenizer
from prox_assets.refiners.spans.config import InlineSettings
from prox_assets.testing.tiny_models import make_tiny_llama

# Few lines a chunk, so that short documents have several chunks.
LINE_LABELS = LineLabelsSettings(max_lines=16)
INLINE_LABELS = LINE_LABELS.model_copy(update={"inline": InlineSettings()})


def line_labels_tokens(settings: LineLabelsSettings) -> tuple[str, ...]:
    return (
        settings.start_token,
        settings.top_token,
        settings.middle_token,
        settings.bottom_token,
        settings.keep_token,
        settings.remove_token,
        *settings.elision_tokens,
        *(settings.number_format.format(line) for line in range(settings.max_lines)),
        *(() if settings.inline is None else settings.inline.tokens),
    )


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
    return make_tiny_llama(
        tmp_path_factory.mktemp("line-labels"), special_tokens=line_labels_tokens(LINE_LABELS), vocab_size=700
    )


@pytest.fixture(scope="session")
def line_labels_tokenizer(line_labels_folder: Path) -> PromptTokenizer:
    return load_tokenizer(line_labels_folder)


@pytest.fixture(scope="session")
def inline_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random checkpoint that has the special tokens of decisions inside lines too."""
    return make_tiny_llama(
        tmp_path_factory.mktemp("inline"), special_tokens=line_labels_tokens(INLINE_LABELS), vocab_size=700
    )


@pytest.fixture(scope="session")
def inline_tokenizer(inline_folder: Path) -> PromptTokenizer:
    return load_tokenizer(inline_folder)
