"""Reference mode against the released code of UltraX and ReScraper, where variables name checkouts of them."""

import os
import random
from pathlib import Path

import pytest

from benchmarks.released_executors import REPOSITORIES, compare
from benchmarks.support.released_code import load_module
from benchmarks.support.released_executors import ULTRAX_INFERENCE, released_ultrax
from prox_assets.programs import Chunk, ChunkProgram, ExecutionPolicy, execute
from prox_assets.testing.programs.released_mutations import released_input

VARIABLES = {"ultrax": "PROX_ULTRAX_CHECKOUT", "rescraper": "PROX_RESCRAPER_CHECKOUT"}
CHECKOUTS = {dialect: os.environ.get(variable) for dialect, variable in VARIABLES.items()}
PROGRAMS = 4_000
ULTRAX = ExecutionPolicy(mode="reference", dialect="ultrax")


def checkout_of(dialect: str) -> Path:
    if not CHECKOUTS[dialect]:
        pytest.skip(f"{VARIABLES[dialect]} names no checkout")
    return Path(CHECKOUTS[dialect] or "")


@pytest.mark.parametrize("dialect", VARIABLES)
def test_every_result_of_a_released_executor_is_reproduced(dialect):
    checkout = checkout_of(dialect)
    repository = next(repository for repository in REPOSITORIES if repository.dialect == dialect)

    comparison = compare(repository, checkout, seed=7, first=0, programs=PROGRAMS)

    assert comparison.differences == []
    assert comparison.identical > PROGRAMS / 3
    assert comparison.edited > comparison.identical / 3


def test_the_parts_of_the_windows_that_the_released_code_cuts_are_chunks():
    checkout = checkout_of("ultrax")
    released = released_ultrax(checkout)
    inference = load_module(checkout / ULTRAX_INFERENCE, "released_inference")
    choose = random.Random(0)
    several = 0
    for number in range(1_000):
        case = released_input("ultrax", 11, number)
        text = case.text.replace("\r", " ")  # where a \r ends a line, a window may end inside a line of ours
        if not text.strip():
            continue
        windows = inference.split_by_sliding_window(text, choose.choice([40, 150, 600]), 0.2)
        # A window whose lines the one before has all shown decides nothing.
        parts = [
            (window.overlap_start, window.end_line) for window in windows if window.overlap_start <= window.end_line
        ]
        answers = [str(item.program or "keep_all()") for item in case.programs]
        programs = [
            ChunkProgram(Chunk(index, first - 1, last - 1), answers[index % len(answers)])
            for index, (first, last) in enumerate(parts)
        ]
        several += len(programs) > 1
        refinement = execute(text, programs, ULTRAX)
        assert (refinement.text or None) == (released(text, programs, ULTRAX) or None), (number, text, programs)
    assert several > 200
