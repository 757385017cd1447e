"""Examples for refiners that write programs: a prompt and the program that answers it, as token ids.

Chunks begin at random offsets, and their programs use the line numbers shown in the prompt. Documents come with their
decision. For scored answers see fit/scored_batches.py.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prox_assets.programs import KeepChunk, Normalize, Operation, operations_from_probabilities, parse, render
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.model.tokenization import PromptTokenizer
from prox_assets.refiners.prompts.chunk_prompts import ChunkPrompts, ProgramChunkPlanner
from prox_assets.refiners.prompts.document_prompts import DocumentPromptBuilder
from prox_assets.refiners.prompts.formats import prompt_frame, shown_text
from prox_assets.training.data.page_annotations import KEEP_FROM

if TYPE_CHECKING:
    import torch

IGNORED = -100
# Each text is shown from this many starting lines, so that a line occurs with different numbers and neighbours.
OFFSETS = 3


@dataclass(frozen=True, slots=True)
class ProgramExample:
    """A prompt and its answer as token ids; the answer ends with the end-of-sequence token, if there is one."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]


def program_examples(
    config: RefinerConfig, tokenizer: PromptTokenizer, rows: Sequence[Mapping[str, Any]], seed: int
) -> list[ProgramExample]:
    """Return the examples of a level from rows of TRAINING_DOCUMENTS or TRAINING_CHUNKS; the seed draws the offsets.

    Raises:
        RefinerError: The prompt format is still "auto", or does not fit the window.
    """
    if config.prompt_format not in ("llama2-chat", "plain"):
        raise RefinerError(
            f"{config.name}: training needs prompt_format llama2-chat or plain, not {config.prompt_format}."
        )
    if config.level == "doc":
        return _document_examples(config, tokenizer, rows)
    return _chunk_examples(config, tokenizer, rows, random.Random(seed))  # noqa: S311 (nothing secret)


def _document_examples(
    config: RefinerConfig, tokenizer: PromptTokenizer, rows: Sequence[Mapping[str, Any]]
) -> list[ProgramExample]:
    frame = prompt_frame(config.prompt_format, "doc")  # pyright: ignore[reportArgumentType] - checked above
    answers = [config.keep_answer if row["keep_target"] >= KEEP_FROM else config.drop_answer for row in rows]
    longest = max((len(encoded) for encoded in tokenizer.encode([config.keep_answer, config.drop_answer])), default=0)
    budget = min(config.prompt_budget, config.window - longest - 1)
    prompts = DocumentPromptBuilder(tokenizer, frame, budget).build([shown_text(row["text"]) for row in rows])
    return [
        ProgramExample(prompt.token_ids, encoded.token_ids + tokenizer.end_token_ids)
        for prompt, encoded in zip(prompts, tokenizer.encode(answers), strict=True)
    ]


def _chunk_examples(
    config: RefinerConfig, tokenizer: PromptTokenizer, rows: Sequence[Mapping[str, Any]], rng: random.Random
) -> list[ProgramExample]:
    frame = prompt_frame(config.prompt_format, "chunk")  # pyright: ignore[reportArgumentType] - checked above
    planner = ProgramChunkPlanner(ChunkPrompts(tokenizer, frame, config.prompt_budget, config.line_numbers))
    examples: list[ProgramExample] = []
    for row in rows:
        lines = row["text"].split("\n")
        offsets = {0, *(rng.randrange(len(lines)) for _ in range(OFFSETS - 1))}
        for offset in sorted(offsets):
            (chunks,) = planner.plan(["\n".join(lines[offset:])])
            shown = [item for item in chunks if item.prompt_token_ids]
            for item in shown:
                start, end = offset + item.chunk.line_start, offset + item.chunk.line_end
                first = 0 if config.line_numbers == "chunk" else item.chunk.line_start
                program = _program(row, lines, start, end, first)
                encoded = tokenizer.encode([_spelled(program, config)])[0].token_ids
                if len(encoded) < config.max_new_tokens:
                    examples.append(ProgramExample(item.prompt_token_ids, encoded + tokenizer.end_token_ids))
    return examples


def _program(row: Mapping[str, Any], lines: Sequence[str], start: int, end: int, first: int) -> tuple[Operation, ...]:
    """Return the operations for lines [start, end] of an annotated text, numbered from `first`."""
    targets = row["line_targets"][start : end + 1]
    removals = operations_from_probabilities(targets, KEEP_FROM, first)
    kept = [line for line, target in zip(lines[start : end + 1], targets, strict=True) if target >= KEEP_FROM]
    replacements = [
        operation
        for operation in parse(row["program"]).operations
        if isinstance(operation, Normalize) and any(operation.source in line for line in kept)
    ]
    return (*removals, *replacements) or (KeepChunk(),)


def _spelled(program: tuple[Operation, ...], config: RefinerConfig) -> str:
    """Render a program with the names that this refiner should write."""
    text = render(program)
    if program == (KeepChunk(),):
        return f"{config.keep_call}()"
    start, end = config.range_keywords
    return "\n".join(
        line.replace("line_start=", f"{start}=", 1).replace("line_end=", f"{end}=", 1)
        if line.startswith("remove_lines")
        else line
        for line in text.split("\n")
    )


def collate(padding: int, examples: Sequence[ProgramExample]) -> dict[str, torch.Tensor]:
    """Return the tensors of a batch; only answers enter the loss, and padding (any token id) is on the right."""
    import torch

    width = max(len(item.prompt) + len(item.answer) for item in examples)
    input_ids = torch.full((len(examples), width), padding)
    attention_mask = torch.zeros((len(examples), width), dtype=torch.long)
    labels = torch.full((len(examples), width), IGNORED)
    for row, item in enumerate(examples):
        length = len(item.prompt) + len(item.answer)
        input_ids[row, :length] = torch.tensor(item.prompt + item.answer)
        attention_mask[row, :length] = 1
        labels[row, len(item.prompt) : length] = torch.tensor(item.answer)
    return {"input_ids": input_ids, "attention_mask": attention_mask, "labels": labels}
