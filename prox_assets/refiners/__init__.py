"""What a refiner is: its configuration and fingerprint, its prompts, its presets, the probe, and how it writes programs.

A refiner turns documents into programs, either by asking a model through an engine or, for `rules`, without one.
"""
