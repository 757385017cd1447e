"""What a refiner is: configuration and fingerprint, prompts, presets, the probe, and how it writes programs.

A refiner turns documents into programs, either by asking a model through an engine or, for `rules`, without one.
"""
