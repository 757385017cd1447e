"""Scores of models: bits per byte of texts, and multiple-choice tasks from local files."""
