"""Constrained decoding of models that read: nothing but valid programs, and no other ones where those are valid."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from prox_assets.engines.config import EngineConfig, TransformersEngineConfig, VllmEngineConfig
from prox_assets.engines.open import open_engine
from prox_assets.engines.protocol import Engine
from prox_assets.programs import document_grammar
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.open import open_chunk_refiner, open_document_refiner
from prox_assets.refiners.probe_pages import PROBE_PAGES

llguidance = pytest.importorskip("llguidance", reason="llguidance comes with vLLM")

pytestmark = pytest.mark.slow
BYTES = llguidance.LLTokenizer("byte")
# A spelling that the model has never seen: the one of the released models.
RELEASED = {"keep_call": "untouch_doc", "range_keywords": ("start", "end")}
ENGINES: dict[str, EngineConfig] = {
    "transformers": TransformersEngineConfig(device="cpu", dtype="bfloat16"),
    "vllm": VllmEngineConfig(dtype="bfloat16", enforce_eager=True, core_process="same", max_num_seqs=8),
}


@pytest.fixture(scope="module", params=["transformers", pytest.param("vllm", marks=pytest.mark.vllm)])
def engine(request: pytest.FixtureRequest, chunk_reader: RefinerConfig) -> Iterator[Engine]:
    with open_engine(ENGINES[request.param], str(chunk_reader.model)) as opened:
        yield opened


def answers(config: RefinerConfig, engine: Engine) -> dict[str, tuple[str, bool]]:
    """Return the program of each sample page, which is one chunk, and whether the model ended it by itself."""
    own = config.model_copy(update={"probe": False})
    results = list(open_chunk_refiner(own, engine, Path(str(config.model))).write_programs(PROBE_PAGES))
    assert [result.error for result in results] == [None] * len(PROBE_PAGES)
    return {
        result.doc_id: (row.program or "", row.finish_reason == "stop") for result in results for row in result.rows
    }


def follows(grammar: str | None, program: str, ended: bool = True) -> bool:
    """Tell whether a program follows the grammar, or begins as one that does if it was cut off."""
    matcher = llguidance.LLMatcher(BYTES, llguidance.LLMatcher.grammar_from_lark(grammar))
    return bool(matcher.consume_tokens(list(program.encode())) and (matcher.is_accepting() or not ended))


def test_every_program_is_valid_and_those_that_are_valid_without_a_grammar_stay(
    chunk_reader: RefinerConfig, engine: Engine
) -> None:
    constrained_reader = chunk_reader.model_copy(update={"constrained": True})
    free, constrained = answers(chunk_reader, engine), answers(constrained_reader, engine)
    assert [page for page, answer in constrained.items() if not follows(constrained_reader.grammar, *answer)] == []
    valid = {
        page: answer for page, answer in free.items() if answer[1] and follows(constrained_reader.grammar, *answer)
    }
    assert len(valid) >= 6
    assert len({*valid.values()}) >= 3
    assert {page: constrained[page] for page in valid} == valid


def test_a_spelling_that_the_model_was_not_trained_on_is_kept_to(chunk_reader: RefinerConfig, engine: Engine) -> None:
    """Led off its own spelling, the model repeats itself; whatever it writes is valid, up to where it is cut off."""
    released = chunk_reader.model_copy(update={"constrained": True, **RELEASED})
    found = answers(released, engine)
    assert [page for page, answer in found.items() if not follows(released.grammar, *answer)] == []
    assert any("remove_lines(start=" in program for program, _ in found.values())
    assert not any("line_start" in program for program, _ in found.values())


def test_a_model_that_was_never_tuned_decides_in_one_of_two_words(
    doc_reader: RefinerConfig, instruct_model: Path
) -> None:
    untuned = doc_reader.model_copy(update={"model": str(instruct_model), "probe": False})
    with open_engine(ENGINES["transformers"], str(instruct_model)) as engine:
        free, constrained = (
            [
                result.program
                for result in open_document_refiner(config, engine, instruct_model).write_programs(PROBE_PAGES)
            ]
            for config in (untuned, untuned.model_copy(update={"constrained": True}))
        )
    assert not any(follows(document_grammar(), program or "") for program in free)
    assert {*constrained} <= {"keep_doc()", "drop_doc()"}
