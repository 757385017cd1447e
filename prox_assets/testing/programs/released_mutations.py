r"""Hostile inputs for the executors of UltraX and ReScraper, as mutations.py makes them for that of ProX.

An input depends only on its dialect, seed and number. Programs are mostly sound, so that the executors have something
to do, and then mutated.
"""

import json
import random
import re
from collections.abc import Callable, Sequence
from typing import Literal

from prox_assets.programs import Chunk, ChunkProgram, ExecutionPolicy, pack_lines
from prox_assets.testing.programs.mutations import TOKENS, WORDS, HostileInput, mutated

DialectWithExecutor = Literal["ultrax", "rescraper"]

# Characters at which some code ends a line and some does not, and text that looks like an answer.
_WORDS = [
    *(*WORDS, "\x0c", "\x1d", "\x1e", "\u2029", "\r", "\r", "<lid:3> x", "<edit>", "<keep>", "<delete>", "rm 1"),
    *("sub 2: ", 'sub 1: "a"', "aaa", "a a a", "the the", "Read more", "Share on Twitter", "It's", 'say "so"'),
]
_OTHER_LINE_ENDS = re.compile("[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_BREAKS = ["\n", "\n", "\n", "\n", "\n", "\n", "\n\n", "\r\n", "\n \n", "\n\n\n"]
_NUMBERS = ["0", "-1", "+1", "1_0", "１", "٣", " 4 ", "1000", "99999", "x", "", "9" * 19, "9" * 330, "9" * 4301, "1.0"]
_ULTRAX_TOKENS = [
    *("keep_all()", "remove_all()", "remove_lines(", "replace_str(", "add_line(", ")", "(", ",", ", ", "'", '"', "\\"),
    *("\\'", '\\"', "\\n", "\\r", "\\t", "\\x0b", "\n", "\n", "\r", "\x0b", "#", "---", "<think>", "</think>", "''"),
    *("<think>\n\n</think>\n\n", "1", "2", "3", "10000", "None", "\u2028", "\x85", *_NUMBERS),
]
_RESCRAPER_TOKENS = [
    *(
        "<keep>",
        "<edit>",
        "<delete>",
        "<rewrite>",
        "<extract>",
        "<refine>",
        "<clean>",
        "<Update>",
        "delete",
        "<keep>\n",
    ),
    *("rm ", "rm 1", "rm 1-2", "rm 3:1", "sub ", "sub 1: ", "sub 2:", '"', '""', '"a"', "null", "[]", "1", "-", ":"),
    *("\n", "\n", "\r", "\x0b", "\u2028", "\\u0061", "\\ud800", " ", "{}", "```", *_NUMBERS),
]


def released_input(dialect: DialectWithExecutor, seed: int, number: int) -> HostileInput:
    """Return the input with that number, with the policy of its reference mode."""
    choose = random.Random(f"{dialect} {seed} {number}")
    text = _text(choose)
    program, tokens = _MAKERS[dialect]
    policy = ExecutionPolicy(mode="reference", dialect=dialect, reference_edit_share=choose.choice([1.0, 0.8]))
    programs: list[ChunkProgram] = []
    for chunk in _chunks(choose, text.count("\n") + 1, several=0.4 if dialect == "ultrax" else 0.1):
        answer = program(choose, text.split("\n"), chunk)
        for _ in range(choose.choice([0, 0, 0, 0, 1, 1, 2, 5])):
            answer = mutated(choose, answer, tokens)
        programs.append(ChunkProgram(chunk, None if choose.random() < 0.02 else answer, choose.random() < 0.03))
    return HostileInput(text, programs, policy)


def _text(choose: random.Random) -> str:
    lines = choose.choice([1, 2, 3, 5, 8, 12, 30] if choose.random() < 0.98 else [0])
    text = ""
    for _ in range(lines):
        words = choose.choices(_WORDS, k=choose.choice([0, 1, 3, 8]))
        text += choose.choice([" ", " ", ""]).join(words) + choose.choice(_BREAKS)
    if choose.random() < 0.5:  # a page on which all code sees the same lines
        text = _OTHER_LINE_ENDS.sub(" ", text)
    return text if choose.random() < 0.3 else text.rstrip("\n")


def _chunks(choose: random.Random, lines: int, several: float) -> list[Chunk]:
    if choose.random() >= several:
        return [Chunk(0, 0, lines - 1)]
    return pack_lines([1] * lines, choose.randint(1, max(1, lines - 1)))


def _ultrax_program(choose: random.Random, lines: Sequence[str], chunk: Chunk) -> str:
    """Return an answer that mostly names lines and strings that are there."""
    kind = choose.random()
    if kind < 0.05:
        return choose.choice(["keep_all()", "remove_all()", ""])
    calls: list[str] = []
    for _ in range(choose.choice([1, 1, 2, 3, 6, 12])):
        call = _ultrax_call(choose, lines, chunk)
        calls += [call] * choose.choice([1] * 40 + [2, 3, 4, 31])
        if call.startswith("replace_str(") and choose.random() < 0.5:  # more of them in the same line
            line = int(call[len("replace_str(") :].partition(",")[0])
            calls += [_replace_str(choose, lines, line) for _ in range(choose.choice([1, 2, 4]))]
    if kind < 0.15:
        text = _string(choose, lines) + " is what to insert here"
        calls += [
            f"add_line({place}, {choose.choice([0, 1, 10000, place])}, {(text + '!' * (place % 3))!r})"
            for place in range(4)
        ]
    choose.shuffle(calls)
    thinking = choose.choice(["", "", "", "<think>\n\n</think>\n\n", "<think>\n</think>\n"])
    return thinking + choose.choice(["\n", "\n", " \n", "\n\n"]).join(calls)


def _ultrax_call(choose: random.Random, lines: Sequence[str], chunk: Chunk) -> str:
    kind = choose.random()
    line = choose.randint(chunk.line_start + 1, chunk.line_end + 1)
    if choose.random() < 0.1:
        line = choose.randint(max(0, chunk.line_start - 1), chunk.line_end + 2)
    if kind < 0.3:
        return f"remove_lines({line}, {line + choose.choice([0, 0, 1, 3, -1])})"
    if kind < 0.35:
        return f"remove_lines({choose.choice(_NUMBERS)},{choose.choice(['', ' ', '  '])}{choose.choice(_NUMBERS)})"
    if kind < 0.7:
        return _replace_str(choose, lines, line)
    if kind < 0.9:
        rank = choose.choice([*("0", "1", "2", "10000", "-1", "-10000", "20000", "5"), choose.choice(_NUMBERS)])
        return f"add_line({line}, {rank}, {_quoted(choose, _string(choose, lines))})"
    if kind < 0.95:
        place = choose.choice(_NUMBERS)
        return f"add_line({place}, {choose.choice(_NUMBERS)}, {_quoted(choose, _string(choose, lines))})"
    return choose.choice(
        ["keep_all()", "remove_all()", "# nothing", "---", "remove_lines(1, 2) and more", "keep_all( )"]
    )


def _replace_str(choose: random.Random, lines: Sequence[str], number: int) -> str:
    line = lines[number - 1] if 1 <= number <= len(lines) else ""
    old = _string(choose, [line]) if line and choose.random() < 0.85 else _string(choose, lines)
    new = choose.choice(["", "", old, old[:-1], old + "s", old.upper(), _string(choose, lines)])
    if choose.random() < 0.05:
        old += "\n"  # the executor's lines have their line breaks, so this joins two
    return f"replace_str({number}, {_quoted(choose, old)}, {_quoted(choose, new)})"


def _quoted(choose: random.Random, text: str) -> str:
    if choose.random() < 0.85:
        return repr(text)
    mark = choose.choice("'\"")
    return mark + text + mark


def _string(choose: random.Random, lines: Sequence[str]) -> str:
    line = choose.choice(lines)
    if line and choose.random() < 0.8:
        start = choose.randrange(len(line))
        return line[start : start + choose.choice([1, 2, 5, 12, 40])]
    return choose.choice(_WORDS)


def _rescraper_program(choose: random.Random, lines: Sequence[str], chunk: Chunk) -> str:
    """Return an answer that mostly has the right form and names lines and strings that are there."""
    shown = [line.strip() for line in lines[chunk.line_start : chunk.line_end + 1] if line.strip()]
    decision = choose.choice(["<keep>", "<edit>", "<edit>", "<edit>", "<delete>", "<rewrite>"])
    again = decision if choose.random() < 0.9 else choose.choice(["<keep>", "<edit>", "<refine>", "", "<rewrite>"])
    extraction = [_removal(choose, len(shown)) for _ in range(choose.choice([0, 1, 2, 4]))]
    payload: list[str] = []
    if decision == "<edit>" or choose.random() < 0.05:
        payload = [
            _removal(choose, len(shown)) if choose.random() < 0.4 else _substring(choose, shown)
            for _ in range(choose.choice([0, 1, 2, 3, 6]))
        ]
        if choose.random() < 0.15:
            other = choose.choice(["prose", "sub 3", "rm", 'sub 1: "cut', *_WORDS])
            payload.insert(choose.randint(0, len(payload)), other)
    elif decision == "<rewrite>":
        payload = [
            " ".join(choose.choices(_WORDS, k=choose.choice([1, 5, 60]))) for _ in range(choose.choice([1, 1, 3]))
        ]
    head = [decision, "<extract>"]
    if choose.random() < 0.08:
        head = choose.choice([["<extract>"], [decision], ["<clean>", "<extract>"], []])
    return choose.choice(["\n", "\n", "\n", "\n\n", " \n"]).join([*head, *extraction, again, *payload])


def _removal(choose: random.Random, count: int) -> str:
    start = choose.randint(1, max(1, count)) if choose.random() < 0.9 else choose.randint(0, count + 2)
    if choose.random() < 0.05:
        return f"rm {choose.choice(_NUMBERS)}-{choose.choice(_NUMBERS)}"
    end = start + choose.choice([0, 0, 1, 3, -1])
    return f"rm {start}" if choose.random() < 0.5 else f"rm {start}-{end}"


def _substring(choose: random.Random, shown: Sequence[str]) -> str:
    number = choose.randint(0, len(shown) + 1)
    line = shown[number - 1] if 1 <= number <= len(shown) else "a"
    source = _string(choose, [line])
    written = json.dumps(source, ensure_ascii=choose.random() < 0.3)
    if choose.random() < 0.1:
        written = choose.choice(
            [source, f'"{source}"', f"'{source}'", "5", "null", '["a"]', "true", '"', '""', "1e999"]
        )
    return f"sub {number}: {written}"


Maker = Callable[[random.Random, Sequence[str], Chunk], str]
_MAKERS: dict[DialectWithExecutor, tuple[Maker, Sequence[str]]] = {
    "ultrax": (_ultrax_program, [*_ULTRAX_TOKENS, *TOKENS]),
    "rescraper": (_rescraper_program, [*_RESCRAPER_TOKENS, *TOKENS]),
}
