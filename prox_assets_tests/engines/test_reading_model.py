"""Grammars with a chat model that reads: shown a few answered pages, it writes programs by itself.

A random model shows that a grammar confines an answer. Only one whose answers are good without a grammar shows that
the grammar leaves those as they are.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prox_assets.engines.config import EngineConfig, TransformersEngineConfig, VllmEngineConfig
from prox_assets.engines.open import open_engine
from prox_assets.engines.protocol import CompletionRequest, Engine
from prox_assets.programs import chunk_grammar, parse

pytestmark = pytest.mark.slow
EXAMPLES = [
    ("[000]Home | Shop\n[001]The mill stands on the left bank of the river.", "remove_lines(line_start=0, line_end=0)"),
    ("[000]The old bridge was built of oak, and it lasted for two centuries.", "keep_chunk()"),
    (
        "[000]Log in\n[001]Sign up\n[002]Bees find their way by the sun.\n[003]Privacy policy",
        "remove_lines(line_start=0, line_end=1)\nremove_lines(line_start=3, line_end=3)",
    ),
]
PAGES = [
    "[000]Home | About\n[001]The tower was finished after two winters of storms.",
    "[000]The moon pulls on the water, so that it rises twice a day.",
    "[000]Menu\n[001]Contact\n[002]A leaf needs light for the first stage only.\n[003]Terms of use",
    "[000]Merge sort halves the list again and again.\n[001]Reply\n[002]Report this post",
]
CALLS = chunk_grammar()
RELEASED = chunk_grammar("untouch_doc", "start", "end")
ENGINES: dict[str, EngineConfig] = {
    "transformers": TransformersEngineConfig(device="cpu", dtype="bfloat16"),
    "vllm": VllmEngineConfig(dtype="bfloat16", enforce_eager=True, core_process="same", max_num_seqs=8),
}


@pytest.fixture(scope="module", params=["transformers", pytest.param("vllm", marks=pytest.mark.vllm)])
def reader(request: pytest.FixtureRequest, instruct_model: Path) -> Iterator[Engine]:
    with open_engine(ENGINES[request.param], str(instruct_model)) as engine:
        yield engine


@pytest.fixture(scope="module")
def prompts(instruct_model: Path) -> list[tuple[int, ...]]:
    """A conversation for each page, in the model's own chat template."""
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(instruct_model)
    shown = [({"role": "user", "content": page}, {"role": "assistant", "content": answer}) for page, answer in EXAMPLES]
    before = [message for pair in shown for message in pair]
    rendered = [
        tokenizer.apply_chat_template(
            [*before, {"role": "user", "content": page}], tokenize=False, add_generation_prompt=True
        )
        for page in PAGES
    ]
    return [tuple(tokenizer.encode(text, add_special_tokens=False)) for text in rendered]


def answers(engine: Engine, prompts: list[tuple[int, ...]], grammar: str | None) -> list[str]:
    requests = [CompletionRequest(str(place), prompt, 60, grammar=grammar) for place, prompt in enumerate(prompts)]
    results = {result.request_id: result for result in engine.complete(requests)}
    # It ends its turn; text that is merely continued would go on.
    assert {result.finish_reason for result in results.values()} == {"stop"}
    return [results[str(place)].text for place in range(len(prompts))]


def test_valid_programs_are_the_same_under_the_grammar_and_the_others_become_valid(
    reader: Engine, prompts: list[tuple[int, ...]]
) -> None:
    free, confined = answers(reader, prompts, None), answers(reader, prompts, CALLS)
    assert all(parse(program).operations and not parse(program).errors for program in confined)
    valid = [place for place, program in enumerate(free) if parse(program).operations and not parse(program).errors]
    assert len(valid) >= 3
    assert [confined[place] for place in valid] == [free[place] for place in valid]


def test_a_spelling_that_no_example_showed_is_kept_to(reader: Engine, prompts: list[tuple[int, ...]]) -> None:
    confined = answers(reader, prompts, RELEASED)
    assert all(parse(program).operations and not parse(program).errors for program in confined)
    assert not any("line_start" in program or "keep_chunk" in program for program in confined)
