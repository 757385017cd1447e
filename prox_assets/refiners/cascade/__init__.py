"""Cascades: a classifier judges every document, and a language model what the classifier leaves open."""
