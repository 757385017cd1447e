"""A fast, seeded generator of programs in every dialect that were sound once and then got mutated.

A program depends only on its dialect, seed and number.
"""

import json
import random
from collections.abc import Callable, Mapping, Sequence

from prox_assets.programs import DialectName
from prox_assets.testing.programs.mutations import NUMBERS, WORDS, mutated

TOKENS = [
    *("keep_all()", "remove_all()", "remove_lines(1, 2)", "replace_str(", "remove_str(", "add_line(", "normalize("),
    *("keep_chunk()", "replace_in_line(", "insert_line(", "rewrite(", "line=", "after=", "rank=", "occurrence="),
    *(
        "<keep>",
        "<edit>",
        "<delete>",
        "<rewrite>",
        "<extract>",
        "<refine>",
        "<Update>",
        "<",
        ">",
        "<think>",
        "</think>",
    ),
    *("\nrm 1\n", "rm ", "rm 5-2", "sub 1: ", 'sub 2: "a"', "sub 3: [[[", "-", ": ", "\n\n", "\n", "\r\n", " ", "\t"),
    *("(", ")", "()", ",", ", ", "=", '"', "'", "\\", "\\\\", "\\'", '\\"', ";", "#", "```", "```python\n", "---"),
    *("0", "1", "2", "7", "-1", "+1", "1_0", "１", "9" * 18, "9" * 19, "9" * 400, "True", "None", "\\x41", "\\u0041"),
    *("\\ud800", "\\xZZ", "\\n", "\\r", "\x00", "\ud800", "\u2028", "\x85", "<|im_end|>", "</s>", "<lid:3> "),
]
BOMBS = (100, 1_000, 10_000)


def hostile_program(dialect: DialectName, seed: int, number: int) -> str:
    """Return the program with that number; the same arguments give the same program on every machine."""
    choose = random.Random(f"{dialect} {seed} {number}")
    write = _ANSWERS.get(dialect)
    program = write(choose) if write else _calls(choose, _CALLS[dialect])
    for _ in range(choose.choice([0, 1, 1, 1, 2, 4, 8])):
        program = mutated(choose, program, TOKENS)
    if choose.random() < 0.002:
        return choose.choice([program, choose.choice(TOKENS)]) * choose.choice(BOMBS)
    return program


def _calls(choose: random.Random, calls: Sequence[Callable[[random.Random], str]]) -> str:
    end = choose.choice(["\n", "\n", "\n", "\r\n", " ", ";", ""])
    return end.join(choose.choice(calls)(choose) for _ in range(choose.choice([1, 1, 2, 3, 6])))


def _string(choose: random.Random) -> str:
    text = "".join(choose.choices(WORDS, k=choose.choice([0, 1, 1, 2, 5])))
    match choose.randrange(4):
        case 0:
            return json.dumps(text)
        case 1:
            return f"'{text}'"
        case _:
            return repr(text)


def _number(choose: random.Random) -> str:
    return choose.choice(NUMBERS) if choose.random() < 0.2 else str(choose.randrange(20))


def _literally(text: str) -> Callable[[random.Random], str]:
    return lambda _: text


def _positional_removal(choose: random.Random) -> str:
    return f"remove_lines({_number(choose)}, {_number(choose)})"


def _removal(choose: random.Random) -> str:
    names = choose.choice([("start=", "end="), ("line_start=", "line_end="), ("", "")])
    return f"remove_lines({names[0]}{_number(choose)}, {names[1]}{_number(choose)})"


def _normalization(choose: random.Random) -> str:
    return f"normalize(source_str={_string(choose)}, target_str={_string(choose)})"


def _rescraper(choose: random.Random) -> str:
    decision = choose.choice(["<keep>", "<edit>", "<edit>", "<delete>", "<rewrite>"])
    lines = [decision, "<extract>", *_removals(choose), decision]
    if decision == "<edit>":
        lines += _removals(choose)
        lines += [f"sub {_number(choose)}: {_string(choose)}" for _ in range(choose.randrange(3))]
    elif decision == "<rewrite>":
        lines += choose.choices(WORDS, k=choose.choice([1, 3, 8]))
    return "\n".join(lines)


def _removals(choose: random.Random) -> list[str]:
    spans = [choose.choice(["{}", "{}-{}"]) for _ in range(choose.choice([0, 1, 2, 4]))]
    return ["rm " + span.format(_number(choose), _number(choose)) for span in spans]


_PROX = (_removal, _normalization, _literally("keep_chunk()"), _literally("remove_lines(all=True)"))
_CALLS: Mapping[DialectName, Sequence[Callable[[random.Random], str]]] = {
    "prox": _PROX,
    "line-labels": _PROX,
    "canonical": (
        *_PROX,
        _literally("remove_all()"),
        lambda choose: f"replace_in_line(line={_number(choose)}, source_str={_string(choose)}, target_str='')",
        lambda choose: f"insert_line(after={_number(choose)}, text={_string(choose)}, rank={_number(choose)})",
        lambda choose: f"rewrite(text={_string(choose)})",
    ),
    "ultrax": (
        _positional_removal,
        lambda choose: f"replace_str({_number(choose)}, {_string(choose)}, {_string(choose)})",
        lambda choose: f"add_line({_number(choose)}, {_number(choose)}, {_string(choose)})",
        _literally("keep_all()"),
        _literally("remove_all()"),
    ),
    "refinex": (
        _positional_removal,
        lambda choose: f"remove_str({_number(choose)}, {_string(choose)})",
        _literally("keep_all()"),
    ),
    "dataorchestra-np": (_removal, _literally("keep_chunk()")),
}
_ANSWERS: Mapping[DialectName, Callable[[random.Random], str]] = {"rescraper": _rescraper}
