r"""A fast, seeded generator of hostile inputs: documents with programs that were sound once and then got mutated.

invariants.py checks what must hold for each input. The hypothesis strategies in cases.py shrink what they find, but
generate only a hundredth as many inputs in the same time.

An input depends only on its seed and number, so any of a million can be generated again.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from prox_assets.programs import (
    Chunk,
    ChunkProgram,
    ExecutionPolicy,
    Normalize,
    Operation,
    RemoveLines,
    pack_lines,
    render,
)

# Words of a page, and characters that mean something to a parser, an escape rule, a word rule or a line splitter.
WORDS = [
    *("a", "bb", "the", "page", "Page 1", "line 1", "(link)", "x,y", '"q"', "'q'", "cat", "concat", "", " ", "3.14"),
    *("http://x.co/?u=1&b=2", "\\theta", "\\n", "a=b", "中文页面", "é", "e\u0301", "ก็", "👩‍👩‍👧", "\u202egnp.exe"),
    *list("ﬁİß\r\t\x0b\x1c\x85\u2028\u3000\u200b\ufeff\x00\ud800\udfff\U0010ffff"),
]
TOKENS = [
    *("remove_lines", "normalize", "keep_chunk", "skip_chunk", "untouch_doc", "keep_all", "keep_doc", "drop_doc"),
    *("(", ")", "((", "))", "()", ",", ", ", "=", '"', "'", '"""', "\\", "\\\\", '\\"', "\n", "\r\n", ";", "#", "```"),
    *("```python\n", "start=", "end=", "line_start=", "line_end=", "source_str=", "target_str=", "all=True", "True"),
    *("None", "0", "1", "2", "7", "-1", "-0", "00", "1_0", "１", "1e9", "0x10", "9" * 18, "9" * 19, "9" * 400),
    *("\\x41", "\\u0041", "\\U0001F600", "\\ud800", "\\xZZ", "\\N{DIGIT ONE}", "**{'a':1}", "*[0]", "f'{x}'"),
    *("lambda: 0", "[0]", "{", "}", "__import__('os').system('id')", "<|im_end|>", "</s>", "[000]", "  ", " ", "\t"),
]
NUMBERS = ["0", "1", "2", "3", "5", "9", "12", "29", "-1", " 4 ", "1000", "x", "", "9" * 18, "9" * 25]
LONG = (300, 3_000, 30_000)
POLICIES = [
    ExecutionPolicy(),
    ExecutionPolicy(),
    ExecutionPolicy(line_numbers="chunk", error_limit=1_000),
    ExecutionPolicy(error_limit=100, min_kept_share=0, min_kept_characters=0),
    ExecutionPolicy(error_limit=3, whole_words=False, line_numbers="chunk"),
    ExecutionPolicy(error_limit=100, min_kept_share=0.9, min_kept_characters=50, whole_words=False),
    ExecutionPolicy(error_limit=100, min_kept_share=0.9, min_kept_characters=50, on_empty="drop"),
]


@dataclass(frozen=True, slots=True)
class HostileInput:
    """A document, a program for each of its chunks, and the policy of its strict execution."""

    text: str
    programs: list[ChunkProgram]
    policy: ExecutionPolicy


def hostile_input(seed: int, number: int) -> HostileInput:
    """Return the input with that number; the same seed and number give the same input on every machine."""
    choose = random.Random(seed * 1_000_003 + number)
    text = page_text(choose)
    chunks = page_chunks(choose, text)
    programs = [
        ChunkProgram(
            chunk,
            None if choose.random() < 0.02 else _program(choose, text, chunk),
            truncated=choose.random() < 0.03,
        )
        for chunk in chunks
    ]
    return HostileInput(text, programs, choose.choice(POLICIES))


def page_text(choose: random.Random) -> str:
    """Return the text of a document: mostly a few lines, sometimes tens of thousands of characters."""
    kind = choose.random()
    if kind < 0.01:
        unit = choose.choice(["a", "ab ", "\n", "a\n", "中", "x" * 99 + " "])
        return unit * (choose.choice(LONG) // len(unit))
    lines = choose.choice([0, 1, 1, 2, 3, 5, 10, 30])
    return "\n".join(" ".join(choose.choices(WORDS, k=choose.choice([0, 1, 3, 8]))) for _ in range(lines))


def page_chunks(choose: random.Random, text: str) -> list[Chunk]:
    """Return the chunks of a document, at most about forty."""
    line_count = text.count("\n") + 1
    chunks = pack_lines([1] * line_count, choose.randint(1, min(line_count, choose.choice([1, 4, 40, 40]))))
    if len(chunks) > 40:  # thousands of one-line chunks with a program each would only be slow
        chunks = pack_lines([1] * line_count, 1 + line_count // choose.randint(1, 8))
    return chunks


def _program(choose: random.Random, text: str, chunk: Chunk) -> str:
    count = choose.choice([0, 1, 1, 2, 3, 6])
    if choose.random() < 0.4:  # a sound program, so that the executors have something to do
        program = render(_operation(choose, text, chunk) for _ in range(count))
        mutations = choose.choice([0, 0, 0, 1])
    else:
        program = choose.choice(["\n", "\n", "\n", " \n", ";", ""]).join(_call(choose, text) for _ in range(count))
        mutations = choose.choice([0, 0, 1, 1, 2, 4, 8])
    for _ in range(mutations):
        program = mutated(choose, program)
    return _bomb(choose, program) if choose.random() < 0.002 else program


def _operation(choose: random.Random, text: str, chunk: Chunk) -> Operation:
    if choose.random() < 0.4:
        start = choose.randint(chunk.line_start, chunk.line_end)
        return RemoveLines(start, choose.randint(start, min(chunk.line_end, start + 3)))
    return Normalize(_string(choose, text), _string(choose, text))


def _call(choose: random.Random, text: str) -> str:
    kind = choose.random()
    if kind < 0.4:
        names = choose.choice([("start=", "end="), ("line_start=", "line_end="), ("", ""), ("", "end=")])
        return f"remove_lines({names[0]}{choose.choice(NUMBERS)}, {names[1]}{choose.choice(NUMBERS)})"
    if kind < 0.85:
        mark = choose.choice(['"', '"', "'", ""])
        source, target = _string(choose, text), _string(choose, text)
        names = choose.choice([("source_str=", "target_str="), ("", ""), ("source_str=", "")])
        return f"normalize({names[0]}{mark}{source}{mark}, {names[1]}{mark}{target}{mark})"
    return choose.choice(
        ["keep_chunk()", "untouch_doc()", "remove_lines(all=True)", "drop_doc()", "Navigation (top)", "# nothing"]
    )


def _string(choose: random.Random, text: str) -> str:
    if text and choose.random() < 0.6:
        place = choose.randrange(len(text))
        return text[place : place + choose.choice([1, 2, 5, 40])]
    return choose.choice(WORDS)


def mutated(choose: random.Random, program: str, tokens: Sequence[str] = TOKENS) -> str:
    """Return a program with one random change: a piece lost, repeated, replaced by a token or a word, or cut off."""
    start = choose.randint(0, len(program))
    end = min(len(program), start + choose.choice([1, 1, 2, 5, 20, 100]))
    match choose.randrange(9):
        case 0:  # a piece is removed
            return program[:start] + program[end:]
        case 1 | 2:  # a token is inserted
            return program[:start] + choose.choice(tokens) + program[start:]
        case 3:  # a piece is replaced
            return program[:start] + choose.choice(tokens) + program[end:]
        case 4:  # a piece is repeated once or many times
            return program[:end] + program[start:end] * choose.choice([1, 1, 2, 7]) + program[end:]
        case 5:  # the answer is cut off
            return program[:start]
        case 6:  # two answers are joined
            other = choose.randint(0, len(program))
            return program[:start] + program[other:]
        case 7:  # one character becomes another
            return (
                program[:start]
                + chr(choose.choice([choose.randrange(128), choose.randrange(0x110000)]))
                + program[start + 1 :]
            )
        case _:  # a word from a page is inserted
            return program[:start] + choose.choice(WORDS) + program[start:]


def _bomb(choose: random.Random, program: str) -> str:
    """Return a program that is long, or costly for a careless parser or executor."""
    count = choose.choice(LONG)
    match choose.randrange(9):
        case 0:
            return choose.choice(TOKENS) * count
        case 1:
            return "normalize(" + '"' * count + ")"
        case 2:
            return "remove_lines(0, 0)\n" * (count // 10)
        case 3:
            return "".join(f'normalize("{n}", "{n}{n}")\n' for n in range(count // 10))
        case 4:  # exponential growth, for an executor that searches its own replacements
            return 'normalize(source_str="a", target_str="aaaaaaaa")\n' * 40
        case 5:
            return f'normalize("a", "{"b" * count}")'
        case 6:
            return "(" * count + program + ")" * count
        case 7:
            return "normalize(source_str='" + "\\" * count
        case _:
            return f"remove_lines({'0, ' * count}0)\n{program}"
