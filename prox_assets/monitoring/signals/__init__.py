"""Rule-based quality signals of texts: what model-free filters would measure, before refinement and after it.

One module per family of rules (gopher_quality, gopher_repetition, c4, fineweb): its signals as polars expressions.
`measure` puts the families together; `text_parts` is what they share. `published_rules` has the definitions.
"""

from prox_assets.monitoring.signals.family import Rule, SignalFamily
from prox_assets.monitoring.signals.measure import FAMILIES, SignalTotals, document_signals, passes, total_signals

__all__ = ["FAMILIES", "Rule", "SignalFamily", "SignalTotals", "document_signals", "passes", "total_signals"]
