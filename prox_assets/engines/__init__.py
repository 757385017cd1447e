"""Runs language models: one protocol, three engines.

Engines know token ids, models and hardware, and nothing of documents, prompts or programs.
"""
