"""Refiners that need no language model: a linear layer over words, and boosted trees over a line's surroundings."""
