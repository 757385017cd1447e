"""Refiners that ask a model: its files, its tokenizer, the requests, and the programs from its answers."""
