"""The `rules` refiner: published heuristics write the programs, without a model.

Each call has its reason as a comment behind it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby

from prox_assets.programs.chunking import Chunk
from prox_assets.programs.execution.executor import execute
from prox_assets.programs.operations import DropDoc, KeepChunk, KeepDoc, Normalize, Operation, RemoveLines, render
from prox_assets.programs.policy import ExecutionPolicy
from prox_assets.refiners.prompts.chunk_prompts import BLANK
from prox_assets.refiners.protocol import ChunkPrograms, DocumentProgram, RefinerInput
from prox_assets.refiners.rules.citations import citation_marks
from prox_assets.refiners.rules.config import RuleSettings
from prox_assets.refiners.rules.document_rules import first_finding
from prox_assets.refiners.rules.line_rules import is_code, removed_lines
from prox_assets.refiners.rules.text_measures import visible_lines

# The executor accepts at most 512 different replacements in a chunk; no page needs nearly as many.
MAX_CITATION_MARKS = 256


@dataclass(frozen=True)
class RulesDocumentRefiner:
    """Keeps or drops documents by the document rules, judged by the text that the chunk refiner's edits leave."""

    settings: RuleSettings = field(default_factory=RuleSettings)

    def write_programs(self, documents: Iterable[RefinerInput]) -> Iterator[DocumentProgram]:
        """Yield one program per document, in order."""
        for document in documents:
            if document.text.strip():
                program = document_program(document.text, self.settings)
                yield DocumentProgram(doc_id=document.doc_id, program=program, finish_reason="stop")
            else:
                yield DocumentProgram(doc_id=document.doc_id, finish_reason="skipped", skip_reason=BLANK)


@dataclass(frozen=True)
class RulesChunkRefiner:
    """Removes lines by the line rules; rules have no window, so the whole document is one chunk."""

    settings: RuleSettings = field(default_factory=RuleSettings)

    def write_programs(self, documents: Iterable[RefinerInput]) -> Iterator[ChunkPrograms]:
        """Yield the single chunk of each document, in order."""
        for document in documents:
            if document.text.strip():
                yield ChunkPrograms.of_one_chunk(document, chunk_program(document.text, self.settings))
            else:
                yield ChunkPrograms.of_one_chunk(document, None, BLANK)


def document_program(text: str, settings: RuleSettings) -> str:
    """Return `keep_doc()`, or `drop_doc()` and the first rule that the document breaks."""
    chunk = Chunk(0, 0, text.count("\n"))
    calls = tuple(operation for operation, _ in _edits(text, settings))
    # A document of which the line rules leave nothing is judged as empty, whatever execution will do with it.
    policy = ExecutionPolicy(on_empty="drop", protect_formulas=settings.lines.keep_formulas)
    left = execute(text, [(chunk, calls)], policy).text
    finding = first_finding(left, settings.documents)
    return _call(KeepDoc()) if finding is None else _call(DropDoc(), str(finding))


def chunk_program(text: str, settings: RuleSettings) -> str:
    """Return remove_lines and normalize calls for a whole document, or `keep_chunk()` if no rule applies."""
    return "\n".join(_call(*edit) for edit in _edits(text, settings)) or _call(KeepChunk())


def _edits(text: str, settings: RuleSettings) -> list[tuple[Operation, str]]:
    """Return the calls for a document, each with its reason."""
    # Invisible characters at line ends decide nothing and are part of no mark, so the calls fit the stored text.
    lines = visible_lines(text)
    removed = removed_lines(lines, settings.lines)
    edits = list(_removals(removed))
    if settings.lines.strip_citations:
        kept = [line for number, line in enumerate(lines) if number not in removed]
        marks = citation_marks(kept, [line for line in kept if "[" in line and is_code(line)])
        edits += [(Normalize(mark, ""), "c4: citation") for mark in marks[:MAX_CITATION_MARKS]]
    return edits


def _removals(removed: Mapping[int, str]) -> Iterator[tuple[Operation, str]]:
    """Yield a call for each run of lines removed by the same rule; its values may differ from line to line."""

    def run_and_rule(place: tuple[int, tuple[int, str]]) -> tuple[int, list[str]]:
        index, (number, reason) = place
        return number - index, reason.split(" ", 2)[:2]  # "isolated: prose_around", without value and threshold

    for _, run in groupby(enumerate(removed.items()), key=run_and_rule):
        (_, (first, reason)), *others = run
        yield RemoveLines(first, first + len(others)), reason


def _call(operation: Operation, reason: str | None = None) -> str:
    return render([operation]) if reason is None else f"{render([operation])}  # {reason}"
