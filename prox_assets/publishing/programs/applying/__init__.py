"""Applying a programs data set to the original files: `prox apply`."""
