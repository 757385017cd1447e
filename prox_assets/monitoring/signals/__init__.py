r"""Rule-based quality signals of texts: what model-free filters would measure, before refinement and after it.

One module per family of rules (gopher_quality, gopher_repetition, c4, fineweb): its signals as polars expressions, its
thresholds with their source. `measure` puts the families together; `text_parts` is what they share.

A word is a run of non-whitespace throughout, as in the papers; a line is what stands between two "\n", stripped, and
blank lines count only where a rule counts newlines. docs/monitoring.md has what other definitions change, in numbers.
"""

from prox_assets.monitoring.signals.family import Rule, SignalFamily
from prox_assets.monitoring.signals.measure import (
    FAMILIES,
    SignalTotals,
    document_signals,
    mean_signals,
    passes,
    total_signals,
)

__all__ = [
    "FAMILIES",
    "Rule",
    "SignalFamily",
    "SignalTotals",
    "document_signals",
    "mean_signals",
    "passes",
    "total_signals",
]
