"""Tests of prox_assets.refiners."""
