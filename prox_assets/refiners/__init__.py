"""Refiners: configuration and fingerprint, presets, prompts, the prompt-format probe, and program writing.

A refiner turns documents into programs. It asks a model through an engine; the `rules` refiner works without one.
"""
