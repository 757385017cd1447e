"""The prompt-format probe: does a model answer properly in this format?

It tries prompt formats on a few documents and judges the answers. A wrong format fails silently: the chunk refiner
writes programs that do nothing, and a whole backfill comes out unrefined. The bounds for chunks are the ones that users
of the released models told the formats apart with: half the documents with operations, half of them kept, and 30 to
99.9 % of the words left.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import exp

from prox_assets.engines.protocol import Completion, CompletionRequest, Engine, Score, ScoreRequest
from prox_assets.programs import DIALECTS
from prox_assets.programs.chunking import Chunk
from prox_assets.programs.dialects.line_labels import labelled_program
from prox_assets.programs.dialects.prox import parse
from prox_assets.programs.execution.executor import ChunkProgram, execute
from prox_assets.programs.operations import DropDoc, KeepChunk, KeepDoc, Operation
from prox_assets.programs.policy import ExecutionPolicy
from prox_assets.programs.words import count_words
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.errors import ProbeError
from prox_assets.refiners.model.chunk_refiner import ModelChunkRefiner
from prox_assets.refiners.model.document_refiner import ModelDocumentRefiner
from prox_assets.refiners.model.tokenization import PromptTokenizer
from prox_assets.refiners.probe_pages import PROBE_PAGES
from prox_assets.refiners.protocol import ChunkProgramRow, ChunkPrograms, DocumentProgram, RefinerInput

# Earlier formats win ties.
AUTO_FORMATS = ("plain", "llama2-chat")
KEEP_THRESHOLD = 0.5


MINIMA = {
    "valid_programs": 0.8,
    "with_operations": 0.5,
    "kept": 0.5,
    "word_ratio": 0.30,
    "answer_mass": 0.5,
    "spread": 0.1,
}
"""The least that a format has to reach, by measure, as shares.

* valid_programs: programs that parse, with at least one call each.
* with_operations, kept: pages with a removal or replacement, and pages that keep some text.
* word_ratio: words left of all words.
* answer_mass: the mean of P(keep) + P(drop). A model that understands the question leaves other tokens little.
* spread: between the highest and the lowest keep probability. A model that answers every page alike is not reading it.
"""
MAX_WORD_RATIO = 0.999


@dataclass(frozen=True, slots=True)
class FormatTrial:
    """How a model did in one prompt format.

    Attributes:
        prompt_format: The format.
        measures: Measurements by name: shares in [0, 1].
        failures: The bounds that were missed, in words; empty if the format is accepted.
    """

    prompt_format: str
    measures: dict[str, float]
    failures: tuple[str, ...]

    @property
    def accepted(self) -> bool:
        """Whether every bound was met."""
        return not self.failures

    def __str__(self) -> str:
        """Return a one-line summary for people."""
        measured = ", ".join(f"{name} {value:.3f}" for name, value in self.measures.items())
        verdict = "accepted" if self.accepted else f"refused because {'; '.join(self.failures)}"
        return f"{self.prompt_format}: {verdict} ({measured})"


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """The outcome of a probe that found a format: every trial, and the configuration with the chosen format."""

    config: RefinerConfig
    trials: tuple[FormatTrial, ...]


def probe(
    config: RefinerConfig, engine: Engine, tokenizer: PromptTokenizer, documents: Iterable[RefinerInput] = PROBE_PAGES
) -> ProbeReport:
    """Try the configured prompt format, or all of them for "auto", and choose the best accepted one.

    Args:
        config: A refiner of kind model or cascade.
        engine: The engine that runs it.
        tokenizer: Its tokenizer.
        documents: Sample pages, clean and noisy. With the built-in pages the choice depends on the model alone.

    Raises:
        ProbeError: No format was accepted; the message says what each one did.
        EngineError: The engine died.
    """
    samples = list(documents)
    formats = AUTO_FORMATS if config.prompt_format == "auto" else (config.prompt_format,)
    trials: list[FormatTrial] = []
    for prompt_format in formats:
        # The built-in pages are in English; a refiner that abstains from it is tried on them anyway. Of a
        # cascade the model is tried, on all pages.
        plain = {"trained_scripts": None, "kind": "model", "cascade": None}
        tried = config.model_copy(update={"prompt_format": prompt_format, **plain})
        trials.append(_try(tried, engine, tokenizer, samples))
    accepted = [trial for trial in trials if trial.accepted]
    if not accepted:
        raise ProbeError(
            f"{config.name} ({config.model}) did not answer the {len(samples)} sample pages properly in any prompt "
            "format tried. "
            + " ".join(f"{trial}." for trial in trials)
            + " Set prompt_format to the format that the model was tuned with, and check that it is a refiner of "
            f"level {config.level} and dialect {config.dialect}."
        )
    best = max(accepted, key=lambda trial: list(trial.measures.values()))
    return ProbeReport(config.model_copy(update={"prompt_format": best.prompt_format}), tuple(trials))


def _try(
    config: RefinerConfig, engine: Engine, tokenizer: PromptTokenizer, samples: Sequence[RefinerInput]
) -> FormatTrial:
    watched = _AnswerMassMeter(engine)
    if config.level == "doc":
        results = list(ModelDocumentRefiner(config, watched, tokenizer).write_programs(samples))
        errors = [result.error for result in results if result.error is not None]
        measures = _judge_scores(results, watched) if config.decoding == "score" else _judge_programs(results)
    else:
        chunked = list(ModelChunkRefiner(config, watched, tokenizer).write_programs(samples))
        errors = [result.error for result in chunked if result.error is not None]
        measures = _judge_chunks(config, samples, chunked)
        if config.decoding == "score":
            measures = {"answer_mass": watched.mean, **measures}
    failures = _failures(measures)
    if errors:
        failures.append(f"{len(errors)} of {len(samples)} pages failed: {errors[0]}")
    return FormatTrial(config.prompt_format, measures, tuple(failures))


def _failures(measures: dict[str, float]) -> list[str]:
    failures = [f"{name} {value:.3f} < {MINIMA[name]}" for name, value in measures.items() if value < MINIMA[name]]
    ratio = measures.get("word_ratio", 0.0)
    if ratio > MAX_WORD_RATIO:
        failures.append(f"word_ratio {ratio:.3f} > {MAX_WORD_RATIO}")
    return failures


def _judge_scores(results: Sequence[DocumentProgram], watched: "_AnswerMassMeter") -> dict[str, float]:
    probabilities = [result.keep_probability for result in results if result.keep_probability is not None]
    spread = max(probabilities) - min(probabilities) if probabilities else 0.0
    return {"answer_mass": watched.mean, "spread": spread}


def _judge_programs(results: Sequence[DocumentProgram]) -> dict[str, float]:
    decisions = [_decision(result.program) for result in results if result.program is not None]
    valid = [decision for decision in decisions if decision is not None]
    return {"valid_programs": _share(len(valid), len(decisions)), "spread": 1.0 if len(set(valid)) > 1 else 0.0}


def _decision(program: str) -> bool | None:
    """Return whether a document program keeps its document; None if it is not exactly one valid decision."""
    parsed = parse(program)
    decisions = {
        isinstance(operation, KeepDoc) for operation in parsed.operations if isinstance(operation, KeepDoc | DropDoc)
    }
    return decisions.pop() if len(decisions) == 1 and not parsed.errors else None


def _judge_chunks(
    config: RefinerConfig, samples: Sequence[RefinerInput], results: Sequence[ChunkPrograms]
) -> dict[str, float]:
    # A document that is emptied is what this looks for, so it must not stay as it was.
    policy = ExecutionPolicy(dialect=config.dialect, line_numbers=config.line_numbers, on_empty="drop")
    texts = {sample.doc_id: sample.text for sample in samples}
    asked = [result for result in results if any(row.skip_reason is None for row in result.rows)]
    valid = with_operations = kept = words_before = words_after = 0
    for result in asked:
        text = texts[result.doc_id]
        programs = [_read(row, policy) for row in result.rows]
        valid += all(operations is not None for _, operations in programs)
        with_operations += any(not isinstance(call, KeepChunk) for _, found in programs for call in found or ())
        refined = execute(text, [program for program, _ in programs], policy).text
        kept += bool(refined.strip())
        words_before += count_words(text)
        words_after += count_words(refined)
    measures = {
        "valid_programs": _share(valid, len(asked)),
        "with_operations": _share(with_operations, len(asked)),
        "kept": _share(kept, len(asked)),
        "word_ratio": _share(words_after, words_before),
    }
    if config.decoding == "score":
        del measures["valid_programs"]
    return measures


def _read(row: ChunkProgramRow, policy: ExecutionPolicy) -> tuple[ChunkProgram, tuple[Operation, ...] | None]:
    """Return what to execute for a row, and its operations: none for a skipped chunk, None if it cannot be parsed."""
    chunk = Chunk(row.chunk_index, row.line_start, row.line_end, row.skip_reason)
    if row.skip_reason is not None:
        return ChunkProgram(chunk, None), ()
    program = row.program or ""
    if row.line_keep_probabilities is not None:
        first = policy.first_line_number(chunk)
        labelled = labelled_program(row.line_keep_probabilities, row.program, KEEP_THRESHOLD, first)
        if not isinstance(labelled, str):
            return ChunkProgram(chunk, labelled), labelled
        program = labelled
    parsed = DIALECTS[policy.dialect].parse(program)
    if parsed.errors or not parsed.operations:
        return ChunkProgram(chunk, None), None
    return ChunkProgram(chunk, program, row.finish_reason == "length"), parsed.operations


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


@dataclass
class _AnswerMassMeter:
    """Wraps an engine and records the total probability of the candidates at each scored position."""

    engine: Engine
    masses: list[float] = field(default_factory=list)

    @property
    def mean(self) -> float:
        return sum(self.masses) / len(self.masses) if self.masses else 0.0

    @property
    def max_model_len(self) -> int:
        return self.engine.max_model_len

    def complete(self, requests: Iterable[CompletionRequest]) -> Iterator[Completion]:
        return self.engine.complete(requests)

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        for result in self.engine.score(replace(request, relative=False) for request in requests):
            self.masses.extend(sum(map(exp, row)) for row in result.log_probabilities)
            yield result

    def close(self) -> None:
        self.engine.close()

    def __enter__(self) -> "_AnswerMassMeter":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
