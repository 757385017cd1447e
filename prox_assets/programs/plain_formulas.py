"""Recognises formulas in plain text and Unicode, without any mark-up: x^2 + y^2 = 1, a² + b² = c², ∫ f(x) dx.

A line is cut into tokens, and runs of numbers, variables, functions and signs are judged. What web pages have of the
same characters (sizes, opening hours, assignments of code, addresses) must not pass.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

_MAX_PLAIN_CHARACTERS = 4_000
_URL = re.compile(r"\w{1,10}://\S+|www\.\S+|\?\S{0,200}?=\S*|\S{1,64}@\S+")
_CODE = re.compile(
    r"[;{}]\s*$|\+\+|--\w|[+*/-]=|&&|::|=>|[?&]\w+=|</?[A-Za-z]|/>|\"|`|[\w\]]\s?=\s?'|'\]"
    r"|^\s*(?:var|const|let|return|def|import|from|echo|export|set|print|printf|elif|sudo|public|private|static|void)\b"
)
_CURRENCY = re.compile(r"[€£¥₹₽₩]|\$|\b(?:USD|EUR|GBP|Rs)\b")
_FUNCTION_NAMES = """
sin cos tan cot sec csc sinh cosh tanh arcsin arccos arctan log ln exp sqrt lim max min sup inf det gcd lcm mod deg dim
ker rank tr int sum pi theta alpha beta gamma delta lambda sigma omega phi epsilon mu
"""
_FUNCTIONS = frozenset(_FUNCTION_NAMES.split())
# Two letters that are no product of two variables: words and units.
_WORDS_OF_TWO_LETTERS = """
am an as at be by do go he hi if in is it me my no of oh ok on or ox pm so to up us vs we id ie eg tv pc uk eu un kg cm
mm km ml px em pt lb oz ft mi hr gb mb kb tb th st nd rd cc ed et al la le de du el en es il
"""
_SHORT_WORDS = frozenset(_WORDS_OF_TWO_LETTERS.split())
_TOKEN = re.compile(
    r"(?P<number>\d+(?:[.,]\d+)*[°%]?)"
    r"|(?P<letters>[A-Za-z]+|[Ͱ-Ͽἀ-῿]{2,})"
    r"|(?P<greek>[α-ωΑ-Ωϕϵ∞∅𝐀-𝟿])"
    r"|(?P<raised>[²³¹⁰⁴-⁹⁻⁺ⁿⁱ₀-₉ₙₖᵢⱼ]+|['′″])"
    r"|(?P<relation><=|>=|!=|==|:=|~=|[=<>≤≥≠≈≡≅∝])"
    r"|(?P<arrow>->|-->|→|⇒|⟹|⇔|⟺|↦|∴)"
    r"|(?P<power>(?<!\*)\*\*(?!\*)|(?<!\s)\^|\^(?=\s))"
    r"|(?P<set>[ℝℂℕℤℚ])"
    r"|(?P<strong>[∛∑∫∬∮∏√∂∇∀∃∈∉⊂⊆⊃⊇∪∩⊕⊗∧∨∠△⟨⟩‖])"
    r"|(?P<operator>[-+*/−–±×·÷⋅∗∘])"
    r"|(?P<open>[(\[{])"
    r"|(?P<close>[)\]}])"
    r"|(?P<bar>[|!_])"
    r"|(?P<space>\s+)"
    r"|(?P<other>.)"
)
_ENUMERATOR = re.compile(r"^\s*(?:\(?(?:\d{1,3}|[a-z]|[ivx]{1,4})[.)]\s+|[•*–-]\s+)")
# No formula is found without one of these.
_SIGNS = re.compile(
    r"[=<>≤≥≠≈≡≅∝^²³¹⁰⁴-⁹ⁿ∑∫∬∮∏√∂∇∀∃∈∉⊂⊆⊃⊇∪∩⊕⊗∧∨∠△⟨‖∛ℝℂℕℤℚ→⇒⟹⇔⟺↦∴]|\*\*|\d[a-z]\b|[a-z)]!\s?[/(]|->|\)\("
)
_LEFT = frozenset({"close", "bar"})
_RIGHT = frozenset({"open", "bar", "strong", "operator"})
_OPERANDS = frozenset({"number", "set", "variable", "points", "function", "greek", "raised"})


def is_plain_formula(line: str) -> bool:
    """Return whether a line holds a formula in plain text or Unicode, without any mark-up.

    A run of numbers, variables, functions and signs counts if it relates two sides of which one has a variable, or
    calculates with numbers alone (3/4 + 1/2 = 5/4), or has an exponent or a sign that only mathematics has; without any
    of these it must be all of the line. `x = y` alone, and prices, are no formulas.
    """
    if len(line) > _MAX_PLAIN_CHARACTERS or _SIGNS.search(line) is None or _CURRENCY.search(line) is not None:
        return False
    text = _URL.sub(" \x00 ", line)
    if _CODE.search(text) is not None:
        return False
    runs = list(_runs(text))
    if any(_is_formula(run, opens) for run, opens in runs):
        return True
    body = _ENUMERATOR.sub("", text, count=1).strip(" .,:?")
    return len(body) <= 80 and _is_expression(list(_tokens(body)))


def _runs(text: str) -> Iterator[tuple[list[tuple[str, str]], bool]]:
    """Yield (tokens, whether it begins the line) of each run of mathematical tokens between words and other signs."""
    run: list[tuple[str, str]] = []
    begun = False
    opens = True
    for kind, value in _tokens(text):
        if kind == "word":
            if run:
                yield run, opens
            run, opens, begun = [], False, True
        else:
            if not run:
                opens = not begun
            run.append((kind, value))
    if run:
        yield run, opens


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    """Yield (kind, text) of each token that is not white space."""
    before = ""
    for match in _TOKEN.finditer(text):
        kind, value = str(match.lastgroup), match.group()
        if kind == "letters":
            kind = _kind_of_letters(value, before)
        elif kind == "other":
            kind = "word"
        if kind != "space":
            yield kind, value
        before = value


def _kind_of_letters(letters: str, before: str) -> str:
    if len(letters) == 1:
        return "variable"
    if letters.lower() in _FUNCTIONS:
        return "function"
    if len(letters) == 2 and letters.isascii() and letters[0].islower() and letters not in _SHORT_WORDS:
        return "variable"  # ab, dx, mc, aX
    if len(letters) <= 3 and letters.isupper():
        return "points"  # AB + BC = AC
    if before[-1:].isdigit() and len(letters) <= 3 and letters.islower() and letters not in _SHORT_WORDS:
        return "variable"  # 2xy, 3abc
    return "word"


def _is_formula(run: list[tuple[str, str]], opens: bool) -> bool:
    kinds = [kind for kind, _ in run]
    if "set" in kinds or any(kind == "strong" and _has_operand(kinds, index) for index, kind in enumerate(kinds)):
        return True
    if any(kind == "power" and _joins(kinds, index) for index, kind in enumerate(kinds)):
        return True
    unknowns = [value for kind, value in run if kind in ("variable", "greek", "function")]
    calculates = _calculates(kinds)
    for index, kind in enumerate(kinds):
        if kind not in ("relation", "arrow"):
            continue
        if not _joins(kinds, index):
            # "= 2x + 3" goes on with the line before it.
            if index or not opens or not unknowns or not calculates:
                continue
            return kind == "relation"
        if calculates and (unknowns or kind == "relation"):
            return True
        if unknowns and kind == "relation" and _gives_value(run, index):
            return True
    return calculates and "raised" in kinds and bool(unknowns)


def _gives_value(run: list[tuple[str, str]], index: int) -> bool:
    """Return whether a relation says what a variable or a function of one is: x = 5, f(x) = y, 90° = α."""
    kinds = [kind for kind, _ in run]
    left, right = kinds[index - 1], kinds[index + 1]
    if kinds[:2] in (["variable", "open"], ["function", "open"]) and left == "close" and right in _OPERANDS:
        return True
    if "greek" in (left, right) or "raised" in kinds:
        return True
    if right == "operator" and kinds[index + 2 : index + 3] == ["number"]:
        return True  # a negative number
    # Sizes and grades are upper case (S = 36), as are a few statistics.
    names = [value for kind, value in run if kind == "variable"]
    return "number" in kinds and any(name.islower() or name in "PRNT" for name in names)


def _is_expression(tokens: list[tuple[str, str]]) -> bool:
    """Return whether a line without a relation is an expression such as 3x + 5y or n!/(n − k)!."""
    kinds = [kind for kind, _ in tokens]
    if "word" in kinds or "points" in kinds or not _calculates(kinds):
        return False
    signs = {value for kind, value in tokens if kind == "operator"}
    values = [value for _, value in tokens]
    # Hours, days and thousands are written like a factor and its variable.
    pairs = list(pairwise(tokens))
    factors = any(a[0] == "number" and b[0] == "variable" and b[1][0] in "abcnpqrtuvwxyz" for a, b in pairs)
    brackets = any(a[0] == "close" and b[0] == "open" for a, b in pairs)
    # "1/4 + 1/2 =" is an exercise; "7 + 4 =", with one sign, keeps robots out of a form.
    to_calculate = tokens[-1][1] == "=" and "number" in kinds and kinds.count("operator") > 1
    unknown = "variable" in kinds
    return to_calculate or (factors and bool(signs & set("+−*·/"))) or (unknown and (brackets or "!" in values))


def _calculates(kinds: list[str]) -> bool:
    return any(kind == "operator" and _joins(kinds, index) for index, kind in enumerate(kinds))


def _joins(kinds: list[str], index: int) -> bool:
    """Return whether a sign has an operand, or a bracket, on both sides."""
    sides = (kinds[index - 1] if index else "", kinds[index + 1] if index + 1 < len(kinds) else "")
    left = sides[0] in _OPERANDS or sides[0] in _LEFT
    right = sides[1] in _OPERANDS or sides[1] in _RIGHT
    return left and right and any(kind in _OPERANDS for kind in kinds[:index])


def _has_operand(kinds: list[str], index: int) -> bool:
    near = kinds[max(0, index - 1) : index] + kinds[index + 1 : index + 2]
    return any(kind in _OPERANDS or kind in ("open", "close") for kind in near)
