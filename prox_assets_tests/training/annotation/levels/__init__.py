"""Tests of the two levels of annotation."""
