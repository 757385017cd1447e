"""Traces one document through the pipeline: read from the lake, put into words, shown as a page."""
