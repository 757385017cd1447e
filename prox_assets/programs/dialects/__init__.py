"""Dialects: how each kind of refiner's answer becomes operations."""
