"""Grammars for constrained decoding, in the Lark dialect that llguidance (and vLLM's guidance backend) reads.

`dialects.prox.parse` reads every program that they admit without errors.
"""

_LINE_NUMBER = "/0|[1-9][0-9]{0,5}/"
_STRING = r'/"([^"\\\n]|\\[^\n])*"/'


def document_grammar() -> str:
    """Return the grammar of document-level programs: exactly one decision."""
    return 'start: "keep_doc()" | "drop_doc()"\n'


def chunk_grammar(
    keep_call: str = "keep_chunk", start_keyword: str = "line_start", end_keyword: str = "line_end"
) -> str:
    """Return the grammar of chunk-level programs: one keep call, or removals and normalizations, one per line.

    The defaults are the spelling of the ProX paper (table 1), which `render` writes too. Give a constrained model the
    names that it was trained on: the released ProX chunk models write `untouch_doc`, `start` and `end`.

    Args:
        keep_call: Name of the call that leaves the chunk unchanged.
        start_keyword: Name of the first argument of remove_lines.
        end_keyword: Name of the second argument of remove_lines.
    """
    return (
        f'start: "{keep_call}()" | call ("\\n" call)*\n'
        "call: remove_lines | normalize\n"
        f'remove_lines: "remove_lines({start_keyword}=" LINE_NUMBER ", {end_keyword}=" LINE_NUMBER ")"\n'
        'normalize: "normalize(source_str=" STRING ", target_str=" STRING ")"\n'
        f"LINE_NUMBER: {_LINE_NUMBER}\n"
        f"STRING: {_STRING}\n"
    )
