"""Training curves as text for browser and terminal: the loss and the development scores of a run."""

from collections.abc import Mapping, Sequence
from typing import Any

from prox_assets.training.evaluation.table import markdown

BARS = "▁▂▃▄▅▆▇█"
POINTS = 60


def curve_report(curves: Mapping[str, Any]) -> str:
    """Return Markdown with the loss as a line of bars and a table of checkpoints.

    In `curves`, `loss` holds pairs of step and loss, and `development` the fields of each `CheckpointResult`.
    """
    losses = [loss for _, loss in curves["loss"]]
    parts = []
    if losses:
        parts.append(f"loss {losses[0]:.3f} `{bars(losses)}` {losses[-1]:.3f}")
    rows = [
        (
            str(result["step"]),
            f"{result['score']:.4f}",
            "" if result["threshold"] is None else f"{result['threshold']:.2f}",
            ", ".join(f"{name} {value:.4f}" for name, value in result["measures"].items()),
        )
        for result in curves["development"]
    ]
    parts.append(markdown(("step", "development score", "threshold", "measures"), rows))
    return "\n\n".join(parts)


def bars(values: Sequence[float]) -> str:
    """Return a line of at most 60 bars, each the mean of a run of values, scaled from the lowest to the highest."""
    count = min(POINTS, len(values))
    means = []
    for place in range(count):
        run = values[place * len(values) // count : (place + 1) * len(values) // count]
        means.append(sum(run) / len(run))
    low, high = min(means), max(means)
    span = (high - low) or 1.0
    return "".join(BARS[min(len(BARS) - 1, int((value - low) / span * len(BARS)))] for value in means)
