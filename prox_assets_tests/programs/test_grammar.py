"""The grammars for constrained decoding, run through llguidance."""

import random

import pytest

from prox_assets.programs import chunk_grammar, document_grammar, parse, render
from prox_assets.programs.operations import KeepChunk, Normalize, RemoveLines

llguidance = pytest.importorskip("llguidance", reason="llguidance comes with vLLM")

BYTES = llguidance.LLTokenizer("byte")
RELEASED = chunk_grammar(keep_call="untouch_doc", start_keyword="start", end_keyword="end")


def matcher_of(grammar):
    matcher = llguidance.LLMatcher(BYTES, llguidance.LLMatcher.grammar_from_lark(grammar))
    assert matcher.get_error() == ""
    return matcher


def admits(grammar, program):
    matcher = matcher_of(grammar)
    return matcher.consume_tokens(list(program.encode())) and matcher.is_accepting()


@pytest.mark.parametrize("program", ["keep_doc()", "drop_doc()"])
def test_the_document_grammar_admits_both_decisions(program):
    assert admits(document_grammar(), program)


@pytest.mark.parametrize("program", ["", "drop", "keep_chunk()", "drop_doc()drop_doc()", "do not drop_doc()"])
def test_the_document_grammar_admits_nothing_else(program):
    assert not admits(document_grammar(), program)


@pytest.mark.parametrize(
    "operations",
    [
        [KeepChunk()],
        [RemoveLines(0, 12)],
        [RemoveLines(1, 12), Normalize('a, (b)="c"', "é\n中"), RemoveLines(14, 999999)],
        [Normalize("", "")],
    ],
)
def test_the_chunk_grammar_admits_canonical_programs(operations):
    assert admits(chunk_grammar(), render(operations))


@pytest.mark.parametrize(
    "program",
    [
        "",
        "remove_lines(0, 12)",
        "remove_lines(line_start=01, line_end=12)",
        "remove_lines(line_start=1, line_end=12",
        "remove_lines(line_start=1, line_end=12)\n",
        "keep_chunk()\nremove_lines(line_start=1, line_end=12)",
        "Here is the program:\nkeep_chunk()",
        'normalize(source_str="a\nb", target_str="")',
        "drop_doc()",
    ],
)
def test_the_chunk_grammar_admits_nothing_else(program):
    assert not admits(chunk_grammar(), program)


def test_the_names_that_a_model_was_trained_on_can_be_asked_for():
    assert admits(RELEASED, "untouch_doc()")
    assert admits(RELEASED, "remove_lines(start=0, end=74)")
    assert not admits(RELEASED, "keep_chunk()")


@pytest.mark.parametrize("grammar", [document_grammar(), chunk_grammar(), RELEASED], ids=["doc", "chunk", "released"])
def test_whatever_a_grammar_admits_is_read_without_errors(grammar):
    for seed in range(60):
        program = _random_walk(matcher_of(grammar), random.Random(seed))
        parsed = parse(program)

        assert parsed.errors == (), program
        assert parsed.operations != ()


def _random_walk(matcher, choose):
    """Return a program put together from randomly chosen admitted bytes."""
    written = bytearray()
    while not (matcher.is_accepting() and choose.random() < 0.6):
        mask = matcher.compute_bitmask()
        admitted = [byte for byte in range(256) if mask[byte // 8] >> byte % 8 & 1]
        if not admitted:
            break
        # Quotes and backslashes are where a parser could be misled; too few quotes would never end a string.
        special = [byte for byte in admitted if byte in b'"\\']
        byte = choose.choice(special if special and choose.random() < 0.3 else admitted)
        assert matcher.consume_token(byte)
        written.append(byte)
    return written.decode()
