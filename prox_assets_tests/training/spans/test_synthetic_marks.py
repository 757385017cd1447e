"""Synthetic marks consist of words; nothing in this package unpacks a string into its letters by mistake."""

import ast
import random
from pathlib import Path

import prox_assets
from prox_assets.refiners.spans.patterns import NoiseKind
from prox_assets.training.spans.synthetic_marks import MARKS, WORDS


def test_every_word_is_a_word_and_comes_once():
    assert all(len(word) > 2 for word in WORDS), [word for word in WORDS if len(word) < 3]
    assert len(WORDS) == len(set(WORDS))
    assert "summit" in WORDS


def test_no_synthetic_address_has_a_name_of_one_letter():
    rng = random.Random(0)
    for _ in range(500):
        host = MARKS[NoiseKind.EMAIL](rng).strip("()<>[]").partition("@")[2]
        assert not host or len(host.split(".")[0].split("-")[-1]) > 1, host


def test_no_star_or_loop_takes_one_string_for_a_tuple_of_strings():
    """`*("summit"),` is six letters: a tuple of one word needs its comma."""
    slips: list[str] = []
    for file in Path(prox_assets.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Starred) and isinstance(node.value, ast.Constant):
                slips.append(f"{file.name}:{node.lineno}")
            elif isinstance(node, ast.For | ast.comprehension) and isinstance(node.iter, ast.Constant):
                word = str(node.iter.value)
                slips += [f"{file.name}:{node.iter.lineno}"] * word.isalpha()
    assert slips == []
