"""Batches of documents on their way to a tokenizer."""

from collections.abc import Iterator
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from prox_assets.refiners.model.batching import BATCH_CHARACTERS, batches
from prox_assets.refiners.protocol import RefinerInput


def documents(lengths: list[int]) -> list[RefinerInput]:
    return [RefinerInput(str(number), "x" * length) for number, length in enumerate(lengths)]


def test_the_engine_gets_its_first_work_after_two_documents_and_batches_grow_to_32() -> None:
    sizes = [len(batch) for batch in batches(documents([10] * 126))]

    assert sizes == [2, 4, 8, 16, 32, 32, 32]


def test_no_document_is_read_before_its_batch_is_asked_for() -> None:
    read: list[str] = []

    def source() -> Iterator[RefinerInput]:
        for document in documents([10] * 100):
            read.append(document.doc_id)
            yield document

    next(batches(source()))

    assert len(read) == 2


@given(st.lists(st.sampled_from([0, 1, 100, BATCH_CHARACTERS // 2, BATCH_CHARACTERS + 1]), max_size=150))
def test_every_document_is_in_one_batch_and_none_is_over_the_bounds(lengths: list[int]) -> None:
    given_documents = documents(lengths)

    found = list(batches(given_documents))

    assert [document for batch in found for document in batch] == given_documents
    for batch in found:
        assert 1 <= len(batch) <= 32
        assert sum(len(document.text) for document in batch[:-1]) < BATCH_CHARACTERS


def test_few_documents_are_one_short_batch() -> None:
    assert [len(batch) for batch in islice(batches(documents([1])), 2)] == [1]
