"""Alerts: failed checks and failed runs of a corpus, told once when they begin and once when they are over."""
