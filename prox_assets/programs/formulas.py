r"""Finds formulas in text: TeX between its marks or without them, Unicode mathematics, and plain text such as x^2 = 4.

It looks for what only mathematics has, because prices ($5 - $10), shell variables, addresses and assignments of code
use the same characters: a dollar opens a formula only if what follows reads like one, and plain text counts as a
formula only if it relates or combines variables. A whole document is searched, since a displayed formula may run over
many lines.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from prox_assets.programs.plain_formulas import is_plain_formula

Span = tuple[int, int]
"""First character of a formula in its line, and the one after its last."""

MAX_DISPLAY_LINES = 100
"""A displayed formula of more lines is taken for a mark that was never closed."""

_MATHS_ENVIRONMENT = (
    r"(?:equation|align|alignat|flalign|gather|multline|eqnarray|displaymath|math|array|[bBpvV]?matrix|smallmatrix"
    r"|d?cases|split|aligned|alignedat|gathered|subequations|tikzcd|CD)\*?"
)
# What opens a display, and for each what closes it.
_OPENING = re.compile(
    rf"(?P<dollars>(?<![\\$])\$\$(?!\$))|(?P<bracket>(?<!\\)\\\[)|\\begin\s?\{{(?P<environment>{_MATHS_ENVIRONMENT})\}}"
    r"|\[(?P<tag>tex|itex|math|latex)\]|(?P<element><math\b)|^\s*```\s?(?P<fence>math|latex|tex)\s*$"
)
_DISPLAY_STYLE = r"\{\\(?:display|text)style\b"

# Commands that no path and no other markup contains; \alpha counts, \a does not.
_COMMAND = re.compile(
    r"\\(?:[dtc]?frac|sqrt|sum|prod|i{0,3}int|oint|lim|sup|inf|limits|partial|nabla|infty|cdots?|ldots|times|div|pm|mp"
    r"|leq?|geq?|neq?|approx|equiv|cong|simeq|sim|propto|subset(?:eq)?|supset(?:eq)?|cup|cap|bigcup|bigcap|notin|forall"
    r"|exists|to|mapsto|(?:left|right|Left|Right|long)?[rR]ightarrow|implies|iff|left[(\[|.]|right[)\]|.]|langle|rangle"
    r"|lfloor|lceil|mathbb|mathcal|mathbf|mathrm|mathfrak|mathsf|operatorname|overline|underline|widehat|widetilde|hat"
    r"|bar|vec|dot|tilde|binom|choose|pmod|bmod|mod|gcd|log|ln|sin|cos|tan|sec|csc|cot|arcsin|arccos|arctan|sinh|cosh"
    r"|exp|det|dim|ker|deg|max|min|text(?:rm|bf)?(?=\{)|alpha|beta|gamma|delta|(?:var)?epsilon|zeta|eta|theta|iota|kappa"
    r"|lambda|mu|nu|xi|pi|rho|sigma|tau|upsilon|(?:var)?phi|chi|psi|omega|Gamma|Delta|Theta|Lambda|Xi|Pi|Sigma|Phi|Psi"
    r"|Omega|ell|hbar|circ|angle|triangle|perp|parallel|mid|oplus|otimes|wedge|vee|neg|therefore|because|qquad)"
    r"(?![A-Za-z])"
)
_PATH = re.compile(r"\b[A-Za-z]:\\|\\\\\w+\\")

_INLINE = re.compile(
    r"\\\((?P<round>.{1,2000}?)\\\)"
    r"|(?<![\\$\w])\$(?![\s$])(?:latex\s)?(?P<dollar>[^$]{1,400}?)(?<![\s\\])\$(?![\d$])"
)
_PROMPT = re.compile(r"^\s*\$\s")
# In a dollar formula: a command, an exponent or index, a relation with both sides, or a name of one or two letters.
_ARITHMETIC = re.compile(r"[\w)\]}!'′]\s?(?:[=<>≤≥≠≈+*/×·|:,−-]|\\[,;:!])\s?[\w(\[{\\|+−-]")
_SCRIPT = re.compile(r"[\w)\]}|'!]\s?[\^_]\s?[\w({\\+*'−-]")
_SHORT_NAME = re.compile(r"[-−+±]?(?:\d[\d.,\s]*|\d*[A-Za-zα-ωΑ-Ω]{1,2}['′]*|[A-Za-z]{1,3}\s?\([^()]{1,20}\))[!%°]?")
_NOT_INSIDE = re.compile(r"[\"`;#@]|&&|://|\b[A-Za-z]{2,}[.][A-Za-z]|[$]")
_WORD_IN_DOLLARS = re.compile(r"(?<![\\A-Za-z{])[A-Za-z]{4,}")


def find_formulas(lines: Sequence[str]) -> dict[int, tuple[Span, ...]]:
    """Return where the formulas of a document are, by line number, in order.

    Args:
        lines: The lines of the document.

    Returns:
        For each line that holds a formula, the spans of its formulas. The lines of a displayed formula, and lines with
        a formula in plain text, are one span each, words around the formula included; blank lines inside a display have
        an empty span. The time is about linear in the text.
    """
    found: dict[int, tuple[Span, ...]] = {}
    number = 0
    while number < len(lines):
        last = _display_end(lines, number)
        if last is None:
            spans = tuple(_spans(lines[number]))
            if spans:
                found[number] = spans
            number += 1
        else:
            found.update((inside, ((0, len(lines[inside])),)) for inside in range(number, last + 1))
            number = last + 1
    return found


def unbroken_lines(lines: Sequence[str], formulas: Iterable[int]) -> frozenset[int]:
    """Return the lines of a document whose formula goes on in the next line.

    Args:
        lines: The lines of the document.
        formulas: Those that hold a formula, in order, as `find_formulas` found them.
    """
    unbroken: set[int] = set()
    last = -1
    for number in formulas:
        if number > last:
            last = _display_end(lines, number) or number
            unbroken.update(range(number, last))
    return frozenset(unbroken)


def _display_end(lines: Sequence[str], first: int) -> int | None:
    """Return the last line of the display that begins in a line; None if none begins, or if it is never closed."""
    line = lines[first]
    if "$$" not in line and "\\" not in line and "[" not in line and "<" not in line and "`" not in line:
        return None
    opened = _OPENING.search(line)
    while opened is not None:
        closing = _closing(opened)
        closed = closing.search(line, opened.end())
        if closed is None:
            return _closed_later(lines, first, closing, opened)
        if opened["dollars"] and not _is_display(line[opened.end() : closed.start()]):
            return None
        if not line[: opened.start()].strip() and not line[closed.end() :].strip(" .,;:"):
            return first  # nothing but the display
        opened = _OPENING.search(line, closed.end())
    return None


def _closing(opened: re.Match[str]) -> re.Pattern[str]:
    if opened["dollars"]:
        return re.compile(r"(?<!\$)\$\$(?!\$)")
    if opened["bracket"]:
        return re.compile(r"\\\]")
    if opened["environment"]:
        return re.compile(rf"\\end\s?\{{{re.escape(opened['environment'])}\}}")
    if opened["tag"]:
        return re.compile(rf"\[/{opened['tag']}\]")
    return re.compile(r"</math>" if opened["element"] else r"^\s*```\s*$")


def _closed_later(lines: Sequence[str], first: int, closing: re.Pattern[str], opened: re.Match[str]) -> int | None:
    for number in range(first + 1, min(len(lines), first + MAX_DISPLAY_LINES)):
        closed = closing.search(lines[number])
        if closed is not None:
            parts = [lines[first][opened.end() :], *lines[first + 1 : number], lines[number][: closed.start()]]
            return number if not opened["dollars"] or _is_display(" ".join(parts)) else None
    return None


def _is_display(inside: str) -> bool:
    """Return whether what stands between two $$ is mathematics: "$$" also rates restaurants, and quotes code."""
    if _COMMAND.search(inside):
        return True
    inside = " ".join(inside.split())
    if _WORD_IN_DOLLARS.search(inside) or _NOT_INSIDE.search(inside):
        return False
    return bool(_SCRIPT.search(inside) or _ARITHMETIC.search(inside) or _SHORT_NAME.fullmatch(inside))


def _spans(line: str) -> Iterator[Span]:
    """Yield the formulas of a line that is no part of a display."""
    if not line or line.isspace():
        return
    inline = list(_inline(line))
    if inline:
        yield from inline
    elif _has_command(line) or is_plain_formula(line):
        yield (0, len(line))


def _has_command(line: str) -> bool:
    """Return whether TeX stands in a line without marks, as extractors leave it."""
    return "\\" in line and _COMMAND.search(line) is not None and _PATH.search(line) is None


def _inline(line: str) -> Iterator[Span]:
    if "$" not in line and "\\(" not in line and "]" not in line and "<math" not in line and "style" not in line:
        return
    marked = sorted([*_marked(line), *_in_dollars(line)])
    done = 0
    for start, end in marked:
        if start >= done:
            yield (start, end)
            done = end


def _marked(line: str) -> Iterator[Span]:
    """Yield the formulas that marks other than single dollars open and close in this line."""
    position = 0
    while (opened := _OPENING.search(line, position)) is not None:
        closed = _closing(opened).search(line, opened.end())
        if closed is None:
            break
        if not opened["dollars"] or _is_display(line[opened.end() : closed.start()]):
            yield (opened.start(), closed.end())
        position = closed.end()
    style = re.search(_DISPLAY_STYLE, line)
    if style is not None:
        yield (style.start(), line.rfind("}") + 1 or len(line))


def _in_dollars(line: str) -> Iterator[Span]:
    r"""Yield the formulas between single dollars and between \( and \)."""
    shell = _PROMPT.match(line) is not None
    position = 0
    while (match := _INLINE.search(line, position)) is not None:
        if match["round"] is not None or (not shell and _is_dollar_formula(match["dollar"])):
            yield match.span()
            position = match.end()
        else:
            position = match.start() + 1


def _is_dollar_formula(inside: str) -> bool:
    if _COMMAND.search(inside) is not None:
        return True
    if _NOT_INSIDE.search(inside) or not _is_balanced(inside) or inside[-1] in "=+-−<>*/.,?:|^_([{":
        return False
    if _SHORT_NAME.fullmatch(inside):
        return True
    if _WORD_IN_DOLLARS.search(inside):  # "$5 million, or $8": words, and no command that would set them upright
        return False
    return inside[0] != "{" and bool(_SCRIPT.search(inside) or _ARITHMETIC.search(inside))


def _is_balanced(text: str) -> bool:
    # Intervals such as [0, 1) are mathematics too.
    return text.count("(") + text.count("[") == text.count(")") + text.count("]") and text.count("{") == text.count("}")
