r"""Maths questions: a model writes a solution, and math-verify compares its answer with the right one.

Questions and worked examples are read from a checkout of GAIR-NLP/math-evaluation-harness (folders `data` and
`prompts/cot`), which the user has; sets, prompts and where a solution ends are that harness's. Prompts are for base
models: no chat template. Answers are compared by math-verify instead of its grader, so `1/2` and `\frac12` are equal;
scores are near those published with the harness, not equal to them.

`sat_math` has 32 questions: leave it out of averages.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, cast

from prox_assets.engines.extras import packages_of
from prox_assets.engines.open import open_engine
from prox_assets.engines.protocol import CompletionRequest
from prox_assets.proof.evaluation.bits import Progress, Score
from prox_assets.proof.evaluation.errors import EvaluationError
from prox_assets.proof.evaluation.tasks import ACCURACY
from prox_assets.proof.settings import MathsSettings

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Set:
    """Where the questions of a set are, and what they look like.

    Attributes:
        data: Folder of its questions in `data`.
        examples: File of worked examples in `prompts/cot`.
        question: Returns a row's question.
        answer: Returns a row's right answer; a letter if `choices`.
        choices: Whether the answer is one of the letters A to E.
        problem: Whether questions are asked as Problem and Solution rather than Question and Answer.
    """

    data: str
    examples: str
    question: Callable[[Row], str]
    answer: Callable[[Row], str]
    choices: bool = False
    problem: bool = False


_ASK = "{}\nWhat of the following is the right choice? Explain your answer.\n{}"


def _sentences(row: Row, body: str, question: str) -> str:
    first = row[body].strip()
    return f"{first if first.endswith(('.', '?', '!')) else first + '.'} {row[question].strip()}"


def _lettered(options: str, letters: str) -> str:
    """Write options that are marked `a )` or `A)` as `(A)`."""
    marked = re.sub(rf"(?:^|(?<=\s))([{letters}]) ?\)", lambda found: f"({found[1].upper()})", options.strip())
    return marked.replace(" , ", ", ")


def _mmlu_options(row: Row) -> str:
    return ", ".join(f"({letter}) {str(text).strip()}" for letter, text in zip("ABCD", row["choices"], strict=True))


SETS: dict[str, _Set] = {
    "gsm8k": _Set("gsm8k", "gsm8k", lambda row: row["question"], lambda row: row["answer"].rpartition("####")[2]),
    "svamp": _Set("svamp", "gsm8k", lambda row: _sentences(row, "Body", "Question"), lambda row: str(row["Answer"])),
    "asdiv": _Set(
        "asdiv",
        "gsm8k",
        lambda row: _sentences(row, "body", "question"),
        lambda row: re.sub(r"\(.*?\)", "", row["answer"]),
    ),
    "mawps": _Set("mawps", "gsm8k", lambda row: row["input"], lambda row: str(row["target"])),
    "math": _Set("math", "math", lambda row: row["problem"], lambda row: row["solution"], problem=True),
    "minerva_math": _Set(
        "math_oai", "minerva_math", lambda row: row["problem"], lambda row: row["solution"], problem=True
    ),
    "mathqa": _Set(
        "mathqa",
        "mathqa",
        lambda row: _ASK.format(row["problem"].strip().capitalize(), _lettered(row["options"], "a-e")),
        lambda row: row["correct"].upper(),
        choices=True,
        problem=True,
    ),
    "mmlu_stem": _Set(
        "mmlu_stem",
        "mmlu_stem",
        lambda row: _ASK.format(row["question"].strip(), _mmlu_options(row)),
        lambda row: "ABCD"[row["answer"]],
        choices=True,
        problem=True,
    ),
    "sat_math": _Set(
        "sat_math",
        "mmlu_stem",
        lambda row: _ASK.format(row["question"].strip(), _lettered(row["options"], "A-D")),
        lambda row: row["Answer"],
        choices=True,
        problem=True,
    ),
}
"""The sets of the ProX paper but TabMWP, and MATH whole beside the 500 problems that the harness calls minerva_math."""

_BETWEEN_EXAMPLES = "\n\n\n"
_NEXT_QUESTION = re.compile(r"\n\s*\n(?:Question|Problem):")
_CHOICE = re.compile(r"(?:answer|choice) is:? *\(?([A-E])\b", re.IGNORECASE)

_WORDS = re.compile(r"answer is:? *([^\n]*?)\.?(?=\n|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Question:
    item: str
    prompt: str
    answer: str


def score_maths(
    model: str, settings: MathsSettings, tokens: int, progress: Callable[[str], Progress] | None = None
) -> list[Score]:
    """Return a row of tables.SCORES for each question: 1 if the model's answer is right, else 0.

    Args:
        model: Folder of the model, with its tokenizer.
        settings: The questions, how many worked examples come before each, and the engine.
        tokens: Tokens that the model had been trained on.
        progress: Given the name of a set, returns what is told how many of its questions are done.

    Raises:
        EvaluationError: A file of the checkout is missing or damaged, or math-verify is not installed.
        EngineError: The model does not run.
    """
    unknown = sorted(set(settings.sets) - set(SETS))
    if unknown:
        raise EvaluationError(f"there are no maths questions {', '.join(unknown)}; there are {', '.join(SETS)}")
    asked = {name: list(_questions(name, settings)) for name in settings.sets or SETS}
    with packages_of("proof", EvaluationError):
        import math_verify  # noqa: F401 (before the model has written for hours)
    from transformers import AutoTokenizer

    tokenizer = cast("Any", AutoTokenizer.from_pretrained(model, trust_remote_code=False))
    scores: list[Score] = []
    with open_engine(settings.engine, model) as engine:
        for name, questions in asked.items():
            report = progress and progress(name)
            found: dict[str, bool] = {}
            by_item = {question.item: question for question in questions}
            requests = (
                CompletionRequest(question.item, _prompt_ids(tokenizer, question.prompt), settings.answer_tokens)
                for question in questions
            )
            for completion in engine.complete(requests):
                if completion.error is not None:
                    raise EvaluationError(f"question {completion.request_id} of {name}: {completion.error}")
                question = by_item[completion.request_id]
                found[question.item] = is_right(completion.text, question.answer, choices=SETS[name].choices)
                if report is not None:
                    report(len(found), len(questions))
            scores += [
                {
                    "evaluation": name,
                    "measure": ACCURACY,
                    "item": question.item,
                    "site": question.item,
                    "tokens": tokens,
                    "value": float(found[question.item]),
                    "weight": 1.0,
                }
                for question in questions
            ]
    return scores


def is_right(text: str, answer: str, *, choices: bool) -> bool:
    r"""Tell whether what a model wrote ends in the right answer.

    Args:
        text: What it wrote; the next question, which base models go on to write, is left out.
        answer: The right answer: a letter if `choices`, else a number or LaTeX, a \boxed part of it where there is one.
        choices: Whether the answer is a letter.
    """
    from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse, verify

    written = _NEXT_QUESTION.split(text, maxsplit=1)[0]
    if choices:
        letters = _CHOICE.findall(written)
        return bool(letters) and letters[-1].upper() == answer.strip()
    forms = (LatexExtractionConfig(), ExprExtractionConfig())
    right = parse(answer, extraction_config=forms)
    if not right:  # a name or a word, as some questions of ASDiv want
        words = _WORDS.findall(written)
        return bool(words) and words[-1].strip().casefold() == answer.strip().casefold()
    # With the full stop of a sentence, 7/9 would be read as 7/9.0, which is another kind of number.
    return verify(right, parse(written.rstrip().removesuffix("."), extraction_config=forms))


def _questions(name: str, settings: MathsSettings) -> Iterator[_Question]:
    kind = SETS[name]
    checkout = Path(settings.folder).expanduser()
    examples = checkout / "prompts" / "cot" / f"{kind.examples}.md"
    data = checkout / "data" / kind.data / "test.jsonl"
    try:
        shown = examples.read_text(encoding="utf-8").strip().split(_BETWEEN_EXAMPLES)
        rows = [json.loads(line) for line in data.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise EvaluationError(
            f"{settings.folder} is no checkout of GAIR-NLP/math-evaluation-harness with {name}: {error}"
        ) from error
    shots = shown if settings.shots is None else shown[: settings.shots]
    form = "Problem:\n{}\nSolution:" if kind.problem else "Question: {}\nAnswer:"
    for number, row in enumerate(islice(rows, settings.limit)):
        try:
            question, answer = kind.question(row).strip(), kind.answer(row).strip()
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise EvaluationError(f"{data}, row {number}, is not as it was in the harness: {error!r}") from error
        yield _Question(str(number), _BETWEEN_EXAMPLES.join([*shots, form.format(question)]), answer)


def _prompt_ids(tokenizer: Any, prompt: str) -> tuple[int, ...]:  # noqa: ANN401
    """Return the prompt as the tokenizer begins a text, without an end-of-sequence token after it."""
    token_ids = tuple(tokenizer(prompt)["input_ids"])
    return token_ids[:-1] if token_ids[-1:] == (tokenizer.eos_token_id,) else token_ids
