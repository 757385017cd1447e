"""Tests of prox_assets; the folders mirror it."""
