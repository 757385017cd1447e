"""A model in this process, run by transformers."""
