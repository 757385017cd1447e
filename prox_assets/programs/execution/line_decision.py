"""Which scored lines of a document stay under `line_decision: expected_f1`: those that maximise its expected word F1.

With w words and a probability p of being kept for each line, keeping the set S gives an expected F-measure of about

    (1 + beta^2) * sum_S p w / (sum_S w + beta^2 * sum_all p w),

the plug-in rule for F (Lewis, "Evaluating and optimizing autonomous text classification systems", SIGIR 1995; Lipton,
Elkan, Naryanaswamy, "Optimal thresholding of classifiers to maximize F1 measure", ECML 2014). A line raises the value
if p is above value / (1 + beta^2), so the best set is the most probable lines down to a cutoff, and the cutoff follows
from the document: with beta 1 it is half of the F1 that can be reached, about .45 on a page that is surely half
boilerplate and .2 on one of which nothing is sure.

The best set is chosen by the same probabilities that then say how good it is, so it promises a little more than it
keeps, and on a clean page the little is all there is. `min_gain` asks for more: see docs/refiner-lab.md.
"""

from collections import Counter
from collections.abc import Iterable


def expected_f1_cutoff(lines: Iterable[tuple[float, int]], beta: float = 1.0, min_gain: float = 0.0) -> float:
    """Return the P(keep) from which the lines of a document are kept so that its expected F-measure is highest.

    Lines of equal probability are kept or removed together, and lines that change nothing are kept, so the result
    depends neither on the order of lines nor on their chunks. At least the most probable line with words is kept. The
    time is that of sorting the probabilities.

    Args:
        lines: P(keep) and number of words of each scored line of the document. Lines without words (blank ones) and
            those whose P(keep) is no probability (NaN) do not count; the cutoff applies to the former, and a comparison
            with NaN keeps the latter.
        beta: Weight of recall against precision; above 0.
        min_gain: Share, in [0, 1], by which the expected error, 1 - F, of the whole document must fall.

    Returns:
        The cutoff, in [0, 1]; 0, which keeps everything, where too little is gained or no line with words has a
        probability above 0.
    """
    words_at: Counter[float] = Counter()
    for probability, words in lines:
        if words and 0 <= probability <= 1:
            words_at[probability] += words
    ordered = sorted(words_at.items(), reverse=True)
    wanted = sum(probability * words for probability, words in ordered)
    if not wanted:
        return 0.0
    # The formula above, divided by 1 + beta^2: with its inverse no beta overflows.
    share = 1 / (1 + beta * beta)
    kept_words, found, value, lowest = 0, 0.0, 0.0, 1.0
    for probability, words in ordered:
        if probability < share * value:
            break
        kept_words += words
        found += probability * words
        value = found / (share * kept_words + (1 - share) * wanted)
        lowest = probability
    whole = wanted / (share * sum(words_at.values()) + (1 - share) * wanted)
    if max(0.0, value - whole) < min_gain * (1 - whole):
        return 0.0
    # They differ in the last bit where all lines are equally probable.
    return min(share * value, lowest)
