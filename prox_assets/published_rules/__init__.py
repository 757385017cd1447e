"""The published rules for web text, each once: thresholds, words and characters, with their sources.

`monitoring.signals` measures what these rules look at, and `refiners.rules` applies them.
"""
