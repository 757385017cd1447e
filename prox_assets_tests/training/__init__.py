"""Tests of prox_assets.training."""
