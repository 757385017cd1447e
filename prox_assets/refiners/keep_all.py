"""The refiner that changes nothing: for corpora refined at one level only, and as a baseline."""

from collections.abc import Iterable, Iterator

from prox_assets.programs import KeepChunk, KeepDoc, render
from prox_assets.refiners.protocol import ChunkProgramRow, ChunkPrograms, DocumentProgram, RefinerInput


class KeepAllDocuments:
    """Answers keep_doc() to every document."""

    def write_programs(self, documents: Iterable[RefinerInput]) -> Iterator[DocumentProgram]:
        """Yield one result per document, in order."""
        for document in documents:
            yield DocumentProgram(
                doc_id=document.doc_id,
                program=render([KeepDoc()]),
                keep_probability=None,
                prompt_tokens=0,
                completion_tokens=0,
                truncated=False,
                finish_reason="stop",
            )


class KeepAllChunks:
    """Answers keep_chunk() to every document, taken as one chunk."""

    def write_programs(self, documents: Iterable[RefinerInput]) -> Iterator[ChunkPrograms]:
        """Yield one result per document, in order."""
        for document in documents:
            row = ChunkProgramRow(
                chunk_index=0,
                line_start=0,
                line_end=document.text.count("\n"),
                program=render([KeepChunk()]),
                line_keep_probabilities=None,
                prompt_tokens=0,
                completion_tokens=0,
                finish_reason="stop",
            )
            yield ChunkPrograms(document.doc_id, (row,))
