"""Drift of a corpus's quality: measures, statistics, judgement and messages."""
