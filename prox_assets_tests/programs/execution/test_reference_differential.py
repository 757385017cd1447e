"""The reference mode against the released code itself, where PROX_REFERENCE_CHECKOUT names a checkout of it."""

import importlib.util
import os
import random
from pathlib import Path

import pytest

from prox_assets.programs.execution.reference.no_result import ReferenceExecutionError
from prox_assets.programs.execution.reference.prox import execute_chunk_program, execute_doc_program

CHECKOUT = os.environ.get("PROX_REFERENCE_CHECKOUT")
pytestmark = pytest.mark.skipif(not CHECKOUT, reason="PROX_REFERENCE_CHECKOUT names no checkout of GAIR-NLP/ProX")

ROUNDS = 20
DOCUMENTS_PER_ROUND = 1_000
WORDS = [
    *("a", "bb", "the", "Page 1", "http://x.co/?u=1&b=2", "(link)", "x,y", '"q"', "中文", "cat", "concat", "", " "),
    *("\r", "\t", "\x1c", "\x85", "\u2028", "\u3000", "é", "a=b"),
]
FRAGMENTS = [
    *("remove_lines", "normalize", "(", ")", ",", "=", '"', "'", "start=", "end=", "0", "1", "2", "12", "-1", "3000"),
    *(
        "all=True",
        "source_str=",
        "target_str=",
        " ",
        "\n",
        "\n",
        "untouch_doc()",
        "#",
        "```",
        "\\",
        "１",
        "1_0",
        "drop",
    ),
    *WORDS,
]
NUMBERS = ["0", "1", "2", "3", "5", "9", "29", "30", "31", "-1", " 4 ", "1000", "x", "", "9" * 5_000]


def _released(module):
    path = Path(CHECKOUT or "") / "utils" / f"{module}.py"
    specification = importlib.util.spec_from_file_location(f"released_{module}", path)
    assert specification is not None
    assert specification.loader is not None
    loaded = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(loaded)
    return loaded.execute_meta_operations


def _text(choose):
    lines = choose.choice([0, 1, 2, 5, 10, 30])
    return "\n".join(" ".join(choose.choices(WORDS, k=choose.choice([0, 1, 3, 8]))) for _ in range(lines))


def _string(choose, text):
    if text and choose.random() < 0.5:
        place = choose.randrange(len(text))
        return text[place : place + choose.randrange(1, 6)]
    return choose.choice(WORDS)


def _call(choose, text):
    kind = choose.random()
    end = choose.choice([")", ")", ")", ""])
    if kind < 0.35:
        names = choose.choice([("start=", "end="), ("line_start=", "line_end="), ("", "")])
        return f"remove_lines({names[0]}{choose.choice(NUMBERS)}, {names[1]}{choose.choice(NUMBERS)}{end}"
    if kind < 0.75:
        quote = choose.choice(['"', '"', "'", ""])
        target = f", target_str={quote}{_string(choose, text)}{quote}" if choose.random() < 0.7 else ""
        return f"normalize(source_str={quote}{_string(choose, text)}{quote}{target}{end}"
    if kind < 0.8:
        return "remove_lines(all=True)"
    return "".join(choose.choices(FRAGMENTS, k=choose.randrange(9)))


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_every_result_of_the_released_executors_is_reproduced(seed):
    released_chunk, released_doc = _released("chunk_utils"), _released("doc_utils")
    choose = random.Random(seed)
    results = 0
    for _ in range(DOCUMENTS_PER_ROUND):
        text = _text(choose)
        program = choose.choice(["\n", " \n"]).join(_call(choose, text) for _ in range(choose.choice([0, 1, 2, 3, 6])))
        thresholds = choose.choice([(0.0, 0.95, 2), (0.0, 0.95, 2), (0.5, 0.5, 1), (0.9, 1.0, 5), (0.0, 0.0, 0)])
        assert execute_doc_program(text, program) == released_doc(text, program)
        try:
            expected = released_chunk(text, program, *thresholds)
        except ZeroDivisionError:
            with pytest.raises(ReferenceExecutionError):
                execute_chunk_program(text, program, *thresholds)
            continue
        assert execute_chunk_program(text, program, *thresholds) == expected, (text, program, thresholds)
        results += 1
    assert results > DOCUMENTS_PER_ROUND / 2
