"""Tests of seed annotation."""
