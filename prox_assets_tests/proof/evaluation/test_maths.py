"""Maths questions: read from a small checkout, answered by a tiny model that knows some, checked by a library."""

import json
from pathlib import Path
from typing import Any, cast

import pytest

from prox_assets.proof.evaluation.errors import EvaluationError
from prox_assets.proof.evaluation.maths import SETS, is_right, score_maths
from prox_assets.proof.settings import MathsSettings
from prox_assets.testing.tiny_models import make_tiny_llama, overfit

ROWS: dict[str, list[dict[str, Any]]] = {
    "gsm8k": [
        {"question": "Two foxes and one dog: how many?", "answer": "2 + 1 = <<2+1=3>>3\n#### 3", "idx": 0},
        {"question": "How many days has a week?", "answer": "#### 7", "idx": 1},
    ],
    "svamp": [{"Body": "A fox has 4 legs", "Question": "How many have 2?", "Answer": 8.0}],
    "math": [{"problem": "Half of $1$?", "solution": "It is $\\boxed{\\frac{1}{2}}$.", "level": "Level 1"}],
    "mathqa": [{"problem": "which ?", "options": "a ) 1 , b ) 2 , c ) 3 , d ) 4 , e ) 5", "correct": "b"}],
    "sat_math": [{"question": "Which?", "options": "A) $f(1)$ B) $2$ C) $3$ D) $4$", "Answer": "C"}],
    "mmlu_stem": [{"question": "Which?", "choices": ["one", "two", "three", "four"], "answer": 3}],
}
PROMPTS = {
    "gsm8k": "Question: Two foxes and one dog: how many?\nAnswer:",
    "svamp": "Question: A fox has 4 legs. How many have 2?\nAnswer:",
    "math": "Problem:\nHalf of $1$?\nSolution:",
    "mathqa": "(A) 1, (B) 2, (C) 3, (D) 4, (E) 5\nSolution:",
    "sat_math": "(A) $f(1)$ (B) $2$ (C) $3$ (D) $4$\nSolution:",
    "mmlu_stem": "(A) one, (B) two, (C) three, (D) four\nSolution:",
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "harness"
    (folder / "prompts" / "cot").mkdir(parents=True)
    for name, rows in ROWS.items():
        data = folder / "data" / name
        data.mkdir(parents=True)
        (data / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        examples = folder / "prompts" / "cot" / f"{SETS[name].examples}.md"
        examples.write_text("Question: a?\nAnswer: 1.\n\n\nQuestion: b?\nAnswer: 2.\n")
    return folder


def test_a_model_is_asked_in_the_harness_form_and_its_answers_are_checked(checkout: Path, tmp_path: Path) -> None:
    pytest.importorskip("math_verify")
    from transformers import AutoTokenizer

    known = {
        PROMPTS["gsm8k"]: " 2 + 1 is 3.\n\nQuestion: c?\nAnswer: 9",
        "Question: How many days has a week?\nAnswer:": " The answer is 8.",
        PROMPTS["svamp"]: " The answer is 8.",
    }
    model = make_tiny_llama(tmp_path / "model", texts=[text for pair in known.items() for text in pair])
    tokenizer = cast("Any", AutoTokenizer.from_pretrained(model))
    overfit(model, [(tokenizer.encode(prompt), tokenizer.encode(answer)) for prompt, answer in known.items()])
    settings = MathsSettings(folder=str(checkout), sets=("gsm8k", "svamp"), shots=0, answer_tokens=40)
    scores = score_maths(str(model), settings, 9)
    found = [(score["evaluation"], score["item"], score["value"], score["tokens"]) for score in scores]
    assert found == [("gsm8k", "0", 1.0, 9), ("gsm8k", "1", 0.0, 9), ("svamp", "0", 1.0, 9)]


@pytest.mark.parametrize("name", ROWS)
def test_each_set_is_written_as_in_the_harness(name: str, checkout: Path) -> None:
    from prox_assets.proof.evaluation.maths import _questions

    question, *_ = _questions(name, MathsSettings(folder=str(checkout)))
    shown, _, asked = question.prompt.rpartition("\n\n\n")
    assert shown == "Question: a?\nAnswer: 1.\n\n\nQuestion: b?\nAnswer: 2."
    assert asked.endswith(PROMPTS[name])
    without, *_ = _questions(name, MathsSettings(folder=str(checkout), shots=0))
    assert without.prompt == asked


@pytest.mark.parametrize(
    ("text", "answer", "right"),
    [
        ("So 9 + 9 = 18. The answer is 18.", "18", True),
        ("She makes $18 every day.", " 18", True),
        ("The answer is 19.", "18", False),
        ("The final answer is $\\frac12$. I hope it is correct.", "Then $\\boxed{\\frac{1}{2}}$.", True),
        ("The answer is 0.5", "Then $\\boxed{\\frac{1}{2}}$.", True),
        ("The answer is 1,000.", "1000.0", True),
        ("The answer is 3.\n\nQuestion: c?\nAnswer: The answer is 18.", "18", False),
        ("The answer is 7/9.", "7/9", True),
        ("The answer is Mrs. Hilt.", "Mrs. Hilt", True),
        ("Harry or Jim? The answer is Jim.", "Harry", False),
        ("I do not know.", "18", False),
        ("", "18", False),
    ],
)
def test_answers_are_compared_by_value(text: str, answer: str, right: bool) -> None:
    pytest.importorskip("math_verify")
    assert is_right(text, answer, choices=False) is right


def test_a_choice_is_the_last_letter_that_is_named_as_the_answer() -> None:
    pytest.importorskip("math_verify")
    text = "(A) fails, so the answer is (A)? No: The final answer is (B)."
    assert is_right(text, "B", choices=True)
    assert not is_right(text, "A", choices=True)
    assert not is_right("Because of that.", "B", choices=True)


def test_a_checkout_that_lacks_a_file_is_named(checkout: Path) -> None:
    (checkout / "data" / "svamp" / "test.jsonl").write_text('{"Body": 1}\n')
    settings = {"folder": str(checkout)}
    with pytest.raises(EvaluationError, match=r"svamp.test\.jsonl, row 0, is not as it was"):
        score_maths("model", MathsSettings.model_validate({**settings, "sets": ["svamp"]}), 0)
    with pytest.raises(EvaluationError, match=r"is no checkout of .* with mawps"):
        score_maths("model", MathsSettings.model_validate({**settings, "sets": ["mawps"]}), 0)
    with pytest.raises(EvaluationError, match="no maths questions aime; there are gsm8k"):
        score_maths("model", MathsSettings.model_validate({**settings, "sets": ["aime"]}), 0)
