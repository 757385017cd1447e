"""Small batches of documents, so that a tokenizer works on many texts at once while little is read ahead."""

from collections.abc import Iterable, Iterator

from prox_assets.refiners.protocol import RefinerInput

BATCH_DOCUMENTS = 32
BATCH_CHARACTERS = 1 << 20


def batches(documents: Iterable[RefinerInput]) -> Iterator[list[RefinerInput]]:
    """Yield the documents in lists of at most 32, shorter where their texts reach a million characters."""
    batch: list[RefinerInput] = []
    characters = 0
    for document in documents:
        batch.append(document)
        characters += len(document.text)
        if len(batch) == BATCH_DOCUMENTS or characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch
