"""Selectors: what scores documents so that the best can be kept."""
