"""Tests of published data sets."""
