"""The grammars for constrained decoding, run through llguidance."""

import random
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from prox_assets.programs import DIALECTS, chunk_grammar, document_grammar, parse, render
from prox_assets.programs.operations import KeepChunk, Normalize, RemoveAll, RemoveAllLines, RemoveLines
from prox_assets.testing.programs.dialect_cases import LINE_COUNT, SAYABLE

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


SURROGATE = re.compile("[\ud800-\udfff]")
DECISIONS = (KeepChunk(), RemoveAll())
READERS = [
    pytest.param(parse, document_grammar(), id="doc"),
    pytest.param(parse, RELEASED, id="released"),
    *(
        pytest.param(dialect.parse, chunk_grammar(dialect=dialect.name), id=dialect.name)
        for dialect in DIALECTS.values()
    ),
]


@pytest.mark.parametrize(("read", "grammar"), READERS)
def test_whatever_a_grammar_admits_is_read_without_errors(read, grammar):
    for seed in range(60):
        program = _random_walk(matcher_of(grammar), random.Random(seed))
        parsed = read(program)

        assert parsed.errors == (), program
        assert parsed.operations != ()


@pytest.mark.parametrize("name", sorted(DIALECTS))
@given(data=st.data())
def test_a_grammar_admits_what_its_dialect_writes(name, data):
    dialect = DIALECTS[name]
    operations = data.draw(SAYABLE[name])
    if name != "rescraper":  # what decides about the whole chunk stands alone
        operations = [operation for operation in operations if operation not in DECISIONS] or operations[:1]
    assume(name == "canonical" or RemoveAllLines() not in operations)
    program = dialect.render(operations, dialect.shown_lines(["x"] * LINE_COUNT, 0, dialect.first_number))

    assume(not SURROGATE.search(program))  # no model writes half a character
    assert admits(chunk_grammar(dialect=name), program)


@pytest.mark.parametrize(
    ("name", "program"),
    [
        ("ultrax", "remove_lines(0, 1)"),
        ("ultrax", "remove_lines(line_start=1, line_end=2)"),
        ("ultrax", "keep_all()\nremove_lines(1, 2)"),
        ("ultrax", "replace_str(1, 'it's', '')"),
        ("ultrax", "replace_str(1, 'a\nb', '')"),
        ("ultrax", "normalize('a', '')"),
        ("refinex", "remove_all()"),
        ("refinex", "replace_str(1, 'a', '')"),
        ("dataorchestra-np", 'normalize(source_str="a", target_str="")'),
        ("rescraper", "<keep>"),
        ("rescraper", "<keep>\n<extract>\n<edit>\nrm 1"),
        ("rescraper", '<keep>\n<extract>\nsub 1: "a"\n<keep>'),
        ("rescraper", "<keep>\n<extract>\n<keep>\nThe text"),
        ("rescraper", "<edit>\n<extract>\nrm 1\n<edit>"),
        ("rescraper", "<edit>\n<extract>\n<edit>\nsub 1: a"),
        ("rescraper", '<edit>\n<extract>\n<edit>\nsub 1: "\\ud800"'),
        ("rescraper", "<edit>\n<extract>\n<edit>\nrm 0"),
        ("rescraper", "<rewrite>\n<extract>\n<rewrite>"),
        ("rescraper", "<rewrite>\n<extract>\n<rewrite>\nA text.\nrm 5-9"),
        ("rescraper", "<rewrite>\n<extract>\n<rewrite>\nA text.\nsub 5: no"),
        ("rescraper", "<rewrite>\n<extract>\n<rewrite>\n<keep>"),
    ],
)
def test_a_grammar_admits_nothing_that_its_dialect_does_not_write(name, program):
    assert not admits(chunk_grammar(dialect=name), program)


def _random_walk(matcher, choose):
    """Return a program put together from randomly chosen admitted bytes."""
    written = bytearray()
    while not (matcher.is_accepting() and choose.random() < 0.6):
        mask = matcher.compute_bitmask()
        admitted = [byte for byte in range(256) if mask[byte // 8] >> byte % 8 & 1]
        if not admitted:
            break
        # Quotes and backslashes are where a parser could be misled; too few quotes would never end a string. Line
        # breaks are where a rewrite could begin a call.
        special = [byte for byte in admitted if byte in b"\"'\\\n"]
        byte = choose.choice(special if special and choose.random() < 0.3 else admitted)
        assert matcher.consume_token(byte)
        written.append(byte)
    return written.decode()
