"""The refiner that changes nothing: for corpora refined at one level only, and as a baseline."""

from collections.abc import Iterable, Iterator

from prox_assets.programs import KeepChunk, KeepDoc, render
from prox_assets.refiners.protocol import ChunkPrograms, DocumentProgram, RefinerInput


class KeepAllDocuments:
    """Answers keep_doc() to every document."""

    def write_programs(self, documents: Iterable[RefinerInput]) -> Iterator[DocumentProgram]:
        """Yield one result per document, in order."""
        program = render([KeepDoc()])
        return (DocumentProgram(doc_id=item.doc_id, program=program, finish_reason="stop") for item in documents)


class KeepAllChunks:
    """Answers keep_chunk() to every document, taken as one chunk."""

    def write_programs(self, documents: Iterable[RefinerInput]) -> Iterator[ChunkPrograms]:
        """Yield one result per document, in order."""
        program = render([KeepChunk()])
        return (ChunkPrograms.of_one_chunk(item, program) for item in documents)
