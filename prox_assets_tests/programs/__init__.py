"""Tests of prox_assets.programs."""
