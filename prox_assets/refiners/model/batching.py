"""Small batches of documents, so that a tokenizer works on many texts at once while little is read ahead."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

from prox_assets.refiners.prompts.makers import PromptsT, PromptStream
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


def in_this_process(make: Callable[[Sequence[str]], list[PromptsT]]) -> PromptStream[PromptsT]:
    """Return the stream that makes each batch's prompts when they are asked for, in the caller's thread."""
    return lambda texts: map(make, texts)


def with_prompts(
    documents: Iterable[RefinerInput], prompts: PromptStream[PromptsT]
) -> Iterator[list[tuple[RefinerInput, PromptsT | None]]]:
    """Yield batches of documents with their prompts; None for blank documents, which no model is shown.

    Args:
        documents: Read as far ahead as the stream of prompts does.
        prompts: Where the prompts are made.
    """
    under_way: deque[list[RefinerInput]] = deque()

    def texts() -> Iterator[list[str]]:
        for batch in batches(documents):
            under_way.append(batch)
            yield [document.text for document in batch if document.text.strip()]

    for made in prompts(texts()):
        shown = iter(made)
        yield [(document, next(shown) if document.text.strip() else None) for document in under_way.popleft()]
