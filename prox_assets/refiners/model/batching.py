"""Small batches of documents, so that the tokenizer encodes many texts at once while reading little ahead."""

from collections import deque
from collections.abc import Iterable, Iterator

from prox_assets.refiners.prompts.makers import PromptsT, PromptStream
from prox_assets.refiners.protocol import RefinerInput

BATCH_DOCUMENTS = 32
BATCH_CHARACTERS = 1 << 20
# The engine idles until the first batch is encoded, so that one is small; the next ones, each twice as large, are
# encoded while the engine works. With batches of 32 from the start, the engine sat idle while a whole shard of 32 pages
# (600 chunks) was encoded: a fifth of the processor time that a small model needed for them.
FIRST_BATCH_DOCUMENTS = 2


def batches(documents: Iterable[RefinerInput]) -> Iterator[list[RefinerInput]]:
    """Yield the documents in lists of 2, 4, 8, 16 and then 32; a list also ends once its texts have 2^20 characters."""
    batch: list[RefinerInput] = []
    characters, size = 0, FIRST_BATCH_DOCUMENTS
    for document in documents:
        batch.append(document)
        characters += len(document.text)
        if len(batch) == size or characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters, size = [], 0, min(2 * size, BATCH_DOCUMENTS)
    if batch:
        yield batch


def with_prompts(
    documents: Iterable[RefinerInput], prompts: PromptStream[PromptsT]
) -> Iterator[list[tuple[RefinerInput, PromptsT | None]]]:
    """Yield batches of documents with their prompts; None for blank documents, which no model sees.

    Args:
        documents: The documents; the prompt stream decides how far ahead they are read.
        prompts: Builds the prompts.
    """
    under_way: deque[list[RefinerInput]] = deque()

    def texts() -> Iterator[list[str]]:
        for batch in batches(documents):
            under_way.append(batch)
            yield [document.text for document in batch if document.text.strip()]

    for made in prompts(texts()):
        shown = iter(made)
        yield [(document, next(shown) if document.text.strip() else None) for document in under_way.popleft()]
