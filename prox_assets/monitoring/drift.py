"""Is quality drifting? Judges the latest shards of a corpus against those before, and says what moved since when.

Belongs here: the judgement, from rows of `shard_metrics` to findings. Not here: settings and thresholds
(drift_settings.py), what is read off a row (drift_measures.py), statistics (drift_statistics.py), reading a lake
(arrivals.py).
"""

from dataclasses import dataclass

from prox_assets.monitoring.drift_settings import Kind, Measure, Severity


@dataclass(frozen=True)
class Finding:
    """One measure that has moved.

    Attributes:
        measure: What moved.
        kind: What sort of measure it is.
        severity: How bad that is.
        statistic: Name of the number that was compared: "psi", "change of rate", "relative change" or "columns".
        value: The number, in the unit of `Threshold`.
        threshold: The number from which on it is a finding here: the configured one, or what chance and the baseline's
            own spread explain, whichever is larger.
        baseline: The measure over the baseline (a rate, a level or the mean of a distribution), or None.
        current: The same over the judged shards.
        since: First shard of the present run of deviating ones.
        shards: All shards of that run, in order; they are the ones to look at.
        message: All of this in a sentence or two.
        examples: A SELECT over the catalog's views that shows the documents in question; for `prox sql`.
    """

    measure: Measure
    kind: Kind
    severity: Severity
    statistic: str
    value: float
    threshold: float
    baseline: float | None
    current: float | None
    since: str
    shards: tuple[str, ...]
    message: str
    examples: str
