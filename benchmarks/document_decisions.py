"""Document decisions from one token against a full program: `python -m benchmarks.document_decisions --pages FILE`.

The released code generates a program per document (greedy, up to 2,000 tokens) and parses it. This project scores the
two possible answers in one forward pass, at the token where they diverge. Both use the same prompts and the same
engine, in the order one token, program, one token, so that a drift in the machine's speed favours neither. The model is
small and trained on the spot until it writes real programs and stops: one that rambles would make full generation look
slower than it is. The number of tokens it wrote is printed.
"""

import os
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import mean

from pydantic import ValidationError

from benchmarks.engine_efficiency import engine_settings
from benchmarks.support.arguments import add_engine_option, command_parser, positive
from benchmarks.support.bare_vllm import SharedVllm, StopWatch
from benchmarks.support.decision_refiner import REFERENCE_MAX_TOKENS, SHAPE, as_released, make_decision_refiner
from prox_assets.engines.open import open_engine
from prox_assets.engines.protocol import Engine, EngineError
from prox_assets.programs import ExecutionPolicy, decide_document
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.open import open_document_refiner
from prox_assets.refiners.protocol import DocumentProgram, RefinerInput
from prox_assets.training.data.pages import LabelledPage, PagesError, read_labelled_pages

# How the released code parses an answer (reference), and how this project does.
PARSING = (ExecutionPolicy(mode="reference"), ExecutionPolicy())


@dataclass(frozen=True, slots=True)
class Asked:
    """Answers by doc id to one way of asking, with wall and CPU seconds."""

    answers: dict[str, DocumentProgram]
    seconds: float
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far decisions by score and by program agree, for one way of parsing programs.

    Attributes:
        same: Number of documents with the same decision.
        kept: Number of documents kept by score.
        unlike: Documents decided differently although the program is one of the two answers; should be empty.
        other: Documents whose program is neither answer.
    """

    same: int
    kept: int
    unlike: tuple[str, ...]
    other: tuple[str, ...]


def compare(
    documents: Sequence[RefinerInput],
    scored: dict[str, DocumentProgram],
    written: dict[str, DocumentProgram],
    config: RefinerConfig,
    policy: ExecutionPolicy,
) -> Agreement:
    """Compare decisions by score with decisions by program."""
    same = kept = 0
    unlike: list[str] = []
    other: list[str] = []
    for document in documents:
        by_score = decide_document(document.text, None, scored[document.doc_id].keep_probability, policy)
        program = written[document.doc_id].program
        by_program = decide_document(document.text, program, None, policy)
        kept += by_score.keep
        is_answer = (program or "").strip() in (config.keep_answer, config.drop_answer)
        if not is_answer:
            other.append(document.doc_id)
        if by_score.keep == by_program.keep:
            same += 1
        elif is_answer:
            unlike.append(document.doc_id)
    return Agreement(same, kept, tuple(unlike), tuple(other))


def _ask(config: RefinerConfig, engine: Engine, shared: SharedVllm, documents: Sequence[RefinerInput]) -> Asked:
    if config.model is None:
        raise RefinerError(f"{config.name} has no model")
    refiner = open_document_refiner(config, engine, Path(config.model))
    shared.forget_prompts()
    watch = StopWatch()
    answers = {answer.doc_id: answer for answer in refiner.write_programs(documents)}
    seconds, cpu_seconds = watch.read()
    if failed := [answer for answer in answers.values() if answer.error is not None]:
        raise RefinerError(f"{len(failed)} documents failed, the first with: {failed[0].error}")
    return Asked(answers, seconds, cpu_seconds)


def _report(documents: Sequence[RefinerInput], config: RefinerConfig, asked: tuple[Asked, Asked, Asked]) -> int:
    first, written, last = asked
    tokens = sorted(answer.completion_tokens for answer in written.answers.values())
    prompts = mean(answer.prompt_tokens for answer in written.answers.values())
    programs = Counter((answer.program or "").strip() for answer in written.answers.values())
    cut = sum(answer.finish_reason == "length" for answer in written.answers.values())
    print(f"\n{len(documents)} pages, {prompts:,.0f} prompt tokens each on average")
    print(f"programs: {'; '.join(f'{text[:40]!r} {count}' for text, count in programs.most_common(3))}")
    print(
        f"tokens written: median {tokens[len(tokens) // 2]}, mean {mean(tokens):.1f}, most {tokens[-1]}; "
        f"{cut} answers truncated at {REFERENCE_MAX_TOKENS:,}\n"
    )
    print("| asked | seconds | of processor time | documents/s |\n|---|---|---|---|")
    score_seconds, score_cpu = mean((first.seconds, last.seconds)), mean((first.cpu_seconds, last.cpu_seconds))
    for name, seconds, cpu in (
        ("one token", score_seconds, score_cpu),
        ("program", written.seconds, written.cpu_seconds),
    ):
        print(f"| {name} | {seconds:.2f} | {cpu:.2f} | {len(documents) / seconds:,.1f} |")
    print(f"\nspeed-up {written.seconds / score_seconds:.2f}, of processor time {written.cpu_seconds / score_cpu:.2f}")
    unlike = 0
    for policy in PARSING:
        found = compare(documents, first.answers, written.answers, config, policy)
        print(
            f"decisions, programs parsed in {policy.mode} mode: {found.same} of {len(documents)} the same "
            f"({found.kept} kept); {len(found.other)} programs are neither answer"
        )
        unlike += len(found.unlike)
        if found.unlike:
            print(f"  different although the program is a valid answer: {', '.join(found.unlike[:5])}")
    return unlike


def _pages(path: Path, train: int, ask: int) -> tuple[list[LabelledPage], list[LabelledPage]]:
    pages = list(islice((page for page in read_labelled_pages(path) if page.text_full.strip()), train + ask))
    if len(pages) < train + 1:
        raise ValueError(f"{path} has {len(pages)} pages: training on {train} leaves none to ask about")
    return pages[:train], pages[train:]


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return 1 if a decision differs although the program is one of the two answers."""
    parser = command_parser("document_decisions", __doc__)
    parser.add_argument("--count", type=positive, default=500, help="pages to decide about (500)")
    parser.add_argument("--training-pages", type=positive, default=400, help="pages before those, to train on (400)")
    parser.add_argument("--steps", type=positive, default=300, help="optimiser steps of eight pages each (300)")
    add_engine_option(parser)
    parser.add_argument("--work", type=Path, help="new folder for the model, kept; a temporary one by default")
    options = parser.parse_args(arguments)
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    with tempfile.TemporaryDirectory(prefix="prox-bench-") as temporary:
        try:
            settings = engine_settings(SHAPE, options.engine_option)
            training, asked = _pages(options.pages, options.training_pages, options.count)
            config, loss = make_decision_refiner(options.work or Path(temporary), training, options.steps)
            print(f"trained {options.steps} steps on {len(training)} pages, loss {loss:.4f} nats per token", flush=True)
            documents = [RefinerInput(page.page_id, page.text_full) for page in asked]
            with SharedVllm() as shared, open_engine(settings, str(config.model)) as engine:
                _ask(config, engine, shared, documents[:8])  # warm-up
                unlike = _report(
                    documents,
                    config,
                    (
                        _ask(config, engine, shared, documents),
                        _ask(as_released(config), engine, shared, documents),
                        _ask(config, engine, shared, documents),
                    ),
                )
        except (EngineError, RefinerError, PagesError, ValidationError, ValueError, OSError, RuntimeError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    return 1 if unlike else 0


if __name__ == "__main__":
    sys.exit(main())
