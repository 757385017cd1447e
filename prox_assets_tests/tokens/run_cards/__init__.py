"""Run cards: what they say, and that each trainer's own code takes its files."""
