"""What counts as a formula, and what only looks like one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prox_assets.corpora.sample.maths.build import maths_pages
from prox_assets.programs.formulas import MAX_DISPLAY_LINES, find_formulas

FORMULAS = r"""
Let $f(x) = x^2$ be given.
We have \(x\).
There are $10$ balls.
$[0, 1)$
the $n$th term
$\begin{pmatrix} a & b \end{pmatrix}$
\frac{a}{b} + c
[tex]x^2[/tex]
$$x$$
{\displaystyle E}
<math>D > 0</math>
x^2 + y^2 = 1
f(x) = 3x - 5
x = 5
B = -1
(a) x = 3, y = 2
1) 3x + 5y
2x + 3 = 11
E = mc^2
3/4 + 1/2 = 5/4
4) 5/8 - 1/4 + 1/2 =
12 × 3 = 36
a² + b² = c²
∑ 1/n² = π²/6
lim x→0 sin(x)/x = 1
∠ABC = 90°
AB + BC = AC
∫ f(x) dx = F(b) − F(a)
= 2x + 3
P(A|B) = P(A ∩ B)/P(B)
|x − 3| < 5
x ∈ ℝ
n! / (k!(n−k)!)
(x + 3)(x + 4)
""".strip().split("\n")

NO_FORMULAS = r"""
$5 - $10
$5-$10
$20/$30
from $5 million (or $8)
US$ 20 = A$ 30
$100 = €90
1 USD = 0.92 EUR
1 cup = 240 ml
$$ - $$$ Italian
Price range: $$
$HOME/bin:$PATH
$ echo $x$y
$foo = $bar;
"$x" and "$y"
$(a).b($(c))
${HOME} ${PATH}
C:\alpha\beta
A$AP Rocky and Ke$ha
Size = Large
A = B
S = 36
Home > A > B
« 1 2 3 > »
?x=1&y=2
for (i = 0; i < 10; i++) {
x = 5;
What is 2 + 3 = ?
7 + 4 =
Mon-Fri 9-5
11h-14h - 15h-19h
10 x 12 cm
100k+ reviews
e***5 (4)
socket2 ^0.6.0
^_^
√ Free shipping
Read more →
Sort by: A -> Z
I <3 you
4/5 stars
""".strip().split("\n")


@pytest.mark.parametrize("line", FORMULAS)
def test_a_formula_is_found(line):
    assert find_formulas(["Prose before it.", line]).keys() == {1}


@pytest.mark.parametrize("line", NO_FORMULAS)
def test_what_only_looks_like_one_is_not(line):
    assert find_formulas([line, "Menu"]) == {}


@pytest.mark.parametrize(
    "display",
    [
        "$$\nx\n\n= 3\n$$",
        "\\[\na\n\\]",
        "\\begin{align*}\nA &= B \\\\\nC\n\\end{align*}",
        "[tex]\nA\n[/tex]",
        "```math\na\n```",
    ],
)
def test_every_line_of_a_display_belongs_to_it(display):
    lines = ["Menu", *display.split("\n"), "Footer"]
    found = find_formulas(lines)

    assert found == {number: ((0, len(lines[number])),) for number in range(1, len(lines) - 1)}


def test_a_display_that_is_never_closed_takes_no_lines_with_it():
    assert find_formulas(["$$", *["Menu"] * MAX_DISPLAY_LINES, "$$"]) == {}
    assert find_formulas(["\\[", "Menu", "Footer"]) == {}
    # Restaurants, by their prices.
    assert find_formulas(["Luigi", "$$", "Book now, 4.5 stars", "Mario", "$$", "Closed"]) == {}


def test_spans_are_those_of_the_formulas():
    line = r"If $x > 0$, then \(y\) is cheaper than $5 [1]."
    [spans] = find_formulas([line]).values()

    assert [line[start:end] for start, end in spans] == ["$x > 0$", r"\(y\)"]


@given(st.lists(st.text("$\\[]()begin{align*}x^2 =+/-<>n!1∑√²", max_size=40), max_size=12))
def test_spans_lie_in_their_lines_in_order(lines):
    for number, spans in find_formulas(lines).items():
        assert 0 <= number < len(lines)
        ends = [place for span in spans for place in span]
        assert ends == sorted(ends)
        assert ends[0] >= 0
        assert ends[-1] <= len(lines[number])


def test_nearly_all_formulas_of_the_sample_are_found_and_little_else():
    found = {"formula": 0, "prose": 0, "noise": 0}
    lines = dict(found)
    for page in maths_pages():
        formulas = find_formulas(page.lines)
        for number, label in enumerate(page.labels):
            lines[label] += 1
            found[label] += number in formulas

    assert found["formula"] >= 0.98 * lines["formula"]
    assert found["prose"] <= 0.05 * lines["prose"]
    # Titles under "Related" hold formulas, too.
    assert found["noise"] <= 0.05 * lines["noise"]
