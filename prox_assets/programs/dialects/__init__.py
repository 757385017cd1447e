"""Dialects: how the answer of each kind of refiner becomes operations."""
