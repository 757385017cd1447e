"""The `rules` refiner: published heuristics write the programs, without a model.

It turns the findings of line_rules.py, document_rules.py and citations.py into programs, with the reason as a comment
after each call.
"""

from collections.abc import Iterable, Iterator

from prox_assets.programs.operations import DropDoc, KeepChunk, KeepDoc, Normalize, Operation, RemoveLines, render
from prox_assets.refiners.prompts.chunk_prompts import BLANK
from prox_assets.refiners.protocol import ChunkProgramRow, ChunkPrograms, DocumentProgram, RefinerInput
from prox_assets.refiners.rules.citations import citation_marks
from prox_assets.refiners.rules.config import RuleSettings
from prox_assets.refiners.rules.document_rules import first_finding
from prox_assets.refiners.rules.line_rules import RemovedLine, is_code, removed_lines
from prox_assets.refiners.rules.text_measures import visible_lines

# The executor accepts at most 512 different replacements in a chunk; no page needs nearly as many.
MAX_CITATION_MARKS = 256


class RulesDocumentRefiner:
    """Keeps or drops documents by the document rules, judged by the text that the line rules would leave."""

    def __init__(self, settings: RuleSettings | None = None) -> None:
        """Set the thresholds; the defaults if None."""
        self._settings = settings or RuleSettings()

    def write_programs(self, documents: Iterable[RefinerInput]) -> Iterator[DocumentProgram]:
        """Yield one program per document, in order."""
        for document in documents:
            blank = not document.text.strip()
            yield DocumentProgram(
                doc_id=document.doc_id,
                program=None if blank else document_program(document.text, self._settings),
                keep_probability=None,
                prompt_tokens=0,
                completion_tokens=0,
                truncated=False,
                finish_reason="skipped" if blank else "stop",
            )


class RulesChunkRefiner:
    """Removes lines by the line rules; rules have no window, so the whole document is one chunk."""

    def __init__(self, settings: RuleSettings | None = None) -> None:
        """Set the thresholds; the defaults if None."""
        self._settings = settings or RuleSettings()

    def write_programs(self, documents: Iterable[RefinerInput]) -> Iterator[ChunkPrograms]:
        """Yield the single chunk of each document, in order."""
        for document in documents:
            blank = not document.text.strip()
            row = ChunkProgramRow(
                chunk_index=0,
                line_start=0,
                line_end=document.text.count("\n"),
                program=None if blank else chunk_program(document.text, self._settings),
                line_keep_probabilities=None,
                prompt_tokens=0,
                completion_tokens=0,
                finish_reason="skipped" if blank else "stop",
                skip_reason=BLANK if blank else None,
            )
            yield ChunkPrograms(document.doc_id, (row,))


def document_program(text: str, settings: RuleSettings) -> str:
    """Return `keep_doc()`, or `drop_doc()` and the first rule that the document breaks."""
    finding = first_finding("\n".join(_kept(visible_lines(text), settings)), settings.documents)
    return _call(KeepDoc()) if finding is None else _call(DropDoc(), str(finding))


def chunk_program(text: str, settings: RuleSettings) -> str:
    """Return remove_lines and normalize calls for a whole document, or `keep_chunk()` if no rule applies."""
    # Invisible characters at line ends decide nothing and are part of no mark, so the calls fit the stored text.
    lines = visible_lines(text)
    removed = removed_lines(lines, settings.lines)
    calls = [_call(RemoveLines(run[0].number, run[-1].number), run[0].reason) for run in _runs(removed)]
    if settings.lines.strip_citations:
        gone = {line.number for line in removed}
        kept = [line for number, line in enumerate(lines) if number not in gone]
        marks = citation_marks(kept, [line for line in kept if "[" in line and is_code(line)])
        calls += [_call(Normalize(mark, ""), "c4: citation") for mark in marks[:MAX_CITATION_MARKS]]
    return "\n".join(calls) or _call(KeepChunk())


def _kept(lines: list[str], settings: RuleSettings) -> list[str]:
    gone = {line.number for line in removed_lines(lines, settings.lines)}
    return [line for number, line in enumerate(lines) if number not in gone]


def _runs(removed: list[RemovedLine]) -> Iterator[list[RemovedLine]]:
    """Yield runs of consecutive lines removed by the same rule; its values may differ from line to line."""
    run: list[RemovedLine] = []
    for line in removed:
        if run and (line.number != run[-1].number + 1 or _rule(line) != _rule(run[0])):
            yield run
            run = []
        run.append(line)
    if run:
        yield run


def _rule(line: RemovedLine) -> str:
    """Return source and name of the rule, without value and threshold: "isolated: prose_around"."""
    return " ".join(line.reason.split(" ", 2)[:2])


def _call(operation: Operation, reason: str | None = None) -> str:
    return render([operation]) if reason is None else f"{render([operation])}  # {reason}"
