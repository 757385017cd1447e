"""Selectors that were fitted to a target: they score whole documents, for a proof or as a filter of a corpus."""
