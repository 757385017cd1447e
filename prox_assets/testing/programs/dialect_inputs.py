"""Hostile inputs of the dialects other than ProX: a document, and programs of one dialect for its chunks.

An input depends only on its dialect, seed and number. `mutations.hostile_input` makes those of ProX.
"""

import json
import random
from collections.abc import Callable, Mapping
from typing import get_args

from prox_assets.programs import (
    DIALECTS,
    CannotSayError,
    Chunk,
    ChunkProgram,
    DialectName,
    ExecutionPolicy,
    InsertLine,
    KeepChunk,
    Normalize,
    Operation,
    RemoveAll,
    RemoveLines,
    ReplaceInLine,
    Rewrite,
)
from prox_assets.testing.programs.dialect_mutations import TOKENS, hostile_program
from prox_assets.testing.programs.mutations import WORDS, HostileInput, hostile_input, mutated, page_chunks, page_text

NEW_DIALECTS: tuple[DialectName, ...] = tuple(
    name for name in get_args(DialectName) if name not in ("prox", "line-labels")
)
_FORMULA_LINES = ["$x$ is it", "$$", "a^2 = b", "\\[", "\\]"]
_BOMB_CALLS = 3_000
_LONGEST = 100_000

Say = Callable[[int, str], str]


def dialect_input(dialect: DialectName, seed: int, number: int) -> HostileInput:
    """Return the input with that number; the same arguments give the same input on every machine."""
    if dialect not in NEW_DIALECTS:
        return hostile_input(seed, number)
    choose = random.Random(f"{dialect} input {seed} {number}")
    policy = _policy(choose, dialect)
    text = page_text(choose)
    if policy.protect_formulas:
        text = "\n".join([*text.split("\n"), *choose.choices(_FORMULA_LINES, k=3)])
    bomb = choose.random() < 0.002
    programs = [
        ChunkProgram(
            chunk,
            None if choose.random() < 0.02 else _program(choose, text, chunk, policy, seed, number),
            truncated=choose.random() < 0.03,
        )
        for chunk in page_chunks(choose, text)
    ]
    if bomb and dialect in _BOMBS:
        text, program = _bomb(choose, dialect)
        programs = [ChunkProgram(Chunk(0, 0, text.count("\n")), program)]
    return HostileInput(text, programs, policy)


def mixed_input(seed: int, number: int) -> HostileInput:
    """Return an input of one of the new dialects, each in turn."""
    return dialect_input(NEW_DIALECTS[number % len(NEW_DIALECTS)], seed, number)


def _policy(choose: random.Random, dialect: DialectName) -> ExecutionPolicy:
    usual = DIALECTS[dialect].line_numbers
    other = "document" if usual == "chunk" else "chunk"
    strict = choose.random() < 0.2
    return ExecutionPolicy(
        dialect=dialect,
        line_numbers=choose.choice([usual, usual, usual, other]),
        error_limit=choose.choice([1, 3, 100, 100]),
        min_kept_share=0.9 if strict else choose.choice([0, 0, 0.05]),
        min_kept_characters=50 if strict else choose.choice([0, 0, 1]),
        whole_words=choose.random() < 0.5,
        on_empty=choose.choice(["keep", "drop"]),
        execute_rewrites=choose.random() < 0.5,
        protect_formulas=choose.random() < 0.2,
    )


def _program(choose: random.Random, text: str, chunk: Chunk, policy: ExecutionPolicy, seed: int, number: int) -> str:
    if choose.random() < 0.5:
        return hostile_program(policy.dialect, seed, choose.randrange(1 << 30))[:_LONGEST]
    try:
        program = _sound(choose, text, chunk, policy)
    except CannotSayError:
        return hostile_program(policy.dialect, seed, number)[:_LONGEST]
    for _ in range(choose.choice([0, 0, 0, 1, 2])):
        program = mutated(choose, program, TOKENS)
    return program


def _sound(choose: random.Random, text: str, chunk: Chunk, policy: ExecutionPolicy) -> str:
    """Return a program that names what is there, and sometimes what another chunk has."""
    dialect = DIALECTS[policy.dialect]
    every = text.split("\n")
    start = choose.choice([0, chunk.line_start]) if dialect.overlapping_characters else chunk.line_start
    lines = every[start : chunk.line_end + 1]
    first = policy.first_line_number(chunk._replace(line_start=start))
    kinds = _KINDS[policy.dialect]
    alone = choose.random() < 0.1
    count = 1 if alone else choose.choice([1, 1, 2, 3, 6])
    operations = [_ALONE[choose.choice(kinds["alone"])](choose, lines)] if alone else []
    while len(operations) < count:
        operations.append(_operation(choose, choose.choice(kinds["calls"]), start, lines))
    return dialect.render(operations, dialect.shown_lines(lines, start, first))


def _operation(choose: random.Random, kind: str, start: int, lines: list[str]) -> Operation:
    line = choose.randrange(len(lines))
    match kind:
        case "remove":
            return RemoveLines(start + line, start + min(len(lines) - 1, line + choose.choice([0, 0, 1, 3])))
        case "normalize":
            return Normalize(_piece(choose, lines[line]), choose.choice(WORDS))
        case "insert":
            return InsertLine(start + line - choose.choice([0, 0, 0, 1]), choose.choice(WORDS), choose.randrange(3))
        case "replace":
            return ReplaceInLine(start + line, _piece(choose, lines[line]), choose.choice(WORDS))
        case "cut":
            return ReplaceInLine(start + line, _piece(choose, lines[line]))
        case _:
            shown = " ".join(lines[line].split())
            return ReplaceInLine(start + line, _piece(choose, shown), "", "first")


def _piece(choose: random.Random, line: str) -> str:
    if not line or choose.random() < 0.1:
        return choose.choice(WORDS)
    place = choose.randrange(len(line))
    return line[place : place + choose.choice([1, 2, 5, 40])]


_ALONE: Mapping[str, Callable[[random.Random, list[str]], Operation]] = {
    "keep": lambda choose, lines: KeepChunk(),
    "remove all": lambda choose, lines: RemoveAll(),
    "rewrite": lambda choose, lines: Rewrite(
        "\n".join([*choose.choices(lines, k=2), choose.choice(WORDS), *choose.choice([[], _FORMULA_LINES])]).strip()
    ),
}
_EVERY = ["keep", "remove all", "remove all"]
_KINDS: Mapping[DialectName, Mapping[str, list[str]]] = {
    "canonical": {
        "alone": [*_EVERY, "rewrite"],
        "calls": ["remove", "normalize", "insert", "replace", "replace", "cut", "first"],
    },
    "ultrax": {"alone": _EVERY, "calls": ["remove", "replace", "replace", "insert"]},
    "rescraper": {"alone": [*_EVERY, "rewrite", "rewrite"], "calls": ["remove", "first"]},
    "refinex": {"alone": ["keep"], "calls": ["remove", "cut", "cut"]},
    "dataorchestra-np": {"alone": ["keep"], "calls": ["remove"]},
}


def _bomb(choose: random.Random, dialect: DialectName) -> tuple[str, str]:
    """Return a text and a program whose thousands of calls all meet in one place."""
    words = [f"w{number}" for number in range(_BOMB_CALLS)]
    line = choose.choice([" ".join(words), "a" * 30_000, "a " * 15_000, " " * 30_000, "ab" * 15_000 + "c"])
    head, say, tail = choose.choice(_BOMBS[dialect])
    strings = choose.choice([words, ["a" * (number % 2_000 + 1) for number in range(_BOMB_CALLS)], ["a "] * 10])
    calls = "\n".join(say(number, string) for number, string in enumerate(strings))
    return choose.choice([line, f"{line}\n{line}", "\n".join(words)]), f"{head}{calls}{tail}"


_BOMBS: Mapping[DialectName, list[tuple[str, Say, str]]] = {
    "canonical": [
        ("", lambda number, string: f"replace_in_line(line=0, source_str={json.dumps(string)}, target_str='')", ""),
        ("", lambda number, string: f"insert_line(after=0, text={json.dumps(string)}, rank={-number})", ""),
        ("", lambda number, string: f"rewrite(text={json.dumps(string)})", ""),
        ("", lambda number, string: f"normalize({json.dumps(string)}, 'b')\nreplace_in_line(0, '{string}', 'c')", ""),
    ],
    "ultrax": [
        ("", lambda number, string: f"replace_str(1, '{string}', '{string * 2}')", ""),
        ("", lambda number, string: f"add_line(1, {_BOMB_CALLS - number}, '{string}')", ""),
        ("", lambda number, string: f"add_line({number}, 1, '{string}')", "\nremove_all()"),
    ],
    "rescraper": [
        ("<edit>\n<extract>\n<edit>\n", lambda number, string: f"sub 1: {json.dumps(string)}", ""),
        ("<edit>\n<extract>\n<edit>\n", lambda number, string: f"rm 1-{number + 1}", ""),
    ],
    "refinex": [("", lambda number, string: f"remove_str(0, '{string}')", "")],
}
