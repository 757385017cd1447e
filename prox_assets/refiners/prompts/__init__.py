"""Prompts: how a model is shown documents and chunks."""
