"""Tests of prox_assets.corpora."""
