"""The `line-labels` dialect: the program is one keep probability per line, plus calls for edits inside lines.

This module turns the probabilities into operations and joins them with the calls; the refiners produce both.
"""

from collections.abc import Iterable, Sequence

from prox_assets.programs.dialects import prox
from prox_assets.programs.dialects.rendering import ShownLines, render_calls
from prox_assets.programs.operations import Operation, RemoveLines
from prox_assets.programs.operations import render as render_canonically


def render(operations: Iterable[Operation], shown: ShownLines) -> str:
    """Write operations on lines of the document as the calls that `labelled_program` returns.

    Raises:
        CannotSayError: One of them is none of ProX.
    """
    return render_calls("line-labels", operations, shown, prox.spell)


def operations_from_probabilities(
    probabilities: Sequence[float], threshold: float, first_line_number: int
) -> tuple[RemoveLines, ...]:
    """Return one RemoveLines for each run of lines whose keep probability is below the threshold.

    Args:
        probabilities: P(keep) of each line of the chunk that was shown, in order; a NaN keeps its line.
        threshold: A line is kept if its probability is at least this.
        first_line_number: The number that the chunk's first line has in programs (`policy.first_line_number(chunk)`).
    """
    operations: list[RemoveLines] = []
    run_start: int | None = None
    for number, probability in enumerate(probabilities, first_line_number):
        if probability < threshold:
            run_start = number if run_start is None else run_start
        elif run_start is not None:
            operations.append(RemoveLines(run_start, number - 1))
            run_start = None
    if run_start is not None:
        operations.append(RemoveLines(run_start, first_line_number + len(probabilities) - 1))
    return tuple(operations)


def labelled_program(
    probabilities: Sequence[float], program: str | None, threshold: float, first_line_number: int
) -> str | tuple[Operation, ...]:
    """Return what to execute for a chunk: the removals, followed by the calls if there are any.

    Args:
        probabilities: See `operations_from_probabilities`.
        program: Calls for edits inside lines, as text; None if there are none. They are executed as written, so that an
            unreadable call is recorded as such.
        threshold: See `operations_from_probabilities`.
        first_line_number: See `operations_from_probabilities`.
    """
    removals = operations_from_probabilities(probabilities, threshold, first_line_number)
    if program is None:
        return removals
    return f"{render_canonically(removals)}\n{program}" if removals else program
