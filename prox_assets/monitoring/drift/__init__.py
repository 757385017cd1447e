"""Whether quality drifts: measures, statistics, judgement and words."""
