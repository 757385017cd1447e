"""Small batches of documents, so that a tokenizer works on many texts at once while little is read ahead."""

from collections.abc import Iterable, Iterator

from prox_assets.refiners.protocol import RefinerInput

BATCH_DOCUMENTS = 32
BATCH_CHARACTERS = 1 << 20
# An engine has nothing to do until the first batch is encoded: it gets a small one soon, and the others, each twice as
# large, are encoded while it works. With batches of 32 from the start it sat idle through the whole of a shard of 32
# pages (600 chunks), a fifth of the processor time that a small model needed for them.
FIRST_BATCH_DOCUMENTS = 2


def batches(documents: Iterable[RefinerInput]) -> Iterator[list[RefinerInput]]:
    """Yield the documents in lists of 2, 4, 8, 16 and then 32, shorter where their texts reach a million characters."""
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
