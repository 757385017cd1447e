"""Tests of prox_assets.engines."""
