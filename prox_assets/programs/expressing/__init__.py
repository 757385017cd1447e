"""Saying what was done to a document in any dialect, so that other tools can do it too."""
