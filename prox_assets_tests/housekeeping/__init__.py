"""Tests of `prox_assets.housekeeping`."""
