"""Refiners that ask a model: its files, its tokenizer, and what they make of its answers."""
