r"""Grammars for constrained decoding, in the Lark dialect that llguidance (and vLLM's guidance backend) reads.

The parser of its dialect reads every program that a grammar admits without errors, and the grammar of a dialect admits
everything that its `render` writes, up to lines of six digits. No string may hold a line break that is not escaped.
"""

from prox_assets.programs.dialects.dialect import DialectName

_NUMBER_FROM_0 = "/0|[1-9][0-9]{0,5}/"
_NUMBER_FROM_1 = "/[1-9][0-9]{0,5}/"
_DOUBLE_QUOTED = r'/"([^"\\\n]|\\[^\n])*"/'
_QUOTED = r"""/"([^"\\\n]|\\[^\n])*"|'([^'\\\n]|\\[^\n])*'/"""
# Half of a surrogate pair is no character, so no \u escape may begin with d8 to df.
_HEX = "[0-9a-fA-F]"
_JSON_ESCAPE = rf'\\["\\\/bfnrt]|\\u[0-9abcefABCEF]{_HEX}{{3}}|\\u[dD][0-7]{_HEX}{{2}}'
_JSON_STRING = rf'/"([^"\\\x00-\x1f]|{_JSON_ESCAPE})*"/'
# A line of a rewrite is not blank, and begins neither like a call nor with a tag.
_LEAKED = r"rm [0-9]|sub [0-9]+: |<(keep|edit|delete|rewrite|extract|refine)>"
_TEXT_LINE = rf"/[^\n]*[^\s\x00-\x1f][^\n]*/ & ~/[\s\x00-\x1f]*({_LEAKED})[^\n]*/"

_ULTRAX = f"""start: "keep_all()" | "remove_all()" | call ("\\n" call)*
call: remove_lines | replace_str | add_line
remove_lines: "remove_lines(" LINE_NUMBER ", " LINE_NUMBER ")"
replace_str: "replace_str(" LINE_NUMBER ", " STRING ", " STRING ")"
add_line: "add_line(" PLACE ", " PLACE ", " STRING ")"
LINE_NUMBER: {_NUMBER_FROM_1}
PLACE: {_NUMBER_FROM_0}
STRING: {_QUOTED}
"""

_RESCRAPER = f"""start: keep | edit | delete | rewrite
keep: "<keep>\\n<extract>\\n" extraction "<keep>"
edit: "<edit>\\n<extract>\\n" extraction "<edit>" ("\\n" (removal | substring))+
delete: "<delete>\\n<extract>\\n" extraction "<delete>"
rewrite: "<rewrite>\\n<extract>\\n" extraction "<rewrite>\\n" TEXT_LINE (BREAK TEXT_LINE)*
extraction: (removal "\\n")*
removal: "rm " LINE_NUMBER ("-" LINE_NUMBER)?
substring: "sub " LINE_NUMBER ": " STRING
LINE_NUMBER: {_NUMBER_FROM_1}
STRING: {_JSON_STRING}
BREAK: /\\n+/
TEXT_LINE: {_TEXT_LINE}
"""

_REFINEX = f"""start: "keep_all()" | call ("\\n" call)*
call: remove_lines | remove_str
remove_lines: "remove_lines(" LINE_NUMBER ", " LINE_NUMBER ")"
remove_str: "remove_str(" LINE_NUMBER ", " STRING ")"
LINE_NUMBER: {_NUMBER_FROM_0}
STRING: {_QUOTED}
"""

_CANONICAL = f"""start: "keep_chunk()" | "remove_all()" | call ("\\n" call)*
call: remove_lines | normalize | replace_in_line | insert_line | rewrite
remove_lines: "remove_lines(" ("line_start=" LINE_NUMBER ", line_end=" LINE_NUMBER | "all=True") ")"
normalize: "normalize(source_str=" STRING ", target_str=" STRING ")"
replace_in_line: "replace_in_line(line=" LINE_NUMBER ", source_str=" STRING ", target_str=" STRING OCCURRENCE? ")"
insert_line: "insert_line(after=" AFTER ", text=" STRING (", rank=" LINE_NUMBER)? ")"
rewrite: "rewrite(text=" STRING ")"
OCCURRENCE: ", occurrence=\\"first\\""
AFTER: "-1" | LINE_NUMBER
LINE_NUMBER: {_NUMBER_FROM_0}
STRING: {_DOUBLE_QUOTED}
"""


def document_grammar() -> str:
    """Return the grammar of document-level programs: exactly one decision."""
    return 'start: "keep_doc()" | "drop_doc()"\n'


def chunk_grammar(
    keep_call: str = "keep_chunk",
    start_keyword: str = "line_start",
    end_keyword: str = "line_end",
    dialect: DialectName = "prox",
) -> str:
    """Return the grammar of chunk-level programs: one decision about the whole chunk, or edits, one per line.

    The defaults are the spelling of the ProX paper (table 1), which `render` writes too. Give a constrained model the
    names that it was trained on: the released ProX chunk models write `untouch_doc`, `start` and `end`.

    Args:
        keep_call: Name of the call that leaves the chunk unchanged (prox, line-labels, dataorchestra-np).
        start_keyword: Name of the first argument of remove_lines (the same dialects).
        end_keyword: Name of the second argument of remove_lines (the same dialects).
        dialect: The dialect.
    """
    match dialect:
        case "ultrax":
            return _ULTRAX
        case "rescraper":
            return _RESCRAPER
        case "refinex":
            return _REFINEX
        case "canonical":
            return _CANONICAL
        case "dataorchestra-np":
            call, strings = "remove_lines", ""
        case "prox" | "line-labels":
            call, strings = "remove_lines | normalize", f"STRING: {_DOUBLE_QUOTED}\n"
    normalize = 'normalize: "normalize(source_str=" STRING ", target_str=" STRING ")"\n' if strings else ""
    # The order of the rules is part of the fingerprint of constrained refiners.
    return (
        f'start: "{keep_call}()" | call ("\\n" call)*\n'
        f"call: {call}\n"
        f'remove_lines: "remove_lines({start_keyword}=" LINE_NUMBER ", {end_keyword}=" LINE_NUMBER ")"\n'
        f"{normalize}LINE_NUMBER: {_NUMBER_FROM_0}\n{strings}"
    )
