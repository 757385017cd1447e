"""The language of refining programs: operations, dialects, grammars, chunks, execution.

The package turns a text and its programs into a refined text and a record of what was done. It uses only the standard
library, and knows nothing of models, files or Dagster.
"""

from prox_assets.programs.chunking import LINE_LONGER_THAN_WINDOW, Chunk, pack_lines
from prox_assets.programs.dialects.dialect import DIALECTS, Dialect, DialectName
from prox_assets.programs.dialects.line_labels import labelled_program, operations_from_probabilities
from prox_assets.programs.dialects.parsed import ParsedProgram, ParseError, ParseErrorReason
from prox_assets.programs.dialects.prox import parse
from prox_assets.programs.dialects.rendering import CannotSayError, Render, ShownLines
from prox_assets.programs.execution.document_decision import DocumentDecision, DocumentReason, decide_document
from prox_assets.programs.execution.executor import ChunkProgram, execute
from prox_assets.programs.execution.line_decision import expected_f1_cutoff
from prox_assets.programs.execution.provenance import (
    Provenance,
    ProvenanceError,
    Segment,
    SegmentKind,
    execute_with_provenance,
)
from prox_assets.programs.execution.stored_programs import line_cutoff, stored_programs
from prox_assets.programs.grammar import chunk_grammar, document_grammar
from prox_assets.programs.operations import (
    DropDoc,
    InsertLine,
    KeepChunk,
    KeepDoc,
    Normalize,
    Operation,
    RemoveAll,
    RemoveAllLines,
    RemoveLines,
    ReplaceInLine,
    Rewrite,
    operation_of,
    render,
    strings_of,
)
from prox_assets.programs.policy import EXECUTOR_VERSION, ExecutionPolicy
from prox_assets.programs.refinement import (
    REFUSALS,
    REPLACE_PERSONAL_DATA,
    ChunkOutcome,
    Edit,
    EditStatus,
    LineRange,
    Outcome,
    Reason,
    Refinement,
    Verdict,
)

__all__ = [
    "DIALECTS",
    "EXECUTOR_VERSION",
    "LINE_LONGER_THAN_WINDOW",
    "REFUSALS",
    "REPLACE_PERSONAL_DATA",
    "CannotSayError",
    "Chunk",
    "ChunkOutcome",
    "ChunkProgram",
    "Dialect",
    "DialectName",
    "DocumentDecision",
    "DocumentReason",
    "DropDoc",
    "Edit",
    "EditStatus",
    "ExecutionPolicy",
    "InsertLine",
    "KeepChunk",
    "KeepDoc",
    "LineRange",
    "Normalize",
    "Operation",
    "Outcome",
    "ParseError",
    "ParseErrorReason",
    "ParsedProgram",
    "Provenance",
    "ProvenanceError",
    "Reason",
    "Refinement",
    "RemoveAll",
    "RemoveAllLines",
    "RemoveLines",
    "Render",
    "ReplaceInLine",
    "Rewrite",
    "Segment",
    "SegmentKind",
    "ShownLines",
    "Verdict",
    "chunk_grammar",
    "decide_document",
    "document_grammar",
    "execute",
    "execute_with_provenance",
    "expected_f1_cutoff",
    "labelled_program",
    "line_cutoff",
    "operation_of",
    "operations_from_probabilities",
    "pack_lines",
    "parse",
    "render",
    "stored_programs",
    "strings_of",
]
