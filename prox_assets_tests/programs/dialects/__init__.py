"""The dialects."""
